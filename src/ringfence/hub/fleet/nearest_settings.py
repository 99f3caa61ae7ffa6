"""What one setting is for many phones, as somebody has set it: the nearest scope wins, as in ``settings.py``."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.setting_models import (
    GroupSettingRow,
    OrganisationSettingRow,
    PhoneSettingRow,
    SiteSettingRow,
)
from ringfence.phones.families import model as model_of
from ringfence.phones.settings.types import Value

_AT_ONCE = 500
"""How many phones a query names at most."""


def read(session: Session, name: str, found: Sequence[PhoneRow]) -> dict[str, Value]:
    """Return the value that was set for each phone, by bare address; none where nobody has set one.

    Args:
        session: Where it is read: a statement, and three for every 500 phones.
        name: The setting's; it is no secret, and follows from no other.
        found: The phones; those whose model does not have it get no value.
    """
    known = [row for row in found if name in model_of(row.model)[1].settings]
    if not known:
        return {}
    everywhere = session.scalar(select(OrganisationSettingRow.value).where(OrganisationSettingRow.name == name))
    values: dict[str, Value] = {}
    for start in range(0, len(known), _AT_ONCE):
        some = known[start : start + _AT_ONCE]
        by_site = _read(session, SiteSettingRow.site_id, SiteSettingRow, name, {row.site_id for row in some})
        groups = {row.group_id for row in some if row.group_id}
        by_group = _read(session, GroupSettingRow.group_id, GroupSettingRow, name, groups) if groups else {}
        own = _read(session, PhoneSettingRow.mac, PhoneSettingRow, name, {row.mac for row in some})
        for row in some:
            said = (own.get(row.mac), by_group.get(row.group_id or ""), by_site.get(row.site_id), everywhere)
            nearest = next((value for value in said if value is not None), None)
            if nearest is not None:
                values[row.mac] = nearest
    return values


# Any: a column of texts, and a table of settings
def _read(session: Session, key: Any, table: Any, name: str, keys: Collection[str]) -> dict[str, Value]:  # noqa: ANN401
    chosen = select(key, table.value).where(table.name == name, key.in_(sorted(keys)))
    return {row[0]: row[1] for row in session.execute(chosen)}
