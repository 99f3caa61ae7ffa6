"""Pages about the CAs whose certificates 802.1X accepts from phones."""
