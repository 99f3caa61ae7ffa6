"""Pages of groups of phones."""
