"""The forms that phones' files have: how each is checked, patched and read."""
