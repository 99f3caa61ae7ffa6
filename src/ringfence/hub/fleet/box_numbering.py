"""Which box has which subnet, and when it gets another: where it collides, or where its site or a person asks."""

from collections.abc import Sequence
from ipaddress import IPv4Network, ip_network

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.box_errors import BadNetwork, SubnetsUsedUp
from ringfence.hub.fleet import box_subnets, networks, sites
from ringfence.hub.store import edits
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeRow
from ringfence.hub.store.network_models import BoxRow, SiteNetworkRow
from ringfence.printable import printable

MOST_RENUMBERINGS = 4
"""A day."""
TRIED_EVERY_S = 300.0
"""How often it is looked for a subnet for a box that got none."""
_DAY_S = 86_400.0
_SHORTEST_PREFIX = 8
"""What is larger is no home's network; a box that claims it would overlap every pool."""


def number(change: Change, edge: EdgeRow, pool: IPv4Network, *, is_asked: bool = False) -> BoxRow:
    """See to it that a box has a subnet of the size that its site asks for, which is none of the networks it is in.

    Args:
        change: The change that it is part of.
        edge: The edge, from now on a box.
        pool: Where its organisation's subnets are from.
        is_asked: Whether a person wants another one for it, whatever it has.
    """
    box, prefix = row_of(change, edge), networks.get(change.session, edge.site_id).prefix
    near = [each for each in map(ip_network, box.uplink_networks) if isinstance(each, IPv4Network)]
    avoided = [each for each in near if each.prefixlen >= _SHORTEST_PREFIX]
    had = IPv4Network(box.subnet) if box.subnet else None
    why = _why_another(had, prefix, avoided, is_asked=is_asked)
    if not why:
        box.subnet_problem = ""
        return box
    is_early = box.subnet_tried_at is not None and change.now - box.subnet_tried_at < TRIED_EVERY_S
    if is_early and not is_asked:
        return box
    if had is not None and not is_asked and not may_today(change, box, "renumberings", MOST_RENUMBERINGS):
        box.subnet_problem = f"{why}; it was given another subnet {MOST_RENUMBERINGS} times within a day, and keeps it"
        return box
    try:
        taboo = [*avoided, *([had] if had is not None else [])]
        wished = None if had is not None else _wished(box)
        found = box_subnets.take(change.session, edge.id, pool, prefix, taboo, change.now, wished)
    except SubnetsUsedUp as fault:
        box.subnet_problem, box.subnet_tried_at = printable(f"{fault.what}. {fault.to_do}", 300), change.now
        return box
    box.subnet, box.subnet_since = str(found), change.now
    box.subnet_problem, box.subnet_tried_at = "", None
    tell_partners(change.session, edge.site_id)
    change.note("box.subnet", edge.id, f"{had or 'none'} → {found}: {why}")
    return box


def assign(change: Change, edge: EdgeRow, pool: IPv4Network, said: str) -> BoxRow:
    """Give a box the subnet that a person names.

    Raises:
        BadNetwork: It is none, not of its organisation's pool, of another size than its site's, or the home's.
        SubnetTaken: Another box has it, or had it within the last day.
    """
    box, prefix = row_of(change, edge), networks.get(change.session, edge.site_id).prefix
    try:
        subnet = IPv4Network(said.strip())
    except ValueError:
        raise BadNetwork(f"{said[:40]!r} is no IPv4 subnet", to_do="Write it like 100.112.7.8/29.") from None
    if subnet.prefixlen != prefix:
        raise BadNetwork(f"the boxes of this site have a /{prefix} each, and {subnet} is none")
    if not subnet.subnet_of(pool):
        raise BadNetwork(f"{subnet} is not a part of {pool}, where the subnets of boxes are from")
    near = [each for each in map(ip_network, box.uplink_networks) if isinstance(each, IPv4Network)]
    if hit := box_subnets.overlapped(subnet, [each for each in near if each.prefixlen >= _SHORTEST_PREFIX]):
        raise BadNetwork(f"{subnet} overlaps {hit[0]}, in which the box is")
    if box.subnet == str(subnet):
        return box
    had = box.subnet or "none"
    box_subnets.take_this(change.session, edge.id, subnet, change.now)
    box.subnet, box.subnet_since, box.subnet_problem, box.subnet_tried_at = str(subnet), change.now, "", None
    tell_partners(change.session, edge.site_id)
    change.note("box.subnet", edge.id, f"{had} → {subnet}: a person named it")
    return box


