"""Boxes: edges with a port of their own for the phone. What they tell, and the subnet that each gets.

A box is believed of itself alone. What it tells is bounded before it is kept; a collision that it claims gives it
another subnet, a few times a day; and a public key that somebody else has is not its, in whatever organisation.
"""

import json
from dataclasses import replace
from ipaddress import IPv4Network, ip_network

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ringfence.errors import PeerFault
from ringfence.hub.box_errors import NoTunnelKey, UnknownBox
from ringfence.hub.fleet import box_alerts, box_numbering, sites, tunnel_keys
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeRow
from ringfence.hub.store.network_models import BoxRow
from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac
from ringfence.printable import printable
from ringfence.wire import codec
from ringfence.wire.network_messages import BoxFinding, BoxStanding, BoxTunnel, PortEntry

MOST_NETWORKS = 32
MOST_LINKS = 16
MOST_DEVICES = 64
MOST_FINDINGS = 32
MOST_TUNNELS = 16
MOST_ENTRIES = 16
MOST_KEY_CHANGES = 8
"""A day."""
_LONGEST_NETWORK = 50
_LARGEST = 1 << 53
_LATEST = 1e11


def bounded(told: BoxStanding) -> BoxStanding:
    """Return what a box tells as it may be kept and shown.

    Raises:
        PeerFault: It tells more than a box can have, or what is no network, address or key.
    """
    for what, said, most in (
        ("networks", told.uplink_networks, MOST_NETWORKS), ("links", told.links, MOST_LINKS),
        ("devices", told.devices, MOST_DEVICES), ("findings", told.findings, MOST_FINDINGS),
        ("tunnels", told.tunnels, MOST_TUNNELS), ("phones let in", told.entries, MOST_ENTRIES),
    ):  # fmt: skip
        if len(said) > most:
            raise PeerFault(f"a box has at most {most} {what}, but this one tells of {len(said)}")
    return BoxStanding(
        at=_moment(told.at),
        rules_version=min(told.rules_version, _LARGEST),
        subnet=_network(told.subnet) if told.subnet else "",
        public_key=tunnel_keys.read(told.public_key),
        next_public_key=tunnel_keys.read(told.next_public_key),
        uplink_networks=tuple(dict.fromkeys(map(_network, told.uplink_networks))),
        links={printable(name, 15): is_up for name, is_up in told.links.items()},
        devices=tuple(dict.fromkeys(map(_device, told.devices))),
        findings=tuple(BoxFinding(printable(each.kind, 40), printable(each.sentence, 300)) for each in told.findings),
        tunnels=tuple(map(_tunnel, told.tunnels)),
        entries=tuple(
            PortEntry(_device(each.mac), printable(each.by, 20), _moment(each.since), printable(each.certificate, 80))
            for each in told.entries
        ),
    )


def take(change: Change, edge: EdgeRow, told: BoxStanding, pool: IPv4Network) -> BoxRow:
    """Keep what a box tells, which is ``bounded``; from now on the edge is one, and has a subnet if there is any.

    Raises:
        PeerFault: It tells a public key that is another's, or changes its key too often.
    """
    box = box_numbering.row_of(change, edge)
    _take_keys(change, box, told)
    box.told_at = change.now
    box.standing = json.loads(codec.to_json(told))
    box.rules_version = told.rules_version
    box.uplink_networks = list(told.uplink_networks)
    box_numbering.number(change, edge, pool)
    box_alerts.settle(change, edge, box)
    return box


def get(session: Session, edge_id: str) -> tuple[EdgeRow, BoxRow]:
    """Return a box; UnknownBox where the edge is none, or there is none."""
    edge, box = session.get(EdgeRow, edge_id), session.get(BoxRow, edge_id)
    if edge is None or box is None:
        raise UnknownBox(f"there is no box {edge_id[:40]!r}", to_do="`ringfence box list` shows all.")
    return edge, box


def choose(session: Session, site_id: str | None) -> Select[BoxRow]:
    """Return the query for the boxes of a site, or all of them, that are not revoked."""
    is_there = select(EdgeRow.id).where(EdgeRow.revoked_at.is_(None))
    if site_id is None:
        return select(BoxRow).where(BoxRow.edge_id.in_(is_there))
    site = sites.get(session, site_id).id
    return select(BoxRow).where(BoxRow.site_id == site, BoxRow.edge_id.in_(is_there.where(EdgeRow.site_id == site)))


def rotate_key(change: Change, edge_id: str) -> BoxRow:
    """Have a box change its tunnel's key, as soon as it hears of it.

    Raises:
        UnknownBox: There is none.
        NoTunnelKey: It has told no key yet, or is revoked.
    """
    edge, box = get(change.session, edge_id)
    if edge.revoked_at is not None or not box.public_key:
        raise NoTunnelKey(
            "this box has told no key of a tunnel", to_do="It makes one when it first hears of a concentrator."
        )
    box.retired_key = box.public_key
    change.note("box.rotate-key", edge_id, box.public_key)
    return box


def has_told_keys(session: Session, edge_id: str, told: BoxStanding) -> bool:
    """Return whether a box has told these keys before."""
    box = session.get(BoxRow, edge_id)
    return box is not None and (told.public_key, told.next_public_key) == (box.public_key, box.next_public_key)


def _take_keys(change: Change, box: BoxRow, told: BoxStanding) -> None:
    session = change.session
    if has_told_keys(session, box.edge_id, told):
        return
    if not box_numbering.may_today(change, box, "key_changes", MOST_KEY_CHANGES):
        raise PeerFault(f"a box changes its tunnel's key at most {MOST_KEY_CHANGES} times a day")
    tunnel_keys.claim(session, told.public_key, told.next_public_key, edge_id=box.edge_id)
    if told.public_key != box.public_key:
        if box.public_key:
            is_announced = told.public_key == box.next_public_key
            how = "as it had announced" if is_announced else "without having announced it"
            change.note("box.key", box.edge_id, f"{box.public_key} → {told.public_key or 'none'}, {how}")
            if not is_announced:
                box_alerts.tell_of_key(change, box)
        box.key_since = change.now
    box.public_key, box.next_public_key = told.public_key, told.next_public_key


def _moment(at: float) -> float:
    return min(max(at, 0.0), _LATEST)


def _network(said: str) -> str:
    try:
        if len(said) <= _LONGEST_NETWORK:
            return str(ip_network(said, strict=False))
    except ValueError:
        pass
    raise PeerFault(f"a box tells of {printable(said, _LONGEST_NETWORK)!r}, which is no network")


def _device(said: str) -> str:
    try:
        return Mac.parse(said[:20]).bare
    except BadMac as fault:
        raise PeerFault(f"a box tells of {printable(said, 20)!r}, which is no MAC address") from fault


def _tunnel(said: BoxTunnel) -> BoxTunnel:
    return replace(
        said, concentrator=printable(said.concentrator, 20), handshake_at=_moment(said.handshake_at),
        sent_bytes=min(said.sent_bytes, _LARGEST), received_bytes=min(said.received_bytes, _LARGEST),
    )  # fmt: skip
