"""What is heard on the phones' network."""
