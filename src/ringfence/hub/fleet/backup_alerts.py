"""The alert that nobody has copied the hub for long, or ever; it is the organisation's whose people run the hub."""

import time

from sqlalchemy import select

from ringfence.counted import counted
from ringfence.hub.core import Hub
from ringfence.hub.data import backup_note
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.store.organisation_models import FIRST, OrganisationRow

FIRST_WITHIN_S = 86_400.0
"""How soon a new hub is to be copied."""
SUBJECT = "hub"
_DAY_S = 86_400
_TO_DO = "Make one: ringfence hub backup DIR FILE."


def look(hub: Hub) -> None:
    """Open or close the alert as it is now; ``hub`` is as the first organisation has it."""
    with hub.change("the hub") as change:
        sentence = _due(hub, change.session.get_one(OrganisationRow, FIRST).created_at, change.now)
        there = change.session.scalar(
            select(GuardAlertRow).where(GuardAlertRow.kind == alerts.BACKUP_OLD, GuardAlertRow.closed_at.is_(None))
        )
        if sentence and (there is None or there.sentence != sentence):
            alerts.raise_alert(change, None, alerts.BACKUP_OLD, SUBJECT, sentence)
        elif there is not None and not sentence:
            alerts.end(change, there)


def _due(hub: Hub, created_at: float, now: float) -> str:
    """Return what is wrong with the hub's copies, in words; empty if nothing is."""
    after_days = hub.config.backup_alert_days
    if hub.folder is None or not after_days:
        return ""
    made_at = backup_note.read(hub.folder)
    if made_at is None:
        is_late = now - created_at > min(FIRST_WITHIN_S, after_days * _DAY_S)
        return f"No copy of the hub is known. {_TO_DO}" if is_late else ""
    if now - made_at <= after_days * _DAY_S:
        return ""
    day = time.strftime("%Y-%m-%d", time.gmtime(made_at))
    age = counted(int((now - made_at) // _DAY_S), "day")
    return f"The last copy of the hub is {age} old, of {day}. {_TO_DO}"
