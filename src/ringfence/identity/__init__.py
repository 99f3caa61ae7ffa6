"""Identities: keys, certificates and enrolment tokens, without I/O."""
