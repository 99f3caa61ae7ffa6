"""Orders to phones that no edge tells of a release: what is due, for whom, and what came of it.

A phone has no edge where its site has none, or where the hub's own listener gave it its file last. A release that
changed its file makes an order due, in the release's own transaction; ``telephony/order_sending.py`` sends it through
the phone's PBX. The phone's setting ``reload`` says when, as for an edge, or that it is never told.

Invariants:

- A phone whose file has not changed, or that had none before, gets no order.
- One phone has one order at most: that of the newest release that changed its file.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.orm import Session

from ringfence.content.release import MINUTES_A_DAY, Reload, Target, TargetKind
from ringfence.hub.store import pages
from ringfence.hub.store.due_order_models import DueOrderRow
from ringfence.hub.store.models import EdgeReportRow, EdgeRow, PhoneRow, SiteRow
from ringfence.hub.store.pages import Page, Paged
from ringfence.hub.store.pbx_models import PbxRow
from ringfence.hub.store.release_models import ReleaseTargetRow
from ringfence.phones.mac import Mac
from ringfence.wire.messages import ReportKind

WAITS_S = 86_400.0
"""For so long an order waits for a PBX that is away, or a phone that is in a call or not registered."""
NIGHT_MINUTES = 60
"""Over how long the phones that are told at night are spread."""
_AT_ONCE = 500
"""How many names a query has at most."""


class OrderState(StrEnum):
    """What has become of an order."""

    WAITING = "waiting"
    TOLD = "told"
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True)
class DueOrder:
    """An order to a phone, and when the phone fetched the release that it is about; None if it has not."""

    row: DueOrderRow
    site_id: str
    fetched_at: float | None

    @property
    def state(self) -> OrderState:
        """What has become of it."""
        if self.row.told_at is not None:
            return OrderState.TOLD
        return OrderState.GIVEN_UP if self.row.due_at is None else OrderState.WAITING

    @property
    def sentence(self) -> str:
        """What has become of it, in words."""
        match self.state:
            case OrderState.TOLD:
                return f"The hub told it of release {self.row.release} {self.row.detail}."
            case OrderState.GIVEN_UP:
                return f"The hub does not tell it of release {self.row.release}: {self.row.detail}."
            case OrderState.WAITING:
                why = f" The last try: {self.row.detail}." if self.row.detail else ""
                return f"The hub is to tell it of release {self.row.release} through its PBX.{why}"


def note(session: Session, new: Mapping[str, tuple[int, Sequence[Target]]], now: float) -> Mapping[str, int]:
    """Make orders due for what new releases change; the sites' newest releases are still those before.

    Args:
        session: The transaction in which the releases are stored.
        new: Site → the number of its new release, and its files.
        now: Unix seconds.

    Returns:
        Site → how many of its phones are to be told through a PBX.
    """
    if not new or session.scalar(select(PbxRow.id).limit(1)) is None:
        return {}
    with_edge = set(_named(session, select(EdgeRow.site_id).where(EdgeRow.revoked_at.is_(None)), EdgeRow.site_id, new))
    by_https = session.scalar(select(exists().where(EdgeReportRow.edge_id.is_(None))))
    looked_at = list(new) if by_https else [site_id for site_id in new if site_id not in with_edge]
    changed = dict(_changed(session, {site_id: new[site_id] for site_id in looked_at}))
    own = _by_listener(session, [mac for mac, (site_id, _way) in changed.items() if site_id in with_edge])
    due = {mac: each for mac, each in changed.items() if each[0] not in with_edge or mac in own}
    for some in _parts(sorted(due)):
        session.execute(delete(DueOrderRow).where(DueOrderRow.mac.in_(some)))
    told = {mac: (site_id, way) for mac, (site_id, way) in due.items() if way is not None}
    rows = [
        {"mac": mac, "release": new[site_id][0], "due_at": (at := _due_at(mac, way, now)), "until": at + WAITS_S}
        for mac, (site_id, way) in told.items()
    ]
    if rows:
        session.execute(insert(DueOrderRow), rows)
    return Counter(site_id for site_id, _way in told.values())


def note_told(session: Session, mac: Mac, now: float, detail: str) -> None:
    """Note that a phone was told: an order that waits for it has no use any more."""
    waits = (DueOrderRow.mac == mac.bare) & DueOrderRow.due_at.is_not(None)
    session.execute(update(DueOrderRow).where(waits).values(due_at=None, told_at=now, detail=detail[:300]))


def find(session: Session, page: Page, *, site: str | None = None, only_waiting: bool = False) -> Paged[DueOrder]:
    """Return a page of the orders, by the phones' addresses."""
    chosen: Any = select(DueOrderRow, PhoneRow.site_id)  # rows of two columns, of which Select can't tell
    chosen = chosen.join(PhoneRow, PhoneRow.mac == DueOrderRow.mac)
    if site is not None:
        chosen = chosen.where(PhoneRow.site_id == site)
    if only_waiting:
        chosen = chosen.where(DueOrderRow.due_at.is_not(None))
    found: Paged[tuple[DueOrderRow, str]] = pages.read(session, chosen, page, DueOrderRow.mac)
    fetched = _fetched(session, [row for row, _site_id in found.rows])
    return found.each(lambda each: DueOrder(each[0], each[1], fetched.get(each[0].mac)))


