"""Who is let in at a port that asks for 802.1X, why, and what is told of it.

Invariants:

- With ``require`` nobody is let in who has not shown the key of a site's phone. With ``try`` only phones of the site
  are, by their MAC addresses, and what they did not show is told.
- A key counts while hostapd says that its phone is there, and the kernel has let it in without a break of the link.
- Whoever was inside when hostapd or the helper was started anew stays for RENEW_S, and proves nothing meanwhile.
- Who is at the port is a stranger: what is remembered of them is bounded.
"""

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cachetools import FIFOCache, TTLCache

from ringfence.counted import counted, some
from ringfence.edge.errors import PortRefused, ProgramMissing
from ringfence.edge.network.port_access.gate import Gate, GateOrders, LinkState
from ringfence.edge.network.port_access.messages import KeyFault, KeyRefused, KeyShown
from ringfence.wire.network_messages import AdmittedBy, PortAccess, PortEntry

TRY_S = 10.0
"""How long a phone may take to begin with 802.1X before it is let in without, where the site does not require it."""
RENEW_S = 60.0
ASK_AGAIN_S = 10.0
REFUSED_S = 600.0
"""How long it is told that somebody failed who does not try again."""
SETTLES_S = 5.0
"""How long hostapd may take to let in who has just shown a key."""
MOST_REMEMBERED = 64
MOST_REFUSALS_TOLD = 4
MOST_INSIDE = 16
"""It is one phone's port; more than so many are not let in by it."""


@dataclass(frozen=True, slots=True)
class _Proof:
    name: str
    at: float


@dataclass(slots=True)
class _Waiting:
    since: float
    asked_at: float = float("-inf")


