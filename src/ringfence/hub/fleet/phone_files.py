"""Each phone's own configuration: since which release it is as it is, and whether the phone took it since.

Kept as releases are stored and reports come in, so that nothing has to be searched for it, and nothing of it is lost
with old releases and reports.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import case, delete, func, insert, select, tuple_
from sqlalchemy.orm import Session

from ringfence.content.release import Target, TargetKind
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.phone_file_models import PhoneFileRow
from ringfence.phones.mac import Mac
from ringfence.wire.messages import Report

_Key = tuple[str, str]
"""A phone (its bare address), and a site."""
_Name = TypeVar("_Name", str, _Key)
_AT_ONCE = 500
"""How many names a query has at most."""


def note_released(session: Session, new: Mapping[str, tuple[int, Sequence[Target]]]) -> None:
    """Note whose file new releases change; ``new`` has for each site the number of its release, and its files."""
    for site_ids in _parts(new):
        own = {(mac, site_id): file for site_id in site_ids for mac, file in _own_files(new[site_id][1]).items()}
        _note_own(session, site_ids, own, {site_id: new[site_id][0] for site_id in site_ids})


def _note_own(
    session: Session, site_ids: Sequence[str], own: Mapping[_Key, Target], numbers: Mapping[str, int]
) -> None:
    chosen = select(PhoneFileRow).where(PhoneFileRow.site_id.in_(site_ids))
    before = {(row.mac, row.site_id): row for row in session.scalars(chosen)}
    changed = {
        key
        for key, file in own.items()
        if key not in before or (before[key].name, before[key].digest) != (file.name, file.digest)
    }
    for row in before.values():
        session.expunge(row)  # it is written below, many in one statement
    key_of = tuple_(PhoneFileRow.mac, PhoneFileRow.site_id)
    for keys in _parts((before.keys() & changed) | (before.keys() - own.keys())):
        session.execute(delete(PhoneFileRow).where(key_of.in_(keys)))
    for keys in _parts(changed):
        here = tuple_(PhoneRow.mac, PhoneRow.site_id)
        rows = []
        for mac, site_id in session.execute(select(PhoneRow.mac, PhoneRow.site_id).where(here.in_(keys))).all():
            file, old = own[mac, site_id], before.get((mac, site_id))
            rows.append(
                {"mac": mac, "site_id": site_id, "name": file.name, "digest": file.digest, "since": numbers[site_id],
                 "taken": old.taken if old else None, "taken_at": old.taken_at if old else None}
            )  # fmt: skip
        if rows:
            session.execute(insert(PhoneFileRow), rows)


def note_taken(change: Change, site_id: str, taken: Mapping[Mac, Report]) -> None:
    """Note which release phones of a site took their configuration from, by the last report of each."""
    for mac, report in taken.items():
        row = change.session.get(PhoneFileRow, (mac.bare, site_id))
        if row is not None and report.release >= (row.taken or 0):
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


def _parts(names: Collection[_Name]) -> Iterator[list[_Name]]:
    in_order = sorted(names)
    for start in range(0, len(in_order), _AT_ONCE):
        yield in_order[start : start + _AT_ONCE]
