"""Alerts about certificates that were issued to phones and end soon: a phone that is off then has no key that counts.

They end by themselves, once the phone has another one, or its certificate is revoked.
"""

from sqlalchemy import select
from sqlalchemy.orm import aliased

from ringfence.hub.core import Hub
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.guard.edge_alerts import day
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.phone_certificate_models import PhoneCertificateRow
from ringfence.phones.mac import Mac
from ringfence.phones.trust.phone_certificates import CertificateKind

ENDS_WITHIN_S = 60 * 86_400
"""Phones are off over long holidays."""
MOST_AT_ONCE = 200


def look(hub: Hub) -> tuple[int, int]:
    """Open and close alerts as certificates are now; return how many were opened and closed."""
    with hub.database.reading() as session:
        newer = aliased(PhoneCertificateRow)
        is_replaced = (
            select(newer.mac)
            .where(
                newer.mac == PhoneCertificateRow.mac, newer.kind == CertificateKind.LSC.value,
                newer.is_stored, newer.revoked_at.is_(None), newer.ends_at > PhoneCertificateRow.ends_at,
            )
            .exists()
        )  # fmt: skip
        chosen = (
            select(PhoneCertificateRow.mac, PhoneCertificateRow.ends_at, PhoneRow.site_id)
            .join(PhoneRow, PhoneRow.mac == PhoneCertificateRow.mac)
            .where(
                PhoneCertificateRow.ends_at < hub.clock() + ENDS_WITHIN_S,
                PhoneCertificateRow.kind == CertificateKind.LSC.value,
                PhoneCertificateRow.is_stored,
                PhoneCertificateRow.revoked_at.is_(None),
                ~is_replaced,
            )
            .order_by(PhoneCertificateRow.ends_at, PhoneCertificateRow.mac)
            .limit(MOST_AT_ONCE)
        )
        due = {mac: (ends_at, site_id) for mac, ends_at, site_id in session.execute(chosen)}
        there = set(session.scalars(select(GuardAlertRow.subject).where(*_OPEN)))
    news, over = due.keys() - there, there - due.keys()
    if not news and not over:
        return 0, 0
    with hub.change("the hub") as change:
        for mac in sorted(over):
            for row in alerts.open_of_kind(change.session, alerts.PHONE_CERTIFICATE_ENDS, mac):
                alerts.end(change, row)
        for mac in sorted(news):
            ends_at, site_id = due[mac]
            if change.session.get(PhoneRow, mac) is not None:  # it may have been removed meanwhile
                sentence = (
                    f"The certificate that was issued to phone {Mac(mac)} ends on {day(ends_at)}. Renew it while the "
                    f"phone is there: ringfence phone certificate {Mac(mac)} issue."
                )
                alerts.raise_alert(change, site_id, alerts.PHONE_CERTIFICATE_ENDS, mac, sentence)
    return len(news), len(over)


_OPEN = GuardAlertRow.kind == alerts.PHONE_CERTIFICATE_ENDS, GuardAlertRow.closed_at.is_(None)
