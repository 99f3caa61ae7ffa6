"""Firmware as phones take it: loads, the files that they name, versions, and the steps between them."""
