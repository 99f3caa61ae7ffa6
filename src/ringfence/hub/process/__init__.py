"""The hub as a process: start, listeners, TLS, background jobs."""
