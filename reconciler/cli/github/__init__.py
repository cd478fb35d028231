"""The commands under `reconciler github`, one module each."""
