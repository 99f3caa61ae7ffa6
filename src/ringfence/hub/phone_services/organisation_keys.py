"""What CAPF and TVS are of an organisation's trust: their keys, and the certificates that count."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.phone_services.messages import UseKeys
from ringfence.hub.store.trust_models import TrustKeyRow
from ringfence.hub.trust import trust_keys
from ringfence.hub.trust.errors import TrustNotInitialised
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.trust_list import TrustRecord
from ringfence.secret import Secret


def service_keys(hub: Hub, session: Session) -> UseKeys:
    """Return the keys of an organisation's CAPF and TVS.

    Raises:
        TrustNotInitialised: There are none.
        TrustKeyStoreAway: They are kept where they can't be taken out.
        RingfenceError: The key store does not give them.
    """
    capf, tvs = trust_keys.current(session, KeyRole.CAPF), trust_keys.current(session, KeyRole.TVS)
    return UseKeys(
        capf.certificate,
        Secret(trust_keys.key_pem(hub, session, TrustRole.CAPF).decode()),
        tvs.certificate,
        Secret(trust_keys.key_pem(hub, session, TrustRole.TVS).decode()),
    )


def capf_certificates(session: Session) -> Sequence[x509.Certificate]:
    """Return the certificates of CAPF, those that have been replaced too: what they issued counts until it ends."""
    rows = session.scalars(select(TrustKeyRow).where(TrustKeyRow.role == KeyRole.CAPF.value))
    return [trust_keys.certificate_of(row) for row in rows]


def records(session: Session) -> Sequence[TrustRecord]:
    """Return what phones' lists name; nothing where there are no keys."""
    try:
        return trust_keys.records(session)
    except TrustNotInitialised:
        return ()


def der(certificate: x509.Certificate) -> bytes:
    """Return a certificate as phones ask about it."""
    return certificate.public_bytes(Encoding.DER)
