"""Pages about portable bundles."""
