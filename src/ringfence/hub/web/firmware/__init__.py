"""Pages of firmware."""
