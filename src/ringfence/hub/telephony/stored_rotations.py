"""Rotations as the database has them: what is due, what is known of the phone, the next stage, and what failed.

A step that failed is tried again after a pause that is as long as it has been failing, within limits.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.fleet.rotation_stages import UNDER_WAY, RotationStage
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeReportRow, PhoneRow, SiteRow
from ringfence.hub.store.pbx_models import OldSecretRow, RotationRow
from ringfence.hub.store.release_models import ReleaseTargetRow
from ringfence.phones.mac import Mac
from ringfence.wire.messages import ReportKind

AUTHOR = "secret rotation"
LONGEST_PAUSE_S = 30.0
_SHORTEST_PAUSE_S = 1.0

_log = logs.get("rotating")


def count(hub: Hub) -> int:
    """Return how many are under way."""
    with hub.database.reading() as session:
        return session.scalar(select(func.count()).where(RotationRow.stage.in_(UNDER_WAY))) or 0


def due(hub: Hub, stage: RotationStage) -> Sequence[RotationRow]:
    """Return the phones in a stage whose next step is due."""
    chosen = select(RotationRow).where(RotationRow.stage == stage, RotationRow.next_try_at <= hub.clock())
    with hub.database.reading() as session:
        return session.scalars(chosen.order_by(RotationRow.mac)).all()


def sites(hub: Hub, rows: Sequence[RotationRow]) -> list[str]:
    """Return the sites of these phones."""
    with hub.database.reading() as session:
        return sorted({session.get_one(PhoneRow, row.mac).site_id for row in rows})


def newest_release(session: Session, mac: str) -> int:
    """Return the newest release of a phone's site, by its bare address."""
    return session.get_one(SiteRow, session.get_one(PhoneRow, mac).site_id).newest_release


def has_fetched(session: Session, row: RotationRow, release: int) -> bool:
    """Return whether the phone took its file of a release or a later one, as its edge reports."""
    owned = select(ReleaseTargetRow.name).where(ReleaseTargetRow.owner == row.mac, ReleaseTargetRow.number == release)
    chosen = select(func.count()).where(
        EdgeReportRow.owner == row.mac,
        EdgeReportRow.kind == ReportKind.FILE_SERVED,
        EdgeReportRow.release >= release,
        EdgeReportRow.name.in_(owned),
        EdgeReportRow.received_at >= row.began_at,
    )
    return bool(session.scalar(chosen))


def may_have_new(session: Session, row: RotationRow) -> bool:
    """Return whether the phone may hold the new secret: it was published, and the phone fetched it."""
    return row.release > 0 and has_fetched(session, row, row.release)


def enter(hub: Hub, macs: Sequence[Mac], stage: RotationStage) -> None:
    """Take phones to their next stage."""
    if macs:
        with hub.change(AUTHOR) as change:
            for mac in macs:
                set_stage(change, change.session.get_one(RotationRow, mac.bare), stage)


def set_stage(change: Change, row: RotationRow, stage: RotationStage, detail: str | None = None) -> None:
    """Take one to its next stage; ``detail`` is for people, and stays as it is if it is not given."""
    row.stage, row.changed_at = stage, change.now
    row.detail = row.detail if detail is None else detail[:500]
    clear(row)


def clear(row: RotationRow) -> None:
    """Forget what was of one stage."""
    row.problem, row.failing_since, row.next_try_at, row.told = "", None, 0.0, False


def note_problem(hub: Hub, mac: Mac, fault: RingfenceError | str) -> None:
    """Keep why a step failed, and when it is tried again."""
    with hub.change(AUTHOR) as change:
        row = change.session.get_one(RotationRow, mac.bare)
        row.failing_since = change.now if row.failing_since is None else row.failing_since
        lasts_s = change.now - row.failing_since
        row.next_try_at = change.now + min(LONGEST_PAUSE_S, max(_SHORTEST_PAUSE_S, lasts_s))
        row.problem = str(fault)[:500]


def forget_problem(hub: Hub, row: RotationRow) -> None:
    """Note that a step that failed before can be done again."""
    if row.failing_since is not None:
        with hub.change(AUTHOR) as change:
            found = change.session.get_one(RotationRow, row.mac)
            found.problem, found.failing_since, found.next_try_at = "", None, 0.0


def finish(hub: Hub, details: Mapping[Mac, str], stage: RotationStage, *, keeps_new: bool = False) -> None:
    """End some at once, each with the only secret that its phone is to have and a detail for people.

    ``keeps_new``: the PBX goes on accepting the other secret.
    """
    if not details:
        return
    with hub.change(AUTHOR) as change:
        for mac, detail in details.items():
            row = change.session.get_one(RotationRow, mac.bare)
            set_stage(change, row, stage, detail)
            row.keeps_new = keeps_new
            change.session.execute(delete(OldSecretRow).where(OldSecretRow.mac == mac.bare))
            change.note(f"sip.rotate.{stage}", str(mac), detail)
    for mac, detail in details.items():
        said = "secrets changed" if stage == RotationStage.DONE else "secrets put back"
        _log.info(said, phone=str(mac), detail=detail)
