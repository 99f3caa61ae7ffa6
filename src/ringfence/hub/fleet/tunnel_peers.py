"""The peers of an organisation's concentrators: its boxes, all of them, or what has changed since a version.

The version is a number that grows whenever the rules of some site's guard do (``store/edits.py``), and each site keeps
the newest one that was about it. So a change costs what it changed, whatever the number of boxes. A box that is
revoked, held back, or without key or subnet is gone. Where a site was removed, no row says which boxes it had: then the
next answer is whole.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.fleet import network_for_edges, networks
from ringfence.hub.fleet import network_words as words
from ringfence.hub.store.edits import PEERS, PEERS_FORGOTTEN
from ringfence.hub.store.models import EdgeRow, SiteRow
from ringfence.hub.store.network_models import BoxRow, ConcentratorRow, SiteNetworkRow
from ringfence.hub.store.organisation_models import LastNumberRow
from ringfence.hub.store.release_models import RestorationRow
from ringfence.wire.network_messages import NetworkReach
from ringfence.wire.tunnel_messages import MOST_PEERS, TunnelPeer, TunnelPeers


def version(session: Session) -> int:
    """Return the number of the newest change."""
    row = session.get(LastNumberRow, PEERS)
    return row.number if row is not None else 0


def read(
    session: Session, since: int | None = None, epoch: str = "", after: str = "", most: int = MOST_PEERS
) -> TunnelPeers:
    """Return a part of the peers, or of what has changed of them.

    Args:
        session: The session.
        since: The version that the concentrator has; None for none.
        epoch: The epoch of that version.
        after: After which box the part begins, by its edge.
        most: How many boxes it has at most.
    """
    newest, now_epoch = version(session), _epoch(session)
    forgotten = session.get(LastNumberRow, PEERS_FORGOTTEN)
    is_whole = since is None or since > newest or epoch != now_epoch
    is_whole = is_whole or (forgotten is not None and since is not None and since < forgotten.number)
    chosen = (
        select(BoxRow, EdgeRow.revoked_at)
        .join(EdgeRow, EdgeRow.id == BoxRow.edge_id)
        .where(BoxRow.edge_id > after)
        .order_by(BoxRow.edge_id)
        .limit(most + 1)
    )
    if not is_whole:
        changed = select(SiteRow.id).where(SiteRow.peers_number > since)
        chosen = chosen.where(BoxRow.site_id.in_(changed))
    rows = session.execute(chosen).all()
    part = rows[:most]
    held = set(session.scalars(network_for_edges.held_edges()))
    peers: list[BoxRow] = []
    gone: list[BoxRow] = []
    for box, revoked_at in part:
        is_peer = revoked_at is None and box.subnet and box.public_key and box.edge_id not in held
        (peers if is_peer else gone).append(box)
    return TunnelPeers(
        newest,
        now_epoch,
        is_whole,
        _peers(session, peers),
        () if is_whole else tuple(box.edge_id for box in gone),
        part[-1][0].edge_id if len(rows) > most else "",
    )


def has_next_key(session: Session, site_id: str, now: float) -> bool:
    """Return whether every concentrator that is connected has let in what a site's boxes told before this change.

    Where none is connected, none has: a box that changed its key then would be let in by nobody.
    """
    known = select(ConcentratorRow.peers_version, ConcentratorRow.peers_epoch)
    versions = session.execute(known.where(ConcentratorRow.connected_until > now)).all()
    number, epoch = session.get_one(SiteRow, site_id).peers_number, _epoch(session)
    return bool(versions) and all(version >= number and of == epoch for version, of in versions)


def boxes_have_rules(session: Session, now: float) -> bool:
    """Return whether every box that is connected goes by its site's newest rules, a concentrator's next key among them.

    Boxes that are away learn the key from the hub when they are back: that way leads through no tunnel.
    """
    behind = (
        select(BoxRow.edge_id)
        .join(EdgeRow, EdgeRow.id == BoxRow.edge_id)
        .join(SiteRow, SiteRow.id == BoxRow.site_id)
        .where(EdgeRow.revoked_at.is_(None), EdgeRow.connected_until > now)
        .where(BoxRow.rules_version < SiteRow.guard_version)
        .limit(1)
    )
    return session.scalar(behind) is None


def _peers(session: Session, boxes: Sequence[BoxRow]) -> tuple[TunnelPeer, ...]:
    site_ids = sorted({box.site_id for box in boxes})
    reach = _reach(session, site_ids)
    media = {site_id: network_for_edges.direct_media(session, site_id) for site_id in _with_media(session, site_ids)}
    return tuple(
        TunnelPeer(
            box.edge_id, box.public_key, box.subnet, box.next_public_key, reach[box.site_id],
            tuple(each for each in media.get(box.site_id, ()) if each != box.subnet),
        )
        for box in boxes
    )  # fmt: skip


def _reach(session: Session, site_ids: Sequence[str]) -> Mapping[str, tuple[NetworkReach, ...]]:
    rows = session.scalars(select(SiteNetworkRow).where(SiteNetworkRow.site_id.in_(site_ids)))
    named = {row.site_id: asked.reach for row in rows if (asked := networks.of_row(row)).reach is not None}
    by_default = network_for_edges.reach_by_default(session, [each for each in site_ids if each not in named])
    said = {site_id: tuple(map(words.reach, each or ())) for site_id, each in named.items()}
    return {**said, **{site_id: tuple(each) for site_id, each in by_default.items()}}


def _with_media(session: Session, site_ids: Sequence[str]) -> list[str]:
    chosen = select(SiteNetworkRow.site_id, SiteNetworkRow.direct_media).where(SiteNetworkRow.site_id.in_(site_ids))
    return [site_id for site_id, named in session.execute(chosen) if named]


def _epoch(session: Session) -> str:
    restored_at = session.scalar(select(RestorationRow.restored_at).order_by(RestorationRow.id.desc()).limit(1))
    return f"{restored_at:.3f}" if restored_at is not None else "first"
