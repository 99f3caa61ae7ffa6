"""Releases: names, digests and signed metadata, with no I/O."""
