"""TFTP on the loop: requests in, transfers out."""
