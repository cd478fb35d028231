"""The commands under `reconciler gitlab`, one module each."""
