"""Homes with phone boxes, the internet between, and a PBX with its concentrator: real programs in namespaces."""
