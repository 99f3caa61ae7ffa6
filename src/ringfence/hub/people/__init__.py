"""The people's API: what the command line, scripts and pages ask, with bearer tokens."""
