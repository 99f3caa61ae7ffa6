"""Telling people of alerts where they look anyway: by mail, and to other programs by webhook."""
