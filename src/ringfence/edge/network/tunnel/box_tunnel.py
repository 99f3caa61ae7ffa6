"""A box's end of the tunnel: every concentrator is a peer, and one of them at a time carries the calls.

Invariants:

- All concentrators are kept in touch with, so that a change from one to another is one change of what is routed where.
- What a concentrator is asked and answers goes through the tunnel, so that one that is reached but carries nothing is
  left too.
- A key that a concentrator changes to is used once a handshake by it has succeeded, and not before.
- A peer that the rules no longer name is out at once.
- One that is silent is spoken to anew, as it may have lost what it knew of this end. While anything comes from it, that
  is left as it is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ringfence.edge.network.tunnel.failover import Failover
from ringfence.edge.network.tunnel.wireguard import Peer, PeerTraffic
from ringfence.wire.network_messages import BoxTunnel

KEEPALIVE_S = 25
"""What WireGuard's manual page advises behind NAT (wg(8), PersistentKeepalive)."""
NUDGE_AFTER_S = 1.5
"""When the interface is told anew where a concentrator is that does not answer.

wireguard-go goes on sending from the address that this machine had before, for up to 15 s, unless it is told.
"""
RENEW_EVERY_S, RENEW_RARELY_S, RARELY_AFTER_S = 2.0, 10.0, 60.0
"""How often hands are shaken anew with one that is silent, and how often once that lasts.

WireGuard does so only after 15 s by itself, and asks one that did not know it yet again only after 5 s (WireGuard's
paper, section 6.1).
"""


@dataclass(slots=True)
class _Silence:
    """Since when nothing has come from a concentrator, how much had come by then, and when it is spoken to anew."""

    since: float
    received_bytes: int
    renew_at: float


@dataclass(frozen=True, slots=True)
class TunnelEnd:
    """One concentrator at one key: where it is, and its place inside."""

    concentrator: str
    public_key: str
    endpoint: tuple[str, int]
    address: str
    networks: tuple[str, ...]
    is_next: bool = False
    """Whether this is the key that it changes to."""


class TunnelLink(Protocol):
    """The interface of the tunnel (``wireguard.WireGuard``)."""

    def put(self, peers: Iterable[Peer]) -> None:
        """Add or change peers."""

    def remove(self, public_keys: Iterable[str]) -> None:
        """Take peers out."""

    def route(self, networks: Iterable[str]) -> None:
        """Lead exactly these networks into it."""

    def routes(self) -> frozenset[str]:
        """Return the networks that lead into it (CIDR), besides its own addresses'."""

    def traffic(self) -> Mapping[str, PeerTraffic]:
        """Return every peer's traffic, by its public key."""


class AskingEnds(Protocol):
    """Asks whether addresses answer through the tunnel (``echo.Echo``)."""

    def ask(self, addresses: Iterable[str], used: str = "") -> None:
        """Ask each, and tell the one that is used so."""

    def answered(self) -> set[str]:
        """Return which have answered the last question."""


