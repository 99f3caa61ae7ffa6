"""HTTP/1.1 on the same loop as TFTP."""
