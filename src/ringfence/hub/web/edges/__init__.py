"""Pages of edges."""
