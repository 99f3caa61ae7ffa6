"""Alert channels: where people are told of alerts."""

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.hub.fleet import alert_channels
from ringfence.hub.fleet.alert_channels import ChannelParts
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.notifying import delivery
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.alert_channels import AlertChannelMade, AlertChannelView, NewAlertChannel
from ringfence.hub.store import pages
from ringfence.hub.store.guard_models import AlertChannelRow, AlertNoticeRow
from ringfence.secret import Secret

router = APIRouter(tags=["alerts"])


@router.post("/alert-channels", status_code=201)
def add_alert_channel(body: NewAlertChannel, hub: TheHub, caller: TheCaller) -> AlertChannelMade:
    """Add an alert channel."""
    for kind in body.alert_kinds:
        alerts.check_kind(kind)
    parts = ChannelParts(
        body.kind, body.url, body.recipients, body.sender, body.user, Secret(body.secret), body.alert_kinds, body.site,
        hub.config.alert_networks, body.quiet_hours, body.time_zone,
    )  # fmt: skip
    with hub.change(caller.name) as change:
        row, secret = alert_channels.add(change, hub.sealer, body.name, parts)
        shown = secret.reveal() if body.kind == alert_channels.WEBHOOK else ""
        return AlertChannelMade(**_view(change.session, row).model_dump(), secret=shown)


@router.get("/alert-channels")
def list_alert_channels(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[AlertChannelView]:
    """List the alert channels, with what waits to be sent there."""
    with hub.database.reading() as session:
        found = pages.cut(alert_channels.find(session), page)
        return Items.of(found.each(lambda row: _view(session, row)))


@router.post("/alert-channels/{channel}/test", status_code=204)
def try_alert_channel(channel: str, hub: TheHub, _caller: TheCaller) -> None:
    """Send a message to an alert channel that is about nothing; it was taken if there is no error."""
    delivery.send_test(hub, channel)


@router.delete("/alert-channels/{channel}", status_code=204)
def remove_alert_channel(channel: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove an alert channel, with what waits to be sent there."""
    with hub.change(caller.name) as change:
        alert_channels.remove(change, channel)


def _view(session: Session, row: AlertChannelRow) -> AlertChannelView:
    waiting = select(func.count()).where(AlertNoticeRow.channel_id == row.id)
    return AlertChannelView(
        id=row.id, kind=row.kind, url=row.url, recipients=[each for each in row.recipients.split(",") if each],
        sender=row.sender, user=row.user, alert_kinds=[each for each in row.alert_kinds.split(",") if each],
        site=row.site_id, created_at=row.created_at, waiting=session.scalar(waiting) or 0, sent=row.sent,
        sent_at=row.sent_at, failing_since=row.failing_since, problem=row.problem, dropped=row.dropped,
        quiet_hours=row.quiet_hours, time_zone=row.time_zone,
    )  # fmt: skip
