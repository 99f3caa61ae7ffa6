"""A certificate for phones that a public CA issues and the hub renews by itself (ACME, RFC 8555)."""
