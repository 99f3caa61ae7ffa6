"""Alerts about portable bundles: the newest one of a home ends soon, or has files that its phones have newer ones of.

Nothing is told of lines that are revoked, of those in whose place there is one that is good for longer, and of those
that ended long ago: whoever serves a home otherwise by now needs no bundle.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from ringfence.content.release import TargetKind
from ringfence.hub.core import Hub
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.guard.edge_alerts import day
from ringfence.hub.store.bundle_models import BundleRow
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.store.models import SiteRow
from ringfence.hub.store.release_models import ReleaseRow, ReleaseTargetRow
from ringfence.phones.mac import Mac

ENDS_WITHIN_S = 7 * 86_400.0
"""How long before its end a bundle is told of; a quarter of its time where that is less."""
STALE_AFTER_S = 7 * 86_400.0
"""How long a bundle may have older files of its phones than the newest release has."""
TOLD_AFTER_S = 14 * 86_400.0
"""How long after its end a bundle is told of."""
_DAY_S = 86_400.0


def look(hub: Hub) -> None:
    """Open and close the alerts of an organisation as its bundles are now."""
    with hub.change("the hub") as change:
        session = change.session
        due = {row.id: (row, sentence) for row, sentence in _due(session, change.now)}
        of_kind = select(GuardAlertRow).where(GuardAlertRow.kind == alerts.BUNDLE_ENDS)
        there = {row.subject: row for row in session.scalars(of_kind.where(GuardAlertRow.closed_at.is_(None)))}
        for subject, alert in there.items():
            if subject not in due:
                alerts.end(change, alert)
        closed = _closed_last(session, due.keys() - there.keys())
        for subject, (row, sentence) in due.items():
            is_new = subject not in there and closed.get(subject, 0.0) < row.newest_at  # people close it for good
            if is_new or (subject in there and there[subject].sentence != sentence):
                alerts.raise_alert(change, row.site_id, alerts.BUNDLE_ENDS, subject, sentence)


def _due(session: Session, now: float) -> Iterator[tuple[BundleRow, str]]:
    chosen = select(BundleRow).where(BundleRow.revoked_at.is_(None)).order_by(BundleRow.expires_at, BundleRow.id)
    longest = {(row.site_id, row.mac): row for row in session.scalars(chosen)}  # the one that ends last comes last
    stale = dict(_stale_since(session, now))
    for row in longest.values():
        before_s = min(ENDS_WITHIN_S, row.days * _DAY_S / 4)
        if row.expires_at - before_s <= now < row.expires_at + TOLD_AFTER_S:
            ends = f"has ended on {day(row.expires_at)}" if row.expires_at <= now else f"ends on {day(row.expires_at)}"
            yield row, f"{_named(row)} {ends}: it serves no phone after that. {_to_do(row)}"
        elif now < row.expires_at and row.id in stale:
            yield (
                row,
                (
                    f"{_named(row)} has release {row.release}, and newer files of its phones were published on "
                    f"{day(stale[row.id])}. {_to_do(row)}"
                ),
            )


def _stale_since(session: Session, now: float) -> Sequence[tuple[str, float]]:
    """Return the lines whose newest bundle has older files than the newest release, with when that came to be."""
    newest, before = aliased(ReleaseTargetRow), aliased(ReleaseTargetRow)
    made = func.min(ReleaseRow.made_at)
    same = select(before.name).where(
        before.site_id == BundleRow.site_id, before.number == BundleRow.release, before.name == newest.name,
        before.digest == newest.digest,
    )  # fmt: skip
    differs = select(newest.name).where(
        newest.site_id == BundleRow.site_id, newest.number == SiteRow.newest_release,
        newest.kind == str(TargetKind.CONFIGURATION), newest.owner == func.coalesce(BundleRow.mac, newest.owner),
        ~same.exists(),
    )  # fmt: skip
    chosen = (
        select(BundleRow.id, made)
        .join(SiteRow, SiteRow.id == BundleRow.site_id)
        .join(ReleaseRow, (ReleaseRow.site_id == BundleRow.site_id) & (ReleaseRow.number > BundleRow.release))
        .where(BundleRow.revoked_at.is_(None), BundleRow.expires_at > now, differs.exists())
        .group_by(BundleRow.id)
        .having(made <= now - STALE_AFTER_S)
    )
    return [(row[0], row[1]) for row in session.execute(chosen)]


def _closed_last(session: Session, subjects: set[str]) -> dict[str, float]:
    """Return when the last alert about each of these lines was opened that has been closed since."""
    chosen = (
        select(GuardAlertRow.subject, func.max(GuardAlertRow.first_at))
        .where(
            GuardAlertRow.kind == alerts.BUNDLE_ENDS, GuardAlertRow.subject.in_(sorted(subjects)),
            GuardAlertRow.closed_at.is_not(None),
        )
        .group_by(GuardAlertRow.subject)
    )  # fmt: skip
    return {row[0]: row[1] for row in session.execute(chosen)}


def _named(row: BundleRow) -> str:
    whose = f"phone {Mac(row.mac)}" if row.mac is not None else f"site {row.site_id}"
    return f"The portable bundle of {whose}" + (f" ({row.name})" if row.name else "")


def _to_do(row: BundleRow) -> str:
    return (
        f"Write a newer one: ringfence bundle renew {row.id} --out FILE. "
        f"If nobody needs it any more: ringfence bundle revoke {row.id}."
    )
