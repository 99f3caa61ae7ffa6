"""TFTP as machines: packets, options and transfers, with no I/O (RFC 1350, 2347, 2348, 2349)."""
