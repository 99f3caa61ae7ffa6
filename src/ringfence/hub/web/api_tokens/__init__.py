"""Pages of API tokens."""