def number_new(change: Change, edge: EdgeRow, pool: IPv4Network) -> None:
    """Number an edge that enrols, where its site says that its edges are boxes."""
    if networks.get(change.session, edge.site_id).is_box:
        change.session.flush()
        number(change, edge, pool)


def number_site(change: Change, site_id: str, pool: IPv4Network) -> None:
    """Number the boxes of a site, after what it asks has changed."""
    site_id = sites.get(change.session, site_id).id
    is_box = networks.get(change.session, site_id).is_box
    chosen = select(EdgeRow).where(EdgeRow.site_id == site_id, EdgeRow.revoked_at.is_(None))
    for edge in change.session.scalars(chosen.order_by(EdgeRow.enrolled_at, EdgeRow.id)).all():
        if is_box or change.session.get(BoxRow, edge.id) is not None:
            number(change, edge, pool)


def withdraw(change: Change, edge: EdgeRow) -> None:
    """Take a revoked edge's subnet from it."""
    box = change.session.get(BoxRow, edge.id)
    if box is None:
        return
    box_subnets.free(change.session, edge.id, change.now)
    box.subnet, box.subnet_since, box.subnet_problem = "", None, ""
    tell_partners(change.session, edge.site_id)


def tell_partners(session: Session, site_id: str) -> None:
    """Have the sites told whose phones exchange media with a site's directly."""
    row = session.get(SiteNetworkRow, site_id)
    if row is not None:
        edits.tell_guards(session, row.direct_media)


def row_of(change: Change, edge: EdgeRow) -> BoxRow:
    """Return the row of an edge that is a box from now on."""
    box: BoxRow | None = change.session.get(BoxRow, edge.id)
    if box is None:
        box = BoxRow(
            edge_id=edge.id, site_id=edge.site_id, subnet="", subnet_since=None, subnet_problem="",
            subnet_tried_at=None, told_at=None, standing={}, uplink_networks=[], public_key="", next_public_key="",
            key_since=None, retired_key="", rules_version=0, day_began_at=change.now, renumberings=0, key_changes=0,
        )  # fmt: skip
        change.session.add(box)
        change.session.flush()
    return box


def _why_another(had: IPv4Network | None, prefix: int, avoided: Sequence[IPv4Network], *, is_asked: bool) -> str:
    """Return why a box needs another subnet than it has; empty if it needs none."""
    if had is None:
        return "its first"
    if hit := box_subnets.overlapped(had, avoided):
        return f"{had} overlaps {hit[0]}, in which the box is"
    if had.prefixlen != prefix:
        return f"the site asks for /{prefix}"
    return "a person asked" if is_asked else ""


def _wished(box: BoxRow) -> IPv4Network | None:
    """Return what a box says that it has, of which the hub knows nothing: it may go on from an older copy."""
    said = box.standing.get("subnet") or ""
    return IPv4Network(said) if said and ":" not in said else None


def may_today(change: Change, box: BoxRow, counter: str, most: int) -> bool:
    """Count what may happen only a few times a day; return whether it may."""
    if change.now - box.day_began_at >= _DAY_S:
        box.day_began_at, box.renumberings, box.key_changes = change.now, 0, 0
    count = getattr(box, counter)
    if count >= most:
        return False
    setattr(box, counter, count + 1)
    return True
