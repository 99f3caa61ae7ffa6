"""Each phone's own configuration: since which release it is as it is, and whether the phone took it since.

Kept as releases are stored and reports come in, so that nothing has to be searched for it, and nothing of it is lost
with old releases and reports.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from sqlalchemy import case, delete, func, insert, select
from sqlalchemy.orm import Session

from ringfence.content.release import Target, TargetKind
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.phone_file_models import PhoneFileRow
from ringfence.phones.mac import Mac
from ringfence.wire.messages import Report

_AT_ONCE = 500
"""How many names a query has at most."""


def note_released(session: Session, new: Mapping[str, tuple[int, Sequence[Target]]]) -> None:
    """Note whose file new releases change; ``new`` has for each site the number of its release, and its files."""
    for some in _parts(new):
        _note_released(session, {site_id: new[site_id] for site_id in some})


def _note_released(session: Session, new: Mapping[str, tuple[int, Sequence[Target]]]) -> None:
    before = {row.mac: row for row in session.scalars(select(PhoneFileRow).where(PhoneFileRow.site_id.in_(new)))}
    own = {mac: (site_id, file) for site_id in new for mac, file in _own_files(new[site_id][1]).items()}
    changed = {
        mac: (site_id, file)
        for mac, (site_id, file) in own.items()
        if mac not in before or (before[mac].name, before[mac].digest) != (file.name, file.digest)
    }
    for row in before.values():
        session.expunge(row)  # it is written below, many in one statement
    for macs in _parts(changed.keys() | (before.keys() - own.keys())):
        session.execute(delete(PhoneFileRow).where(PhoneFileRow.mac.in_(macs)))
    for macs in _parts(changed):
        there = session.execute(select(PhoneRow.mac, PhoneRow.site_id).where(PhoneRow.mac.in_(macs))).all()
        rows = []
        for mac, at_site in there:
            site_id, file = changed[mac]
            if at_site == site_id:
                old = before.get(mac)
                rows.append(
                    {"mac": mac, "site_id": site_id, "name": file.name, "digest": file.digest, "since": new[site_id][0],
                     "taken": old.taken if old else None, "taken_at": old.taken_at if old else None}
                )  # fmt: skip
        if rows:
            session.execute(insert(PhoneFileRow), rows)


def note_taken(change: Change, site_id: str, taken: Mapping[Mac, Report]) -> None:
    """Note which release phones of a site took their configuration from, by the last report of each."""
    for mac, report in taken.items():
        row = change.session.get(PhoneFileRow, mac.bare)
        if row is not None and row.site_id == site_id and report.release >= (row.taken or 0):
            row.taken, row.taken_at = report.release, change.now


def changed_in(session: Session, macs: Sequence[str]) -> dict[str, int]:
    """Return for each of these phones (bare addresses) that has a file the release in which that changed last."""
    found: dict[str, int] = {}
    for some in _parts(macs):
        chosen = (
            select(PhoneFileRow.mac, PhoneFileRow.since)
            .join(PhoneRow, (PhoneRow.mac == PhoneFileRow.mac) & (PhoneRow.site_id == PhoneFileRow.site_id))
            .where(PhoneFileRow.mac.in_(some))
        )
        found.update((mac, since) for mac, since in session.execute(chosen))
    return found


def count(session: Session) -> Mapping[str, int]:
    """Return how many phones have their newest file, an older one, and none that they were seen to take."""
    state = case(
        (PhoneFileRow.taken.is_(None), "never"), (PhoneFileRow.taken < PhoneFileRow.since, "stale"), else_="current"
    )
    chosen = (
        select(state, func.count())
        .join(PhoneRow, (PhoneRow.mac == PhoneFileRow.mac) & (PhoneRow.site_id == PhoneFileRow.site_id))
        .group_by(state)
    )
    found = {"current": 0, "stale": 0, "never": 0}
    return found | {name: number for name, number in session.execute(chosen)}  # noqa: C416 - mypy knows no rows as tuples


def _own_files(files: Iterable[Target]) -> dict[str, Target]:
    """Return of each phone its own file: that which says how it is told, else the first by name."""
    found: dict[str, Target] = {}
    for file in files:
        if file.owner and file.kind is TargetKind.CONFIGURATION:
            found[file.owner] = min(file, found.get(file.owner, file), key=lambda one: (one.reload is None, one.name))
    return found


def _parts(names: Collection[str]) -> Iterator[list[str]]:
    in_order = sorted(names)
    for start in range(0, len(in_order), _AT_ONCE):
        yield in_order[start : start + _AT_ONCE]
