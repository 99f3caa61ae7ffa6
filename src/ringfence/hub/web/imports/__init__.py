"""Pages on which a table of phones is imported."""
