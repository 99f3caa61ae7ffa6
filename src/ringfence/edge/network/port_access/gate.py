"""The gate at a port that asks for 802.1X, as its keeper uses it; ``linux_gate`` is its adapter."""

import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from ringfence.edge.network.port_access.messages import KeyRefused, KeyShown


@dataclass(frozen=True, slots=True)
class GateOrders:
    """Whose certificates count (PEM), and which phones are the site's."""

    authorities: tuple[str, ...]
    phones: frozenset[str]


@dataclass(frozen=True, slots=True)
class LinkState:
    """Whether the port has a link, and how often it got or lost one: both of one moment."""

    is_up: bool
    changes: int


class Gate(Protocol):
    """Who is at the port, who of them has shown a key, and who is let in. Every method may raise PortRefused.

    MAC addresses are bare. Whom ``let_in`` names is let in until the link is lost, when all are out at once.
    """

    @property
    def waits_on(self) -> Sequence[socket.socket]:
        """What becomes readable when somebody has shown a key."""

    def ask_for_keys(self, orders: GateOrders | None) -> None:
        """Ask everybody at the port for a key from now on; None: nobody.

        Raises:
            ProgramMissing: There is no such program.
        """

    def look_after(self) -> str:
        """Start again what has ended by itself; return a sentence if that does not help, empty if all is well."""

    def heard(self) -> Sequence[KeyShown | KeyRefused]:
        """Return who has shown a key, or failed to, since the last call."""

    def is_authorised(self, mac: str) -> bool | None:
        """Return whether who showed a key is still there by 802.1X; None if nobody can tell."""

    def begin(self, mac: str) -> bool:
        """Ask for a key who has not shown one; return whether that is possible now."""

    def at_gate(self) -> frozenset[str]:
        """Return who was seen at the port in the last minutes, let in or not."""

    def inside(self) -> frozenset[str]:
        """Return who is let in."""

    def let_in(self, macs: Collection[str]) -> None:
        """Let in these too."""

    def put_out(self, macs: Collection[str]) -> None:
        """Let in these no more."""

    def link(self) -> LinkState:
        """Return the port's link."""
