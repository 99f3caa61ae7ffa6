"""A gate in memory, with faults to order: the Gate port, and phones that show keys when a test says so."""

import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ringfence.edge.errors import ProgramMissing
from ringfence.edge.network.port_access.gate import GateOrders, LinkState
from ringfence.edge.network.port_access.messages import KeyRefused, KeyShown


@dataclass
class SimulatedGate:
    """Keeps what it is told; ``asked`` are the phones that were asked for their keys."""

    orders: GateOrders | None = None
    has_hostapd: bool = True
    trouble: str = ""
    said: list[KeyShown | KeyRefused] = field(default_factory=list)
    authorised: dict[str, bool] = field(default_factory=dict)
    at: set[str] = field(default_factory=set)
    let: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    up: bool = True
    changes: int = 0

    @property
    def waits_on(self) -> Sequence[socket.socket]:
        return ()

    def ask_for_keys(self, orders: GateOrders | None) -> None:
        if orders is not None and not self.has_hostapd:
            raise ProgramMissing("hostapd is not installed", to_do="Install it: apt install hostapd")
        self.orders = orders

    def look_after(self) -> str:
        return self.trouble

    def heard(self) -> Sequence[KeyShown | KeyRefused]:
        said, self.said = self.said, []
        return said

    def is_authorised(self, mac: str) -> bool | None:
        return self.authorised.get(mac)

    def begin(self, mac: str) -> bool:
        self.asked.append(mac)
        return True

    def at_gate(self) -> frozenset[str]:
        return frozenset(self.at)

    def inside(self) -> frozenset[str]:
        return frozenset(self.let)

    def let_in(self, macs: Collection[str]) -> None:
        self.let |= set(macs)

    def put_out(self, macs: Collection[str]) -> None:
        self.let -= set(macs)

    def link(self) -> LinkState:
        return LinkState(self.up, self.changes)

    def show(self, mac: str, name: str) -> None:
        """Have a phone show its key, as hostapd and the checker tell it."""
        self.at.add(mac)
        self.authorised[mac] = True
        self.said.append(KeyShown(mac, name))

    def lose_link(self) -> None:
        """Have the kernel do what it does then."""
        self.let.clear()
        self.up = False
        self.changes += 1
