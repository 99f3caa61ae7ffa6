"""The alert that a certificate which phones see ends or could not be renewed; for those who run the hub."""

from ringfence.hub.core import Hub
from ringfence.hub.fleet import hub_alerts, listener_certificates
from ringfence.hub.fleet.guard import alerts

SUBJECTS = {False: "phones", True: "old-phones"}


def look(hub: Hub) -> None:
    """Open and close the alerts as it is now; ``hub`` is as the first organisation has it."""
    found = listener_certificates.find(hub, hub.clock())
    due = {SUBJECTS[each.is_for_old]: each.problem for each in found if each.problem}
    hub_alerts.follow(hub, alerts.PHONES_CERTIFICATE, due)
