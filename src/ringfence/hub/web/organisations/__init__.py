"""Pages of organisations, for those who run the hub, and which of them they look at."""
