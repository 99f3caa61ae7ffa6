"""The device API: what edges ask, over mutual TLS."""
