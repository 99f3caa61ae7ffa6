"""Alert channels: where people, or their programs, are told of alerts."""

from fastapi import APIRouter, Response

from ringfence.errors import BadInput, RingfenceError
from ringfence.hub.fleet import alert_channels, sites
from ringfence.hub.fleet.alert_channels import SCHEMES, WEBHOOK, ChannelParts
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.notifying import delivery
from ringfence.hub.people.forms import Form, TheForm
from ringfence.hub.store.guard_models import AlertChannelRow
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage
from ringfence.secret import Secret

router = APIRouter(prefix="/alert-channels")

_CELLS: lists.Cells[AlertChannelRow] = {
    "channel": lambda row: row.id,
    "kind": lambda row: row.kind,
    "sent": lambda row: row.sent,
}


@router.get("")
def list_channels(page: TheWebPage) -> PageAnswer:
    """Show the alert channels."""
    with page.hub.database.reading() as session:
        found = lists.cut(page, alert_channels.find(session), _CELLS)
    return page.show("alert_channels/list.html", rows=found.rows, next=found.next)


@router.get("/-/new")
def show_new_channel(page: TheFormPage) -> PageAnswer:
    """Show the form for a new channel."""
    return page.show("alert_channels/new.html", form={}, fault=None, kinds=list(SCHEMES))


@router.post("/-/new")
def add_channel(page: TheFormPage, form: TheForm) -> Response:
    """Add a channel; a webhook's signing key is shown, this once."""
    try:
        for kind in form.get("alert_kinds", "").split():
            alerts.check_kind(kind)
        with page.hub.change(page.caller.name) as change:
            site = form.get("site", "").strip()
            parts = _parts(page, form, sites.get(change.session, site).id if site else None)
            row, secret = alert_channels.add(change, page.hub.sealer, form.get("name", ""), parts)
            name, kind = row.id, row.kind
    except BadInput as fault:
        kept = {**form, "secret": ""}
        return page.refused("alert_channels/new.html", fault, kept, kinds=list(SCHEMES))
    if kind == WEBHOOK:
        return page.show("alert_channels/created.html", name=name, text=secret.reveal())
    return page.go("alert-channels", done="created")


@router.get("/{channel}/test")
def show_test(channel: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a channel is to be tried."""
    with page.hub.database.reading() as session:
        return page.show("alert_channels/test.html", channel=alert_channels.get(session, channel), fault=None)


@router.post("/{channel}/test")
def try_channel(channel: str, page: TheFormPage) -> Response:
    """Send a message that is about nothing."""
    with page.hub.database.reading() as session:
        row = alert_channels.get(session, channel)
    try:
        delivery.send_test(page.hub, channel)
    except RingfenceError as fault:
        return page.refused("alert_channels/test.html", fault, channel=row)
    return page.go("alert-channels", done="taken")


@router.get("/{channel}/remove")
def ask_to_remove(channel: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a channel is to be removed."""
    with page.hub.database.reading() as session:
        return page.show("alert_channels/remove.html", channel=alert_channels.get(session, channel))


@router.post("/{channel}/remove")
def remove_channel(channel: str, page: TheFormPage) -> Response:
    """Remove a channel, with what waits to be sent there."""
    with page.hub.change(page.caller.name) as change:
        alert_channels.remove(change, channel)
    return page.go("alert-channels", done="removed")


def _parts(page: WebPage, form: Form, site_id: str | None) -> ChannelParts:
    return ChannelParts(
        form.get("kind", ""), form.get("url", "").strip(), form.get("recipients", "").split(),
        form.get("sender", "").strip(), form.get("user", ""), Secret(form.get("secret", "")),
        form.get("alert_kinds", "").split(), site_id, page.hub.config.alert_networks,
        form.get("quiet_hours", "").strip(), form.get("time_zone", "").strip(),
    )  # fmt: skip
