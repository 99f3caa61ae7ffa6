"""Pages of phones."""
