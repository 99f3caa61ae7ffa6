"""What a concentrator does with the boxes that it is told of: peers, fence, and the way back to each.

Invariants:

- A box that is no longer named is out before anything else is done; one that is new is fenced before it is let in.
- A box's next key is taken in its place once a handshake by it has succeeded, so that calls go on.
- The way back to a box's phones leads here only while their calls come this way; to the box itself it always does, so
  that it hears whether this concentrator is there.
- What changes costs what has changed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Protocol

from ringfence.edge.concentrator.claims import Claims
from ringfence.edge.concentrator.fence import FencedBox, change_text, whole_text
from ringfence.edge.network.tunnel.box_tunnel import TunnelLink
from ringfence.edge.network.tunnel.wireguard import Peer, PeerTraffic

READ_EVERY_S = 1.0
"""How often the interface is asked who has shaken hands, and so whether it is there."""


@dataclass(frozen=True, slots=True)
class ConcentratorBox:
    """A box as a concentrator knows it: its key, the one that it changes to (or none), and what its phones may do."""

    edge_id: str
    public_key: str
    fenced: FencedBox
    next_public_key: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key by which it may call."""
        return tuple(filter(None, (self.public_key, self.next_public_key)))


@dataclass(frozen=True, slots=True)
class BoxAtConcentrator:
    """How a box is, as the concentrator sees it."""

    edge_id: str
    handshake_at: float
    received_bytes: int
    sent_bytes: int
    is_claimed: bool
    """Whether its calls go through here."""
    public_key: str
    """The key by which it calls."""


class HearingBoxes(Protocol):
    """Hears who asks through the tunnel (``echo.Echo``)."""

    def asked(self) -> Mapping[str, bool]:
        """Return who has asked, and whether their calls go this way."""


class ConcentratorKeeper:
    """Keeps one concentrator as the hub says. Every method may raise TunnelRefused or FenceRefused.

    Args:
        interface: The tunnel's interface.
        link: That interface, to be told peers and routes.
        set_fence: Applies a text of nftables as one transaction.
        hearing: Hears the boxes.
        answer_for: Tells the network beside the PBX that exactly these subnets are reached by this machine.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self,
        interface: str,
        link: TunnelLink,
        set_fence: Callable[[str], None],
        hearing: HearingBoxes,
        answer_for: Callable[[frozenset[IPv4Network]], None],
        clock: Callable[[], float],
    ) -> None:
        self._interface = interface
        self._link = link
        self._set_fence = set_fence
        self._hearing = hearing
        self._answer_for = answer_for
        self._clock = clock
        self._boxes: dict[str, ConcentratorBox] = {}
        self._fenced: dict[IPv4Network, FencedBox] = {}
        self._peers: dict[str, Peer] = {}
        self._used_keys: dict[str, str] = {}
        self._claims = Claims()
        self._claimed: frozenset[IPv4Network] = frozenset()
        self._settled: dict[str, tuple[ConcentratorBox, str]] = {}
        """What the link was told of each box: as it was, and the key by which it called."""
        self._routed: frozenset[str] | None = None
        self._traffic: Mapping[str, PeerTraffic] = {}
        self._read_at = float("-inf")

    def begin(self, boxes: Sequence[ConcentratorBox]) -> None:
        """Take over what an earlier process left: calls of these boxes go on, and nobody else is let through."""
        self._traffic = self._link.traffic()
        self._fenced = {box.fenced.subnet: box.fenced for box in boxes}
        self._set_fence(whole_text(self._interface, self._fenced.values()))
        self._claims.take(self._by_address())
        self._claims.presume(self._link.routes(), self._clock())
        self.take(boxes)

    def take(self, boxes: Sequence[ConcentratorBox]) -> None:
        """Know exactly these boxes from now on. Each has a subnet of its own, and keys that no other has."""
        self._boxes = {box.edge_id: box for box in boxes}
        known = {key for box in boxes for key in box.keys}
        gone = [key for key in (*self._peers, *self._traffic) if key not in known]
        if gone:
            self._link.remove(dict.fromkeys(gone))
            self._peers = {key: peer for key, peer in self._peers.items() if key in known}
            self._traffic = {key: traffic for key, traffic in self._traffic.items() if key in known}
        self._settled = {edge_id: told for edge_id, told in self._settled.items() if edge_id in self._boxes}
        fenced = {box.fenced.subnet: box.fenced for box in boxes}
        if text := change_text(self._interface, self._fenced, fenced):
            self._set_fence(text)
            self._fenced = fenced
            self._claims.take(self._by_address())
            self._routed = None
        self._settle()

    def on_time(self) -> None:
        """Hear which boxes' calls come this way, and who has changed their key. Call it several times a second."""
        now = self._clock()
        if now - self._read_at >= READ_EVERY_S:
            self._traffic, self._read_at = self._link.traffic(), now
        self._claims.hear(self._hearing.asked(), now)
        self._settle()

    @property
    def standing(self) -> tuple[BoxAtConcentrator, ...]:
        """How each box is."""
        return tuple(map(self._standing_of, self._boxes.values()))

    def _standing_of(self, box: ConcentratorBox) -> BoxAtConcentrator:
        traffic = [self._traffic[key] for key in box.keys if key in self._traffic]
        return BoxAtConcentrator(
            box.edge_id,
            handshake_at=max((each.handshake_at for each in traffic), default=0.0),
            received_bytes=sum(each.received_bytes for each in traffic),
            sent_bytes=sum(each.sent_bytes for each in traffic),
            is_claimed=box.fenced.subnet in self._claimed,
            public_key=self._used_keys[box.edge_id],
        )

    def _settle(self) -> None:
        """Tell the link what differs from what it was told, and the network what comes this way anew."""
        self._used_keys = {box.edge_id: self._key_of(box) for box in self._boxes.values()}
        settled = {edge_id: (box, self._used_keys[edge_id]) for edge_id, box in self._boxes.items()}
        news = [box for edge_id, box in self._boxes.items() if self._settled.get(edge_id) != settled[edge_id]]
        changed = [peer for box in news for peer in self._peers_of(box) if self._peers.get(peer.public_key) != peer]
        if changed:
            changed.sort(key=lambda peer: len(peer.networks))  # who gives a subnet up comes before who gets it
            self._link.put(changed)
            self._peers |= {peer.public_key: peer for peer in changed}
        self._settled = settled
        claimed = self._claims.claimed(self._clock())
        if self._routed is None or claimed != self._claimed:
            own = (f"{box.own_address}/32" for box in self._fenced.values())
            routed = frozenset((*own, *map(str, claimed)))
            self._link.route(sorted(routed))
            self._routed = routed
        if claimed != self._claimed:
            self._answer_for(claimed)
            self._claimed = claimed

    def _by_address(self) -> dict[str, IPv4Network]:
        return {box.own_address: subnet for subnet, box in self._fenced.items()}

    def _peers_of(self, box: ConcentratorBox) -> list[Peer]:
        used = self._used_keys[box.edge_id]
        return [Peer(key, (str(box.fenced.subnet),) if key == used else ()) for key in box.keys]

    def _key_of(self, box: ConcentratorBox) -> str:
        """Return the key that a box is let in by: the next one as soon as a handshake by it has succeeded."""
        following = self._traffic.get(box.next_public_key)
        if following is not None and following.handshake_at > 0:
            return box.next_public_key
        before = self._used_keys.get(box.edge_id, "")
        return before if before in box.keys else box.public_key
