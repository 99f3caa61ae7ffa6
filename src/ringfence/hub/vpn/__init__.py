"""VPN head ends of an organisation: their certificates, the change of these, and what is written for ocserv."""
