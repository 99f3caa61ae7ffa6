"""The alert that a key of the hub ends, or has ended; for those who run the hub."""

from ringfence.hub.core import Hub
from ringfence.hub.fleet import hub_alerts, hub_keys
from ringfence.hub.fleet.guard import alerts

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
    hub_alerts.follow(hub, alerts.HUB_KEY, due)
