"""Who is who: keys, certificates and enrolment tokens, with no I/O."""
