"""The phone's port as the keeper uses it; ``linux_port`` is its adapter."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Protocol

from ringfence.edge.network.dnsmasq import AddressService
from ringfence.edge.network.plan import PortPlan
from ringfence.wire.network_messages import BoxTunnel


class Tunnel(Protocol):
    """The box's end of the tunnel (``tunnel.service``). Every method may raise TunnelRefused."""

    @property
    def public_key(self) -> str:
        """By which concentrators know this box."""

    @property
    def next_public_key(self) -> str:
        """By which they are to know it; empty while the key does not change."""

    @property
    def is_changing(self) -> bool:
        """Whether a concentrator is about to change its key."""

    @property
    def is_answered(self) -> bool:
        """Whether the concentrator in use has answered lately."""

    @property
    def standing(self) -> tuple[BoxTunnel, ...]:
        """How the tunnel to each concentrator is."""

    def take(self, plan: PortPlan) -> None:
        """Go by a plan."""

    def on_time(self) -> None:
        """Look who answers; to be called every second."""

    def prepare_key(self, retired_key: str, *, is_time_known: bool) -> None:
        """Make the next key if the hub wants this one changed, or it is old."""

    def use_key(self, next_public_key: str) -> None:
        """Be known by the next key from now on, if it is this one."""

    def look_at_keys(self) -> None:
        """Take over the key that a concentrator has changed to; to be called often while ``is_changing``."""


class Port(Protocol):
    """One interface, its fence, and the programs that answer there. Every method may raise PortRefused."""

    def fence(self) -> str:
        """Return the text of the fence that stands; empty if none does, or nobody knows which."""

    def set_fence(self, text: str) -> None:
        """Put a fence in place of the one before, at once and whole.

        Raises:
            FenceRefused: nftables does not take it; the one before stays.
        """

    def is_there(self) -> bool:
        """Return whether the machine has the interface now."""

    def addresses(self) -> tuple[IPv4Interface, ...]:
        """Return the port's own addresses, if it is up; none if it is down."""

    def open(self, addresses: Sequence[IPv4Interface], *, routed: Sequence[str], is_gated: bool = False) -> None:
        """Give the port, which is shut, exactly these addresses, then bring it up.

        Args:
            addresses: The box's own, with their subnets.
            routed: The interfaces of which this machine passes on what comes in there, as far as they exist.
            is_gated: Whether nobody is let in whom a gate (``port_access``) does not name.

        Raises:
            PortRefused: The kernel can't; a gate that can't be had leaves the port shut.
        """

    def is_gated(self) -> bool:
        """Return whether nobody is let in whom the gate does not name."""

    def shut(self) -> None:
        """Take the port down, with its addresses."""

    def serve(self, service: AddressService | None) -> None:
        """Give out addresses and answer names so from now on; None: not at all.

        Raises:
            ProgramMissing: There is no such program.
        """

    def keep_time(self, box: IPv4Interface | None) -> None:
        """Answer phones what time it is, at this address; None: not at all.

        Raises:
            ProgramMissing: There is no such program.
        """

    def knows_time(self) -> bool:
        """Return whether the kernel says that somebody keeps this machine's clock right."""

    def put_calls_first(self, kbit: int) -> None:
        """Send calls first by the uplink, on a line that takes so many kbit/s; 0: send as the machine does.

        Raises:
            ProgramMissing: There is no such program.
        """

    def look_after(self) -> str:
        """Start again what has ended by itself; return a sentence if that does not help, empty if all is well."""

    def other_networks(self) -> frozenset[IPv4Network]:
        """Return the networks that are reached by other interfaces than the port and the tunnel, without a gateway."""

    def links(self) -> Mapping[str, bool]:
        """Return the named interfaces and whether each has a link."""

    def devices(self) -> frozenset[str]:
        """Return the bare MAC addresses that were seen at the port in the last minutes.

        Raises:
            PortRefused: The fence that would tell is gone.
        """

    def ask_who_serves(self) -> None:
        """Ask whether another DHCP server is at the port; what it answers comes later."""

    def others_serving(self) -> frozenset[IPv4Address]:
        """Return which other servers have answered since the last question."""
