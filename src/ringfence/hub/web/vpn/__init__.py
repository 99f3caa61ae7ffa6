"""Pages of VPN head ends."""
