"""Cisco's enterprise phones: what their families share."""
