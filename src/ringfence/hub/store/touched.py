"""What a session writes where, and what was there before: so that who wrote there meanwhile is noticed.

A place is a row, or one attribute of a row that stays; what it held is kept as a digest, of secrets too.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from ringfence.hub.store.base import Base
from ringfence.hub.store.edits import EditCountingSession
from ringfence.hub.store.models import LineRow, PhoneGroupRow, PhoneRow
from ringfence.hub.store.setting_models import (
    GroupSettingRow,
    LineSettingRow,
    OrganisationSettingRow,
    OwnTemplateRow,
    PhoneSettingRow,
    SiteSettingRow,
)

TOUCHED = "touched places"
"""Where ``session.info`` collects places with what they held, if it is there."""
ABSENT, PRESENT = "", "*"
_TABLES: Mapping[str, type[Base]] = {
    row.__tablename__: row
    for row in (
        PhoneRow, LineRow, PhoneGroupRow, OwnTemplateRow, OrganisationSettingRow, SiteSettingRow, GroupSettingRow,
        PhoneSettingRow, LineSettingRow,
    )
}  # fmt: skip
"""What drafts may edit."""
DRAFTED = frozenset(_TABLES.values())
_BY_ITSELF = frozenset({"created_at", "changed_at", "changed_by", "running_load", "named_load", "admitted_at"})
"""What changes with other things, or by what phones do."""
_DIGEST_LETTERS = 32


@event.listens_for(EditCountingSession, "before_flush")
def _note(session: Session, _context: object, _instances: object) -> None:
    places: dict[str, str] | None = session.info.get(TOUCHED)
    if places is None:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if type(row) not in DRAFTED:
            continue
        if row in session.new:
            places.setdefault(_place(row, ""), ABSENT)
        elif row in session.deleted:
            places.setdefault(_place(row, ""), PRESENT)
        else:
            for name, before in _changed(row):
                places.setdefault(_place(row, name), _digest(before))


def changed_since(session: Session, found: Mapping[str, str]) -> list[str]:
    """Return the places that hold something else than was found there."""
    return [place for place, held in found.items() if _held(session, place) != held]


def is_of_new_row(place: str, known: Mapping[str, str]) -> bool:
    """Return whether a place is an attribute of a row that was not there where ``known`` was found."""
    table, key, attribute = json.loads(place)
    return bool(attribute) and known.get(json.dumps([table, key, ""])) == ABSENT


def in_words(place: str) -> str:
    """Return a place as people call it."""
    table, key, attribute = json.loads(place)
    named = "/".join(str(part) for part in key)
    what = table.replace("_", " ").replace("phone group", "group").removeprefix("own ")
    return f"{attribute} of {what} {named}" if attribute else f"{what} {named}"


def _held(session: Session, place: str) -> str:
    table, key, attribute = json.loads(place)
    row = session.get(_TABLES[table], tuple(key))
    if row is None:
        return ABSENT
    return _digest(getattr(row, attribute)) if attribute else PRESENT


def _place(row: Base, attribute: str) -> str:
    """Return a row's place without its organisation, which the session knows."""
    mapper = inspect(type(row))
    keys = (mapper.get_property_by_column(column).key for column in mapper.primary_key)
    key = [getattr(row, name) for name in keys if name != "organisation_id"]
    return json.dumps([row.__tablename__, key, attribute])


def _changed(row: Base) -> Iterator[tuple[str, object]]:
    state = inspect(row)
    for attribute in inspect(type(row)).column_attrs:
        history = state.attrs[attribute.key].history
        if attribute.key not in _BY_ITSELF and history.has_changes():
            yield attribute.key, history.deleted[0] if history.deleted else None


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:_DIGEST_LETTERS]
