"""Attacks on one's own TFTP server, each named, small and harmless to others: what it did, what came back, a verdict.

A target is an address of this very machine, or it is refused: loopback, or an interface of the network namespace.
"""
