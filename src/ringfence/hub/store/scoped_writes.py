"""What a session that is limited to a scope may write: rows of its sites and phones, and none of all the organisation.

What it has read is of its scope already (``store/access_scope.py``); here is what it adds, changes or removes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from ringfence.hub.errors import ScopeExceeded
from ringfence.hub.store.access_scope import NEVER_WRITTEN, OF_THE_HUBS_WORK, SEEN_WITH_PHONES, AccessScope
from ringfence.hub.store.activation_models import ActivationLineRow
from ringfence.hub.store.base import Base
from ringfence.hub.store.draft_models import DraftEditRow, DraftRow
from ringfence.hub.store.guard_models import EdgeNetworkRow
from ringfence.hub.store.models import EdgeCertificateRow, PhoneRow, SiteRow
from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.store.rollout_models import RolloutRow
from ringfence.hub.store.setting_models import GroupSettingRow

_WITH_WHAT_WAS_READ = (DraftEditRow, ActivationLineRow, EdgeCertificateRow, EdgeNetworkRow, RolloutRow)
"""What hangs on a row that was read in the scope, or whose own rows are looked at."""
_OF_ACCESS = ("role", "limited_to", "is_hubwide", "disabled_at")


def check_flushed(session: Session, scope: AccessScope) -> None:
    """Raise ScopeExceeded where what is to be flushed is not of a scope."""
    changed = [row for row in session.dirty if session.is_modified(row)]
    macs: set[str] = set()
    for row in (*session.new, *changed, *session.deleted):
        if type(row) not in OF_THE_HUBS_WORK:
            macs.update(_check(row, scope, is_new=row in session.new))
    _check_phones(session, macs)


def check_rows(session: Session, table: type[Any], rows: Sequence[Mapping[str, Any]], scope: AccessScope) -> None:
    """Raise ScopeExceeded where rows that are inserted at once are not of a scope."""
    if table in OF_THE_HUBS_WORK:
        return
    macs: set[str] = set()
    for row in rows:
        macs.update(_check(table(**row), scope, is_new=True))
    _check_phones(session, macs)


# Any: statements and tables of any kind.
def limited(statement: Any, table: type[Any], scope: AccessScope) -> Any:  # noqa: ANN401
    """Return a statement that changes or removes rows, so that it leaves those alone that are only read.

    Raises:
        ScopeExceeded: No row of the table is a scope's to change.
    """
    if table in OF_THE_HUBS_WORK:
        return statement
    if table in NEVER_WRITTEN or "organisation_id" not in inspect(table).columns:
        _refuse()
    if table is GroupSettingRow:
        return statement.where(table.group_id.in_(scope.groups))
    return statement.where(table.site_id.in_(scope.sites)) if table in SEEN_WITH_PHONES else statement


def _check(row: Any, scope: AccessScope, *, is_new: bool) -> Iterable[str]:  # noqa: ANN401 - rows of any table
    """Check a row by itself; return the phones, by bare address, that must be of the scope too."""
    table: type[Any] = type(row)
    columns = inspect(table).columns.keys()
    if table in NEVER_WRITTEN or "organisation_id" not in columns:
        _refuse()
    by_itself = _BY_ITSELF.get(table)
    if by_itself is not None:
        is_there = by_itself(row, scope, is_new)
    elif "person_id" in columns:
        is_there = row.person_id == scope.holder_id
    elif "site_id" in columns and (row.site_id is None or row.site_id in scope.sites):
        is_there = row.site_id is not None
    elif "mac" in columns and row.mac:
        return (row.mac,)
    else:
        is_there = table in _WITH_WHAT_WAS_READ
    if not is_there:
        _refuse()
    return ()


def _is_phones(row: PhoneRow, scope: AccessScope, is_new: bool) -> bool:
    """A phone of a group is changed where it stands; who moves or adds one needs the site."""
    stays = not is_new and not inspect(row).attrs.site_id.history.has_changes()
    return row.site_id in scope.sites or (stays and row.group_id in scope.groups)


def _is_persons(row: PersonRow, _scope: AccessScope, is_new: bool) -> bool:
    """Their own, as it was read; and nobody gives themselves more."""
    return not is_new and not any(inspect(row).attrs[name].history.has_changes() for name in _OF_ACCESS)


# Any: rows of the table beside it.
_BY_ITSELF: Mapping[type[Base], Callable[[Any, AccessScope, bool], bool]] = {
    SiteRow: lambda row, scope, is_new: not is_new and row.id in scope.sites,
    GroupSettingRow: lambda row, scope, _is_new: row.group_id in scope.groups,
    DraftRow: lambda row, scope, _is_new: row.author_id == scope.holder_id,
    PhoneRow: _is_phones,
    PersonRow: _is_persons,
}


def _check_phones(session: Session, macs: set[str]) -> None:
    wanted = macs - {row.mac for row in session.new if isinstance(row, PhoneRow)}
    if not wanted:
        return
    with session.no_autoflush:
        found = set(session.scalars(select(PhoneRow.mac).where(PhoneRow.mac.in_(sorted(wanted)))))
    if wanted - found - {row.mac for row in session.deleted if isinstance(row, PhoneRow)}:
        _refuse()


def _refuse() -> NoReturn:
    raise ScopeExceeded(
        "this is not a part of the organisation that this access is for",
        to_do="Ask somebody whose access is for the whole organisation.",
    )