class TunnelKeeper:
    """Keeps one tunnel as the rules say. ``clock`` is monotonic, in seconds; every method may raise TunnelRefused."""

    def __init__(self, link: TunnelLink, asking: AskingEnds, clock: Callable[[], float]) -> None:
        self._link = link
        self._asking = asking
        self._clock = clock
        self._ends: tuple[TunnelEnd, ...] = ()
        self._failover = Failover()
        self._keys: dict[str, str] = {}
        """Each concentrator's key that is used."""
        self._peers: dict[str, Peer] = {}
        """What the link was told, by public key."""
        self._routed: frozenset[str] | None = None
        self._traffic: Mapping[str, PeerTraffic] = {}
        self._silences: dict[str, _Silence] = {}
        """Who is silent, by public key."""
        self._shaken_at: dict[str, float] = {}
        """When hands were shaken last, by public key; a peer that is made anew forgets it."""

    def take(self, ends: Sequence[TunnelEnd]) -> None:
        """Go by these ends from now on, the preferred concentrator first."""
        self._ends = tuple(ends)
        keys = {end.public_key for end in ends}
        self._silences = {key: silence for key, silence in self._silences.items() if key in keys}
        self._shaken_at = {key: at for key, at in self._shaken_at.items() if key in keys}
        self._failover.take(tuple(dict.fromkeys(end.concentrator for end in ends)))
        self._settle()

    def on_time(self) -> None:
        """Hear who answers, change to another concentrator if it is time, and ask again. Call it every second."""
        now = self._clock()
        self._traffic = self._link.traffic()
        self._shaken_at |= {key: each.handshake_at for key, each in self._traffic.items() if each.handshake_at > 0}
        heard = self._asking.answered()
        for end in self._ends:
            if end.address in heard:
                self._failover.hear(end.concentrator, now)
        self._failover.choose(now)
        for end in self._ends:
            self._look_at_silence(end, now)
        self._settle()
        self._asking.ask({end.address for end in self._ends}, self._address_of(self.used))

    @property
    def is_changing(self) -> bool:
        """Whether a concentrator has a next key that has not shaken hands yet."""
        return any(end.is_next and self._keys.get(end.concentrator) != end.public_key for end in self._ends)

    def look_at_keys(self) -> None:
        """Use the key that a concentrator has changed to; between two calls of ``on_time``, as calls wait for it."""
        self._traffic = self._link.traffic()
        self._settle()

    @property
    def used(self) -> str:
        """The concentrator that carries the calls; empty without any."""
        return self._failover.used

    def is_answered(self) -> bool:
        """Return whether the concentrator in use has answered lately."""
        return self._failover.answers(self.used, self._clock())

    @property
    def standing(self) -> tuple[BoxTunnel, ...]:
        """How the tunnel to each concentrator is."""
        return tuple(map(self._standing_of, dict.fromkeys(end.concentrator for end in self._ends)))

    def _look_at_silence(self, end: TunnelEnd, now: float) -> None:
        """Have the link told anew of a concentrator that is silent: first where it is, then as one that is new."""
        key = end.public_key
        if self._failover.answers(end.concentrator, now, NUDGE_AFTER_S):
            self._silences.pop(key, None)
            return
        received = self._traffic[key].received_bytes if key in self._traffic else 0
        silence = self._silences.get(key)
        if silence is None or silence.received_bytes != received:
            self._silences[key] = _Silence(now, received, now + RENEW_EVERY_S)
            self._peers.pop(key, None)
        elif now >= silence.renew_at:
            silence.renew_at = now + (RENEW_EVERY_S if now - silence.since < RARELY_AFTER_S else RENEW_RARELY_S)
            silence.received_bytes = 0  # a new peer begins to count anew
            if self._peers.pop(key, None) is not None:
                self._link.remove([key])

    def _standing_of(self, concentrator: str) -> BoxTunnel:
        keys = [end.public_key for end in self._of(concentrator)]
        traffic = [self._traffic[key] for key in keys if key in self._traffic]
        return BoxTunnel(
            concentrator,
            handshake_at=max((self._shaken_at.get(key, 0.0) for key in keys), default=0.0),
            sent_bytes=sum(each.sent_bytes for each in traffic),
            received_bytes=sum(each.received_bytes for each in traffic),
            is_used=concentrator == self.used,
        )

    def _address_of(self, concentrator: str) -> str:
        return next((end.address for end in self._of(concentrator)), "")

    def _of(self, concentrator: str) -> list[TunnelEnd]:
        return [end for end in self._ends if end.concentrator == concentrator]

    def _settle(self) -> None:
        """Tell the link what differs from what it was told, peers that give something up before those that get it."""
        wanted = {end.public_key: self._peer(end) for end in self._ends}
        if gone := [key for key in self._peers if key not in wanted]:
            self._link.remove(gone)
            for key in gone:
                del self._peers[key]
        changed = [peer for key, peer in wanted.items() if self._peers.get(key) != peer]
        changed.sort(key=lambda peer: len(peer.networks))
        if changed:
            self._link.put(changed)
            self._peers |= {peer.public_key: peer for peer in changed}
        routed = frozenset(network for peer in wanted.values() for network in peer.networks)
        if routed != self._routed:
            self._link.route(routed)
            self._routed = routed

    def _peer(self, end: TunnelEnd) -> Peer:
        networks: tuple[str, ...] = ()
        if end.public_key == self._key_of(end.concentrator):
            networks = (f"{end.address}/32", *(end.networks if end.concentrator == self.used else ()))
        return Peer(end.public_key, tuple(dict.fromkeys(networks)), end.endpoint, KEEPALIVE_S)

    def _key_of(self, concentrator: str) -> str:
        """Return the key by which a concentrator is used: the next one as soon as a handshake by it has succeeded."""
        ends = self._of(concentrator)
        known = {end.public_key for end in ends}
        shaken = [end.public_key for end in ends if end.is_next and self._has_shaken(end.public_key)]
        kept = self._keys.get(concentrator, "")
        chosen = shaken[0] if shaken else kept if kept in known else ends[0].public_key
        self._keys[concentrator] = chosen
        return chosen

    def _has_shaken(self, key: str) -> bool:
        return key in self._traffic and self._traffic[key].handshake_at > 0
