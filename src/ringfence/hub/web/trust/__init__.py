"""Pages of the phones' trust."""
