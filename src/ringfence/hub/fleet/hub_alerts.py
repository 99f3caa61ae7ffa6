"""Alerts of the hub itself, for those who run it: each is open while its subject has a problem."""

from collections.abc import Mapping

from sqlalchemy import select

from ringfence.hub.core import Hub
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.guard_models import GuardAlertRow


def follow(hub: Hub, kind: str, due: Mapping[str, str]) -> None:
    """Open and close the alerts of a kind as it is now; what is as before is left alone.

    Args:
        hub: As the first organisation has it.
        kind: One of ``alerts.KINDS``.
        due: Sentences by subject.
    """
    of_kind = select(GuardAlertRow).where(GuardAlertRow.kind == kind, GuardAlertRow.closed_at.is_(None))
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
                alerts.raise_alert(change, None, kind, subject, sentence)
