"""The alert that a certificate which phones see ends or could not be renewed; for those who run the hub."""

from sqlalchemy import select

from ringfence.hub.core import Hub
from ringfence.hub.fleet import listener_certificates
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.guard_models import GuardAlertRow

SUBJECTS = {False: "phones", True: "old-phones"}


def look(hub: Hub) -> None:
    """Open and close the alerts as it is now; ``hub`` is as the first organisation has it."""
    found = listener_certificates.find(hub, hub.clock())
    due = {SUBJECTS[each.is_for_old]: each.problem for each in found if each.problem}
    of_kind = select(GuardAlertRow).where(
        GuardAlertRow.kind == alerts.PHONES_CERTIFICATE, GuardAlertRow.closed_at.is_(None)
    )
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
                alerts.raise_alert(change, None, alerts.PHONES_CERTIFICATE, subject, sentence)
