"""Which boxes' calls go through this concentrator, as they say themselves: a machine without input and output.

A box keeps in touch with every concentrator and uses one. What is sent to its phones must come by that one: otherwise
a fail-over would have a way out and no way back.
"""

from collections.abc import Collection, Mapping
from ipaddress import IPv4Network

KEPT_S = 8.0
"""How long a claim holds that is not repeated; a box repeats it every second."""


class Claims:
    """Remembers who claims to use this concentrator; ``now`` is monotonic, in seconds."""

    def __init__(self) -> None:
        self._subnets: Mapping[str, IPv4Network] = {}
        self._claimed_at: dict[IPv4Network, float] = {}

    def take(self, subnets: Mapping[str, IPv4Network]) -> None:
        """Know exactly these boxes from now on, by their own addresses; claims of those that stay still count."""
        known = frozenset(subnets.values()) if self._claimed_at else frozenset()
        self._subnets = subnets
        self._claimed_at = {subnet: at for subnet, at in self._claimed_at.items() if subnet in known}

    def presume(self, networks: Collection[str], now: float) -> None:
        """Take it that boxes whose subnets are among these (CIDR) use this end, until they say otherwise."""
        self._claimed_at |= {subnet: now for subnet in self._subnets.values() if str(subnet) in networks}

    def hear(self, asked: Mapping[str, bool], now: float) -> None:
        """Note who has asked whether this end is there, and whether their calls go this way."""
        for address, is_used in asked.items():
            subnet = self._subnets.get(address)
            if subnet is None:
                continue
            if is_used:
                self._claimed_at[subnet] = now
            else:
                self._claimed_at.pop(subnet, None)

    def claimed(self, now: float) -> frozenset[IPv4Network]:
        """Return the subnets whose way back is through here."""
        return frozenset(subnet for subnet, at in self._claimed_at.items() if now - at < KEPT_S)
