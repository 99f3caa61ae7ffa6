"""What there is to serve, opened without trust in names."""
