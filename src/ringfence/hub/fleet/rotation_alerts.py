"""Alerts about changes of secrets that can't go on, such as those whose PBX is away or whose site is held."""

import time

from sqlalchemy import select

from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.rotation_stages import UNDER_WAY
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.pbx_models import RotationRow
from ringfence.phones.mac import Mac

LASTS_S = 10 * 60.0


def look(change: Change) -> tuple[int, int]:
    """Open and close alerts as changes of secrets are now; return how many were opened and closed."""
    session = change.session
    stuck = (
        select(RotationRow, PhoneRow.site_id)
        .join(PhoneRow, PhoneRow.mac == RotationRow.mac)
        .where(RotationRow.stage.in_(UNDER_WAY), RotationRow.failing_since <= change.now - LASTS_S)
    )
    due = {row.mac: (row, site_id) for row, site_id in session.execute(stuck)}
    of_kind = select(GuardAlertRow).where(
        GuardAlertRow.kind == alerts.ROTATION_STUCK, GuardAlertRow.closed_at.is_(None)
    )
    there = {row.subject: row for row in session.scalars(of_kind)}
    over = [row for mac, row in there.items() if mac not in due]
    for alert in over:
        alerts.end(change, alert)
    news = [mac for mac in due if mac not in there]
    for mac in news:
        row, site_id = due[mac]
        since = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(row.failing_since or change.now))
        sentence = f"The secrets of phone {Mac(mac)} wait at {row.pbx_id} since {since}: {row.problem}"
        alerts.raise_alert(change, site_id, alerts.ROTATION_STUCK, mac, sentence)
    return len(news), len(over)
