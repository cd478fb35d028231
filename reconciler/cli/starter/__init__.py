"""The files that `reconciler init` writes."""
