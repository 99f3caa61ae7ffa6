"""Orders that a phone takes otherwise than by SIP."""
