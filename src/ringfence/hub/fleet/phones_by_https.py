"""What leads phones to the hub by HTTPS, for many at once: their settings, the keys in their URLs, certificates."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.hub.fleet import nearest_settings, phone_https
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.phone_certificate_models import PhoneCertificateRow
from ringfence.hub.store.phone_https_models import PhoneUrlKeyRow
from ringfence.phones.families import model as model_of
from ringfence.phones.flat_profile.https import HTTPS_OLD_URL, HTTPS_URL

_OLD_TLS = "1.0"


@dataclass(frozen=True, slots=True)
class LedPhone:
    """A phone, and what leads it to the hub by HTTPS."""

    phone: PhoneRow
    is_old: bool
    """Whether it speaks TLS 1.0 alone."""
    has_rule: bool
    """Whether it has a rule that says from which URL it fetches its profile."""
    led_to: str
    """The value of ``https_url``, or of ``https_old_url`` for old phones, that counts for it; empty for none."""
    key: PhoneUrlKeyRow | None
    certificate_seen_at: float | None
    """When it last showed a certificate that counts; None if it never did."""


def find(session: Session, rows: Sequence[PhoneRow]) -> Sequence[LedPhone]:
    """Return what leads these phones, of a page of a list: as many queries for one as for all of them."""
    macs = [row.mac for row in rows]
    led_to = {name: nearest_settings.read(session, name, rows) for name in (HTTPS_URL, HTTPS_OLD_URL)}
    keys = {row.mac: row for row in session.scalars(select(PhoneUrlKeyRow).where(PhoneUrlKeyRow.mac.in_(macs)))}
    shown = (
        select(PhoneCertificateRow.mac, func.max(PhoneCertificateRow.seen_at))
        .where(PhoneCertificateRow.mac.in_(macs), PhoneCertificateRow.revoked_at.is_(None))
        .group_by(PhoneCertificateRow.mac)
    )
    seen: dict[str, float] = {row[0]: row[1] for row in session.execute(shown)}
    found = []
    for row in rows:
        is_old = model_of(row.model)[1].tls_ceiling.value == _OLD_TLS
        value = led_to[HTTPS_OLD_URL if is_old else HTTPS_URL].get(row.mac, "")
        has_rule = phone_https.has_rule(row.model)
        found.append(LedPhone(row, is_old, has_rule, str(value or ""), keys.get(row.mac), seen.get(row.mac)))
    return found