class GateKeeping:
    """Keeps the gate of one port. ``missing`` names a program that is not installed; empty if all are.

    Args:
        gate: The gate.
        wall: Unix seconds.
    """

    most_refusals = MOST_REFUSALS_TOLD

    def __init__(self, gate: Gate, wall: Callable[[], float] = time.time) -> None:
        self._gate = gate
        self._wall = wall
        self._access = PortAccess.OFF
        self._orders: GateOrders | None = None
        self._entries: dict[str, PortEntry] = {}
        self._shown: FIFOCache[str, _Proof] = FIFOCache(MOST_REMEMBERED)
        self._refused: TTLCache[str, KeyRefused] = TTLCache(MOST_REMEMBERED, REFUSED_S)
        self._waiting: FIFOCache[str, _Waiting] = FIFOCache(MOST_REMEMBERED)
        self._link: LinkState | None = None
        self._until: dict[str, float] = {}
        self._unsure: dict[str, PortEntry] = {}
        """What is to be told again if hostapd answers as before."""
        self._is_new = True
        self.missing = ""
        self._at_start = self._since = ""

    @property
    def fault(self) -> str:
        """What is wrong with the programs or the bridge; empty if nothing is."""
        return self._at_start or self._since

    @property
    def entries(self) -> tuple[PortEntry, ...]:
        """Who is let in, and by what."""
        return tuple(self._entries[mac] for mac in sorted(self._entries))

    @property
    def is_waiting(self) -> bool:
        """Whether somebody has just shown a key, so that ``on_time`` is worth while at once."""
        return bool(self._shown)

    @property
    def waits_on(self) -> Sequence[socket.socket]:
        """What becomes readable when somebody has shown a key."""
        return self._gate.waits_on

    def at_gate(self) -> frozenset[str]:
        """Return who was seen at the port lately, let in or not; nobody where there is no gate. PortRefused."""
        return self._gate.at_gate() if self._orders is not None else frozenset()

    def settle(self, access: PortAccess, orders: GateOrders | None) -> None:
        """Go by these orders; None: there is no gate."""
        if orders is None:
            self._since = ""
            self._forget()
        self._access, self._orders = access, orders
        self.missing = self._at_start = ""
        try:
            self._gate.ask_for_keys(orders)
        except ProgramMissing as fault:
            self.missing = str(fault)
        except PortRefused as fault:
            self._at_start = str(fault)

    def on_time(self, now: float) -> None:
        """Let in who is to be, and nobody else; call it every second. ``now`` never goes back."""
        if (orders := self._orders) is None:
            return
        try:
            if not self.missing:
                self._since = self._gate.look_after()
            self._hear(now)
            link, was_lost = self._look_at_link()
            inside = self._gate.inside()
            self._drop_who_left(frozenset() if was_lost else inside, now, orders)
            if link.is_up:
                self._admit_by_key(now, orders)
                self._ask(now, orders)
            self._open_for({*self._entries, *self._until}, inside, link)
        except (PortRefused, ProgramMissing) as fault:
            self._since = str(fault)

    def _look_at_link(self) -> tuple[LinkState, bool]:
        """Return how the link is, and whether it was lost since the last look, be it for a moment."""
        before, link = self._link, self._gate.link()
        self._link = link
        was_lost = not link.is_up or (before is not None and link.changes > before.changes + 1)
        if was_lost:
            shown = list(self._shown) if link.is_up else []
            for kept in (self._waiting, self._shown, self._refused):
                kept.clear()
            for mac in shown:  # before or after the loss: nobody knows
                self._gate.begin(mac)
        return link, was_lost

    def _open_for(self, wanted: set[str], inside: frozenset[str], link: LinkState) -> None:
        """Let in who is not yet inside, and nobody twice: whom the kernel has just put out stays out."""
        self._gate.put_out(inside - wanted)
        if new := wanted - inside:
            self._gate.let_in(new)
            if self._gate.link().changes != link.changes:
                self._gate.put_out(new)  # it is another's link already

    def _hear(self, now: float) -> None:
        for said in self._gate.heard():
            match said:
                case KeyShown(mac, name):
                    self._shown[mac] = _Proof(name, now)
                    self._refused.pop(mac, None)
                case KeyRefused(mac):
                    self._refused[mac] = said
                    self._shown.pop(mac, None)
                    entry = self._entries.get(mac)
                    if entry is not None and entry.by == AdmittedBy.KEY:
                        del self._entries[mac]

    def _drop_who_left(self, inside: frozenset[str], now: float, orders: GateOrders) -> None:
        for mac, entry in list(self._entries.items()):
            is_there = mac in inside and mac in orders.phones
            if is_there and entry.by == AdmittedBy.KEY:
                match self._gate.is_authorised(mac):
                    case False:
                        is_there = False
                    case None:  # hostapd was started anew, and does not know it yet
                        self._unsure[mac] = self._entries.pop(mac)
                        self._until[mac] = now + RENEW_S
                        continue
            elif self._access is PortAccess.REQUIRE and entry.by != AdmittedBy.KEY:
                is_there = False
            if not is_there:
                del self._entries[mac]
                self._waiting.pop(mac, None)
        if self._is_new:
            self._is_new = False
            self._until = dict.fromkeys(inside, now + RENEW_S)  # an earlier helper let them in
        self._until = {
            mac: until
            for mac, until in self._until.items()
            if now < until and mac in inside and mac in orders.phones and mac not in self._refused
        }

        self._unsure = {mac: entry for mac, entry in self._unsure.items() if mac in self._until}

    def _admit_by_key(self, now: float, orders: GateOrders) -> None:
        for mac, proof in list(self._shown.items()):
            is_in = mac in orders.phones and self._gate.is_authorised(mac)
            if is_in or mac not in orders.phones or now > proof.at + SETTLES_S:
                del self._shown[mac]
            if is_in:
                self._enter(PortEntry(mac, AdmittedBy.KEY, self._wall(), proof.name))
        for mac, entry in self._unsure.items():
            if mac in self._until and self._gate.is_authorised(mac):
                self._enter(entry)

    def _ask(self, now: float, orders: GateOrders) -> None:
        """Ask phones for their keys that have shown none; with ``try``, let in who does not."""
        for mac in sorted(self._gate.at_gate() | self._until.keys()):
            has_key = mac in self._entries and self._entries[mac].by == AdmittedBy.KEY
            if mac not in orders.phones or has_key:
                continue
            waiting = self._waiting.setdefault(mac, _Waiting(now))
            if now >= waiting.asked_at + ASK_AGAIN_S and mac not in self._entries:
                self._gate.begin(mac)
                waiting.asked_at = now
            is_over = bool(self.missing) or mac in self._refused or now >= waiting.since + TRY_S
            if self._access is PortAccess.TRY and is_over and mac not in self._entries and mac not in self._shown:
                self._enter(PortEntry(mac, AdmittedBy.FALLBACK, self._wall()))

    def _enter(self, entry: PortEntry) -> None:
        before = self._entries.get(entry.mac)
        if before is not None and (before.by, before.certificate) == (entry.by, entry.certificate):
            return
        if before is not None or len(self._entries) < MOST_INSIDE:
            self._entries[entry.mac] = entry
            self._until.pop(entry.mac, None)

    def _forget(self) -> None:
        for kept in (self._entries, self._shown, self._refused, self._waiting, self._until, self._unsure):
            kept.clear()
        self._is_new, self._link = True, None

    @property
    def refusals(self) -> list[str]:
        """What to tell of those who showed no key that counts."""
        return [
            _refusal(each, is_inside=mac in self._entries)
            for mac, each in list(self._refused.items())[-MOST_REFUSALS_TOLD:]
            if self._orders is not None
        ]

    @property
    def without_key(self) -> str:
        """What to tell of phones that show no key at all; empty if there are none."""
        if self._orders is None:
            return ""
        inside = [mac for mac, each in self._entries.items() if each.by == AdmittedBy.FALLBACK]
        if told := [mac for mac in inside if mac not in self._refused]:
            return (
                f"At the phone's port {_phones(told)} let in without 802.1X: no key was shown. Switch 802.1X on at the "
                "phone (Settings, Security), or leave it: it has what a phone gets without it."
            )
        shut = [mac for mac in self._waiting if mac not in self._entries and mac not in self._refused]
        if self._access is PortAccess.REQUIRE and shut:
            return (
                f"At the phone's port {_phones(shut)} kept out, as no key was shown and the site requires 802.1X. "
                "Switch 802.1X on at the phone (Settings, Security), or have the site only try it: "
                "ringfence network set SITE --port-access try"
            )
        return ""