def of_phones(session: Session, macs: Sequence[str]) -> dict[str, DueOrderRow]:
    """Return the newest order of each of these phones (bare addresses) that has one."""
    return {row.mac: row for row in session.scalars(select(DueOrderRow).where(DueOrderRow.mac.in_(macs)))}


def with_fetch(session: Session, row: DueOrderRow, site_id: str) -> DueOrder:
    """Return an order with when its phone fetched the release."""
    return DueOrder(row, site_id, _fetched(session, [row]).get(row.mac))


def _changed(
    session: Session, new: Mapping[str, tuple[int, Sequence[Target]]]
) -> Iterator[tuple[str, tuple[str, Reload | None]]]:
    """Yield each phone with an own file that is not as before: its site, and how its new file says that it is told."""
    chosen = (
        select(ReleaseTargetRow.site_id, ReleaseTargetRow.name, ReleaseTargetRow.digest)
        .join(SiteRow, (SiteRow.id == ReleaseTargetRow.site_id) & (SiteRow.newest_release == ReleaseTargetRow.number))
        .where(ReleaseTargetRow.kind == str(TargetKind.CONFIGURATION), ReleaseTargetRow.owner.is_not(None))
    )
    before = {(row[0], row[1]): row[2] for row in _named(session, chosen, ReleaseTargetRow.site_id, new)}
    for site_id, (_number, targets) in new.items():
        ways: dict[str, Reload | None] = {}
        for target in targets:
            old = before.get((site_id, target.name))
            if target.owner and target.kind is TargetKind.CONFIGURATION and old not in {None, target.digest}:
                ways[target.owner] = target.reload or ways.get(target.owner)
        for owner, way in ways.items():
            yield owner, (site_id, way)


def _by_listener(session: Session, macs: Sequence[str]) -> frozenset[str]:
    """Return which of these phones had their newest file from the hub's own listener."""
    served = EdgeReportRow.kind == ReportKind.FILE_SERVED
    here = select(EdgeReportRow.owner).where(served, EdgeReportRow.edge_id.is_(None)).distinct()
    candidates = list(_named(session, here, EdgeReportRow.owner, macs))
    newest = select(func.max(EdgeReportRow.id)).where(served).group_by(EdgeReportRow.owner)
    ids = list(_named(session, newest, EdgeReportRow.owner, candidates))
    of_listener = select(EdgeReportRow.owner).where(EdgeReportRow.edge_id.is_(None))
    return frozenset(_named(session, of_listener, EdgeReportRow.id, ids))


# Any: queries for different things, and columns of any type
def _named(session: Session, chosen: Any, column: Any, names: Collection[Any]) -> Iterator[Any]:  # noqa: ANN401
    """Yield the rows of a query whose column has one of these values, a part of them at a time."""
    for some in _parts(sorted(names)):
        found = session.execute(chosen.where(column.in_(some)))
        yield from found if len(chosen.selected_columns) > 1 else found.scalars()


def _fetched(session: Session, rows: Sequence[DueOrderRow]) -> dict[str, float]:
    """Return when each phone first fetched its file of the order's release, or of a newer one."""
    chosen = (
        select(EdgeReportRow.owner, func.min(EdgeReportRow.received_at))
        .join(DueOrderRow, DueOrderRow.mac == EdgeReportRow.owner)
        .where(
            EdgeReportRow.owner.in_([row.mac for row in rows]), EdgeReportRow.kind == ReportKind.FILE_SERVED,
            EdgeReportRow.release >= DueOrderRow.release,
        )
        .group_by(EdgeReportRow.owner)
    )  # fmt: skip
    return dict(session.execute(chosen).all()) if rows else {}


def _due_at(mac: str, way: Reload, now: float) -> float:
    """Return when a phone is told: now, or at its minute of the day (UTC) within the hour that is set for it."""
    if way.minute is None:
        return now
    minute = (way.minute + int(mac, 16) % NIGHT_MINUTES) % MINUTES_A_DAY
    day_s = 60.0 * MINUTES_A_DAY
    return now + (60.0 * minute - now) % day_s


def _parts(names: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(names), _AT_ONCE):
        yield names[start : start + _AT_ONCE]
