"""Alerts about phones that are to get their configuration by HTTPS, and take it as a file."""

from collections.abc import Iterable

from sqlalchemy import select

from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.phone_transport import has_fallen_back
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.phone_trust_models import PhoneTrustRow
from ringfence.phones.mac import Mac
from ringfence.phones.trust.state import ListOffer
from ringfence.wire.messages import Report, ReportKind


def look(change: Change, site_id: str, reports: Iterable[Report]) -> None:
    """Open and close alerts about a site's phones, once it is noted what these reports tell of them."""
    owners = {each.owner for each in reports if each.kind == ReportKind.FILE_SERVED and each.owner}
    if not owners:
        return
    chosen = select(PhoneTrustRow).join(PhoneRow, PhoneRow.mac == PhoneTrustRow.mac)
    chosen = chosen.where(PhoneTrustRow.mac.in_(sorted(owners)), PhoneRow.site_id == site_id)
    for row in change.session.scalars(chosen.where(PhoneTrustRow.https_list_at.is_not(None))):
        _look_at(change, site_id, row)


def _look_at(change: Change, site_id: str, row: PhoneTrustRow) -> None:
    mac = Mac(row.mac)
    if row.taken_kind == ListOffer.HTTPS and has_fallen_back(row):
        if row.fell_back_at == change.now:
            sentence = (
                f"Phone {mac} took its signed configuration as a file, which can be read on the wire, though its trust "
                "list says HTTPS: it could not reach port 6971 of its edge, or did not believe the edge's certificate. "
                "Look at the edge's key (ringfence edge tls-key EDGE), then reload the phone."
            )
            alerts.raise_alert(change, site_id, alerts.PHONE_LEFT_HTTPS, mac.bare, sentence)
        return
    for alert in alerts.open_of_kind(change.session, alerts.PHONE_LEFT_HTTPS, mac.bare):
        alerts.end(change, alert)
