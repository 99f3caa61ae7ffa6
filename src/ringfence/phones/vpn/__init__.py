"""Head ends of the AnyConnect client that phones have: what phones compare, and the configuration of ocserv."""
