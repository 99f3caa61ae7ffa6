"""Sealing everything again by the newest sealing key, a little at a time, beside everything else.

What is left to do is what the database says: each value names its key. So a hub that is killed, or another one beside
it, goes on where this one was, and nothing is kept of how far it is.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, LargeBinary, Row, and_, func, or_, select, update
from sqlalchemy.orm import Session

from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.data.sealing import KEY_ID_BYTES, Sealer
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.fleet.sealed_columns import SEALED, SealedColumn

_FIRST_OF_ID: Final = 2
"""Where the key's name begins in a sealed value, counted from 1."""
Transactions = Callable[[], bool]
"""Asked between two transactions whether to go on."""

_log = logs.get("resealing")


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many values were sealed again, and how many could not be opened, which stay as they are."""

    done: int
    broken: int


def left(session: Session, ids: Collection[bytes]) -> dict[bytes, int]:
    """Return how many values are sealed by each of these keys; the session is everywhere's."""
    counted = dict.fromkeys(ids, 0)
    for each in SEALED if ids else ():
        sealed_by = _key_of(each)
        chosen = select(sealed_by, func.count()).where(_is_by(each, ids)).group_by(sealed_by)
        for key_id, count in session.execute(chosen):
            counted[bytes(key_id)] += count
    return counted


def go_on(hub: Hub, may_go_on: Transactions = lambda: True, *, names_broken: bool = False) -> Resealed:
    """Seal again what is sealed by keys before the newest, in many short transactions.

    Args:
        hub: With the rows of all organisations.
        may_go_on: Asked before each transaction.
        names_broken: Whether values that can't be opened are named in the log though nothing else was left to do.
    """
    done, broken = 0, list[str]()
    for each in SEALED:
        after: Sequence[Any] = ()
        while (former := hub.sealer.keys.former_ids) and may_go_on():
            with hub.database.reading() as session:
                rows = _next(session, each, former, after)
            if rows:
                with hub.database.writing() as session:
                    problems = [_seal_again(session, hub.sealer, each, row) for row in rows]
                done += problems.count("")
                broken += filter(None, problems)
            if len(rows) < each.at_once:
                break
            after = [rows[-1]._mapping[column.name] for column in each.table.primary_key]  # noqa: SLF001 - its public name
    if done:
        _log.info("secrets sealed again", values=done, broken=len(broken))
    for problem in broken if done or names_broken else ():
        _log.error("a secret can't be sealed again", problem=problem)
    return Resealed(done, len(broken))


# Any: columns of any type.
def _next(session: Session, each: SealedColumn, former: Collection[bytes], after: Sequence[Any]) -> Sequence[Row[Any]]:
    """Return the next rows by their key, those after one; their order makes sure that a pass comes to an end."""
    key = list(each.table.primary_key)
    chosen = select(each.table).where(_is_by(each, former))
    if after:
        chosen = chosen.where(_is_after(key, after))
    return session.execute(chosen.order_by(*key).limit(each.at_once)).all()


def _is_after(key: Sequence[ColumnElement[Any]], after: Sequence[Any]) -> ColumnElement[bool]:
    parts = [and_(*(key[i] == after[i] for i in range(place)), key[place] > after[place]) for place in range(len(key))]
    return or_(*parts)


def _seal_again(session: Session, sealer: Sealer, each: SealedColumn, row: Row[Any]) -> str:
    """Seal a value again; return what is wrong with it, in words, where it can't be opened."""
    values = row._mapping  # noqa: SLF001 - its public name
    sealed, own = values[each.name], sealer.of(values["organisation_id"])
    record = each.record_of({str(name): value for name, value in values.items()})
    try:
        again = own.seal(own.open(sealed, record), record)
    except SealBroken as fault:
        return str(fault)
    same = and_(*(column == values[column.name] for column in each.table.primary_key), each.column == sealed)
    session.execute(update(each.table).where(same).values({each.name: again}))
    return ""


def _key_of(each: SealedColumn) -> ColumnElement[bytes]:
    return func.substr(each.column, _FIRST_OF_ID, KEY_ID_BYTES, type_=LargeBinary)


def _is_by(each: SealedColumn, ids: Collection[bytes]) -> ColumnElement[bool]:
    return _key_of(each).in_(sorted(ids))
