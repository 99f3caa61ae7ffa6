"""Sign-in providers of an organisation."""
