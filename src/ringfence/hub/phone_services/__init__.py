"""CAPF and TVS: what phones ask of a hub about certificates, in a process that holds the keys for that and no more."""