def _refusal(said: KeyRefused, *, is_inside: bool) -> str:
    who = f"{_colons(said.mac)} at the phone's port"
    why = {
        KeyFault.FOREIGN: f"{who} showed a certificate of a CA that is not among the site's. If it is a phone's own, "
        "add its maker's CA: ringfence port-authority add FILE",
        KeyFault.EXPIRED: f"{who} showed a certificate that has expired. Install one of your own at the phone (LSC), "
        "or have the site only try 802.1X",
        KeyFault.NOT_YET: f"{who} showed a certificate that is not valid yet: look at this machine's clock",
        KeyFault.OTHER_PHONE: f"{who} showed the certificate of another phone, {said.detail}",
        KeyFault.NO_PHONE: f"{who} showed its own certificate, {said.detail}, and is no phone of this site",
        KeyFault.NO_NAME: f"{who} showed a certificate that names no phone: {said.detail or 'it has no name'}",
        KeyFault.OTHER: f"{who} failed at 802.1X: {said.detail}",
    }[said.fault]
    return f"{why}. It is {'let in all the same, at a lower level' if is_inside else 'kept out'}."


def _phones(macs: list[str]) -> str:
    verb = "is" if len(macs) == 1 else "are"
    return f"{counted(len(macs), 'phone')} ({some(sorted(map(_colons, macs)), 4)}) {verb}"


def _colons(mac: str) -> str:
    return ":".join(mac[at : at + 2] for at in range(0, 12, 2))
