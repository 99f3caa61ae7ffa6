"""Pages of phones' lines."""
