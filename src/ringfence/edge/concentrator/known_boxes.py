"""Boxes as the hub tells them, made into what a concentrator keeps; what makes no sense is left out and told."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network

from ringfence.edge.concentrator.fence import FencedBox
from ringfence.edge.concentrator.folder import KnownPeers
from ringfence.edge.concentrator.keeper import ConcentratorBox
from ringfence.edge.network.plan import LARGEST_PORT, PRIVATE, Reach
from ringfence.identity.errors import BadTunnelKey
from ringfence.identity.tunnel_keys import check_public_key
from ringfence.printable import printable
from ringfence.wire.network_messages import NetworkReach, Protocol
from ringfence.wire.tunnel_messages import TunnelPeer, TunnelPeers


def merged(known: KnownPeers, parts: Iterable[TunnelPeers]) -> KnownPeers:
    """Return the boxes after an answer of the hub, in all its parts."""
    found = {peer.edge: peer for peer in known.peers}
    first: TunnelPeers | None = None
    for part in parts:
        if first is None:
            first = part
            if part.is_whole:
                found = {}
        for edge in part.gone:
            found.pop(edge, None)
        found |= {peer.edge: peer for peer in part.peers}
    if first is None:
        return known
    return KnownPeers(first.version, first.epoch, tuple(found.values()))


def read_boxes(peers: Iterable[TunnelPeer]) -> tuple[list[ConcentratorBox], list[str]]:
    """Return the boxes that can be let in, and for each other one a sentence that says why not.

    No two have the same key or overlapping subnets.
    """
    boxes: list[ConcentratorBox] = []
    why: list[str] = []
    keys: set[str] = set()
    for peer in sorted(peers, key=_by_subnet):
        try:
            box = _box(peer)
        except (ValueError, BadTunnelKey) as fault:
            why.append(_left_out(peer, str(fault)))
            continue
        if keys & set(box.keys):
            why.append(_left_out(peer, "its key is another box's"))
        elif boxes and boxes[-1].fenced.subnet.overlaps(box.fenced.subnet):
            why.append(_left_out(peer, "its subnet is another box's"))
        else:
            keys |= set(box.keys)
            boxes.append(box)
    return boxes, why


def _left_out(peer: TunnelPeer, why: str) -> str:
    return f"Box {printable(peer.edge, 40)} is left out: {printable(why, 120)}."


def _by_subnet(peer: TunnelPeer) -> int:
    try:
        return int(IPv4Network(peer.subnet).network_address)
    except ValueError:
        return 0


@lru_cache(maxsize=16_384)
def _box(peer: TunnelPeer) -> ConcentratorBox:
    reach = (_reach(told) for told in peer.reach if ":" not in told.network)
    direct = tuple(map(_private, peer.direct_media))
    return ConcentratorBox(
        peer.edge,
        check_public_key(peer.public_key),
        FencedBox(_private(peer.subnet), tuple(reach), direct),
        check_public_key(peer.next_public_key) if peer.next_public_key else "",
    )


def _private(text: str) -> IPv4Network:
    network = IPv4Network(text)
    if not any(network.subnet_of(each) for each in PRIVATE):
        raise ValueError(f"{network} is not private")
    return network


def _reach(told: NetworkReach) -> Reach:
    if not 1 <= told.first_port <= told.last_port <= LARGEST_PORT:
        raise ValueError(f"{told.first_port} to {told.last_port} are no ports")
    return Reach(_private(told.network), Protocol(told.protocol), told.first_port, told.last_port)
