"""Ringfence keeps IP phones that only speak TFTP provisioned over the internet."""

__version__ = "0.1.0"
