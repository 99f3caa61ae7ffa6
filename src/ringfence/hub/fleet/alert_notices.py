"""Notices: what alert channels are still to be told, kept in the transaction in which an alert begins or ends.

So none is lost with a crash, and none is sent of a change that did not come about. An alert that ends before anybody
was told of it is not spoken of.
"""

import json
from typing import Any

from sqlalchemy import delete, func, select

from ringfence.hub.fleet import alert_channels
from ringfence.hub.store.access_scope import beyond_scope
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import AlertChannelRow, AlertNoticeRow, GuardAlertRow

OPENED, CLOSED = "alert.opened", "alert.closed"
GATHERED_FOR_S = {alert_channels.WEBHOOK: 0.0, alert_channels.MAIL: 60.0, alert_channels.NTFY: 10.0}
"""How long notices of a kind of channel wait for others: one mail tells of all edges behind a line that was cut."""
MOST_WAITING = 5000
"""How many notices wait for a channel at most; beyond, they are counted and not kept."""


def add_opened(change: Change, alert: GuardAlertRow) -> None:
    """Have every channel that wants to know told that an alert has begun."""
    _add(change, alert, OPENED)


def add_closed(change: Change, alert: GuardAlertRow) -> None:
    """Have those that were told of an alert told that it has ended."""
    session = change.session
    unsent = (AlertNoticeRow.alert_id == alert.id, AlertNoticeRow.event == OPENED, AlertNoticeRow.tries == 0)
    untold = set(session.scalars(beyond_scope(select(AlertNoticeRow.channel_id).where(*unsent))))
    session.execute(beyond_scope(delete(AlertNoticeRow).where(*unsent)))
    _add(change, alert, CLOSED, but=untold)


def _add(change: Change, alert: GuardAlertRow, event: str, but: frozenset[str] | set[str] = frozenset()) -> None:
    session = change.session
    for channel in session.scalars(beyond_scope(select(AlertChannelRow))):
        if channel.id in but or not alert_channels.is_for(channel, alert.site_id, alert.kind):
            continue
        waiting = beyond_scope(select(func.count()).where(AlertNoticeRow.channel_id == channel.id))
        if (session.scalar(waiting) or 0) >= MOST_WAITING:
            channel.dropped += 1
            continue
        session.add(
            AlertNoticeRow(
                channel_id=channel.id,
                alert_id=alert.id,
                event=event,
                body=json.dumps(_body(alert)),
                made_at=change.now,
                due_at=alert_channels.due(channel, change.now + GATHERED_FOR_S[channel.kind]),
                tries=0,
            )
        )


def _body(alert: GuardAlertRow) -> dict[str, Any]:
    return {
        "id": alert.id, "site": alert.site_id or "", "kind": alert.kind, "subject": alert.subject,
        "sentence": alert.sentence,
        "peer": alert.peer, "first_at": alert.first_at, "last_at": alert.last_at, "count": alert.count,
        "closed_at": alert.closed_at, "closed_by": alert.closed_by,
    }  # fmt: skip
