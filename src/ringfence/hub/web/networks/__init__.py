"""Pages about boxes' networks: what a site asks of them."""
