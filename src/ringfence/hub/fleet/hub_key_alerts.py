"""The alert that a key of the hub ends, or has ended; for those who run the hub."""

from sqlalchemy import select

from ringfence.hub.core import Hub
from ringfence.hub.fleet import hub_keys
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.guard_models import GuardAlertRow

_OF_ANOTHER_ALERT = ("phones", "old-phones", "trust-")
"""What phones see, and phones' trust, have alerts of their own."""


def look(hub: Hub, everywhere: Hub) -> None:
    """Open and close the alerts as it is now.

    Args:
        hub: As the first organisation has it.
        everywhere: With the rows of all organisations.
    """
    found = hub_keys.find(everywhere, hub.clock())
    due = {each.key: each.problem for each in found if each.problem and not each.key.startswith(_OF_ANOTHER_ALERT)}
    of_kind = select(GuardAlertRow).where(GuardAlertRow.kind == alerts.HUB_KEY, GuardAlertRow.closed_at.is_(None))
    with hub.database.reading() as session:
        there = {row.subject: row.sentence for row in session.scalars(of_kind)}
    if there == due:
        return
    with hub.change("the hub") as change:
        for row in change.session.scalars(of_kind):
            if row.subject not in due:
                alerts.end(change, row)
        for subject, sentence in due.items():
            if there.get(subject) != sentence:
                alerts.raise_alert(change, None, alerts.HUB_KEY, subject, sentence)
