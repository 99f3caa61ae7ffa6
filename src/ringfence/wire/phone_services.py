"""Phones' connections to CAPF and TVS, through an edge: which there are, and their bounds on every part of the way."""

from collections.abc import Mapping
from types import MappingProxyType

CAPF, TVS = "capf", "tvs"
PORTS: Mapping[str, int] = MappingProxyType({CAPF: 3804, TVS: 2445})
"""Where phones connect (PHONES.md 5.8, 5.9)."""
LONGEST_S = 300.0
"""How long a connection may last: a phone takes minutes to make a key."""
LARGEST_BYTES = 256 * 1024
"""How much may go each way: two certificates and the handshake have some 10 KiB."""
MOST_AT_ONCE = 8
"""Connections of one edge. Phones try again after 30 s (TRUST.md)."""
MOST_OF_PHONE = 2
MOST_A_MINUTE = 30
"""Of one address: a phone that fails tries three times, 30 s apart (TRUST.md), and asks TVS now and then."""
MEDIA_TYPE = "application/octet-stream"
