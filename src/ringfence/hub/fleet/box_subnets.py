"""Subnets for boxes: each box of a hub has one of its own, from its organisation's pool or the hub's.

New space is used first, in order; then what is between; last what others had, and not before a day has gone by, as a
PBX may send calls to where a phone was until its registration ends. Writers queue up (``store/dialect.py``), so no two
boxes get the same, on any database; the table's key would refuse it.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from ringfence.hub.box_errors import SubnetsUsedUp, SubnetTaken
from ringfence.hub.store.network_models import BoxSubnetRow

QUARANTINE_S = 86_400.0
"""How long nobody gets a subnet that somebody else had."""
_READ_AT_ONCE = 2000

Taken = tuple[int, int]
"""The first and the last address, as numbers."""


def take(
    session: Session, edge_id: str, pool: IPv4Network, prefix: int, avoided: Sequence[IPv4Network], now: float,
    wished: IPv4Network | None = None,
) -> IPv4Network:  # fmt: skip
    """Give a box a subnet; what it had before is freed.

    Args:
        session: The session, which writes.
        edge_id: The box.
        pool: Where subnets are taken from.
        prefix: The length of the subnet's prefix.
        avoided: Networks that it must not overlap.
        now: The time.
        wished: What the box has already, as it says; it gets it if nobody ever had it, as far as the hub knows.

    Raises:
        SubnetsUsedUp: None is left. What it had before stays.
    """
    _note_orphans(session, now)
    found = _wished(session, pool, prefix, avoided, wished)
    found = found or _first_free(_beyond_all(session, pool), pool, prefix, avoided)
    found = found or _first_free(_gaps(_taken(session, pool), pool), pool, prefix, avoided)
    if found is None:
        over = now - QUARANTINE_S
        found = _first_free(_gaps(_taken(session, pool, over), pool), pool, prefix, avoided)
        if found is None:
            raise SubnetsUsedUp(
                f"no subnet of {pool} is left for this box",
                to_do="Revoke edges that are gone, or give boxes more room: `box_pool` in hub.toml.",
            )
        first, last = _numbers(found)
        was_there = (BoxSubnetRow.first <= last, BoxSubnetRow.last >= first, BoxSubnetRow.freed_at <= over)
        session.execute(delete(BoxSubnetRow).where(*was_there))
    _give(session, edge_id, found, now)
    return found


def take_this(session: Session, edge_id: str, subnet: IPv4Network, now: float) -> None:
    """Give a box this very subnet; what it had before is freed.

    Raises:
        SubnetTaken: Another box has a part of it, or had it within the last day.
    """
    _note_orphans(session, now)
    first, last = _numbers(subnet)
    overlapping = (BoxSubnetRow.first <= last, BoxSubnetRow.last >= first)
    over = now - QUARANTINE_S
    is_anothers = BoxSubnetRow.freed_at.is_(None) & (BoxSubnetRow.edge_id != edge_id)
    if session.scalar(select(BoxSubnetRow.first).where(*overlapping, is_anothers | (BoxSubnetRow.freed_at > over))):
        raise SubnetTaken(
            f"{subnet} is another box's, or was within the last day",
            to_do="Choose another, or leave the choice to the hub.",
        )
    session.execute(delete(BoxSubnetRow).where(*overlapping))
    _give(session, edge_id, subnet, now)


def _give(session: Session, edge_id: str, subnet: IPv4Network, now: float) -> None:
    free(session, edge_id, now)
    first, last = _numbers(subnet)
    session.add(BoxSubnetRow(first=first, last=last, edge_id=edge_id, freed_at=None))
    session.flush()


def free(session: Session, edge_id: str, now: float) -> None:
    """Take a box's subnet from it."""
    session.flush()
    its = (BoxSubnetRow.edge_id == edge_id, BoxSubnetRow.freed_at.is_(None))
    session.execute(update(BoxSubnetRow).where(*its).values(edge_id=None, freed_at=now))


def overlapped(subnet: IPv4Network, networks: Iterable[IPv4Network]) -> list[IPv4Network]:
    """Return those of the networks that overlap a subnet."""
    return [each for each in networks if each.overlaps(subnet)]


def _note_orphans(session: Session, now: float) -> None:
    """Write down what was freed as its edge was removed."""
    orphans = (BoxSubnetRow.edge_id.is_(None), BoxSubnetRow.freed_at.is_(None))
    session.execute(update(BoxSubnetRow).where(*orphans).values(freed_at=now))


def _wished(
    session: Session, pool: IPv4Network, prefix: int, avoided: Sequence[IPv4Network], wished: IPv4Network | None
) -> IPv4Network | None:
    if wished is None or wished.prefixlen != prefix or not wished.subnet_of(pool) or overlapped(wished, avoided):
        return None
    first, last = _numbers(wished)
    there = select(BoxSubnetRow.first).where(BoxSubnetRow.first <= last, BoxSubnetRow.last >= first).limit(1)
    return wished if session.scalar(there) is None else None


def _beyond_all(session: Session, pool: IPv4Network) -> Iterator[Taken]:
    """Return what of a pool is behind all that anybody has or had."""
    first, last = _numbers(pool)
    inside = (BoxSubnetRow.last >= first, BoxSubnetRow.first <= last)
    highest = session.scalar(select(func.max(BoxSubnetRow.last)).where(*inside))
    if highest is None or highest < last:
        yield (first if highest is None else highest + 1, last)


def _taken(session: Session, pool: IPv4Network, freed_until: float = -1.0) -> Iterator[Taken]:
    """Return what is not to be had of a pool, in order, but for what was freed until then."""
    first, last = _numbers(pool)
    columns = (BoxSubnetRow.first, BoxSubnetRow.last)
    is_kept = BoxSubnetRow.freed_at.is_(None) | (BoxSubnetRow.freed_at > freed_until)
    while True:
        chosen = select(*columns).where(BoxSubnetRow.last >= first, BoxSubnetRow.first <= last, is_kept)
        rows = session.execute(chosen.order_by(BoxSubnetRow.first).limit(_READ_AT_ONCE)).all()
        yield from ((begins, ends) for begins, ends in rows)
        if len(rows) < _READ_AT_ONCE:
            return
        first = rows[-1][1] + 1


def _gaps(taken: Iterable[Taken], pool: IPv4Network) -> Iterator[Taken]:
    at, last = _numbers(pool)
    for begins, ends in taken:
        if begins > at:
            yield at, begins - 1
        at = max(at, ends + 1)
    if at <= last:
        yield at, last


def _first_free(
    gaps: Iterable[Taken], pool: IPv4Network, prefix: int, avoided: Sequence[IPv4Network]
) -> IPv4Network | None:
    """Return the first subnet in the gaps that overlaps nothing that is to be avoided."""
    size = 1 << (32 - prefix)
    if prefix < pool.prefixlen:
        return None
    for begins, ends in gaps:
        at = -(-begins // size) * size
        while at + size - 1 <= ends:
            subnet = IPv4Network((at, prefix))
            hit = overlapped(subnet, avoided)
            if not hit:
                return subnet
            behind = max(int(each.broadcast_address) for each in hit) + 1
            at = max(at + size, -(-behind // size) * size)
    return None


def _numbers(network: IPv4Network) -> Taken:
    return int(network.network_address), int(network.broadcast_address)
