"""Pages of the guard: who waits, what it decided, alerts."""
