"""A running hub whose organisation has keys for its phones' trust, and trusts the phones' maker."""

import functools
import secrets

from cryptography import x509

from ringfence.hub.fleet import phone_certificates
from ringfence.hub.phone_services.local_certificates import LIFETIME_S, LscIssuer
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.trust import trust_keys
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.hub.trust.recovery_file import RecoveryKey
from ringfence.identity.certificates import to_pem
from ringfence.phones.mac import Mac
from ringfence.phones.trust.phone_certificates import CertificateKind, KeyProof
from ringfence.phones.trust.roles import TrustRole
from ringfence.secret import Secret
from ringfence.sim.capf_client import PhoneIdentity
from support.phone_identities import cisco, key_number
from support.running_hub import RunningHub

CAPF = KeyRole.CAPF
TVS = KeyRole.TVS


@functools.cache
def _recovery() -> str:
    return to_pem(RecoveryKey.new("main").certificate)


def trust(running: RunningHub) -> RunningHub:
    """Make the keys, and add the maker's CA."""
    with trust_keys.made_keys(running.hub) as made, running.hub.change("Anna") as change:
        trust_keys.initialise(running.hub, change, made, _recovery())
    running.do("POST", "/port-authorities", {"pem": cisco().pem})
    return running


def certificate(running: RunningHub, role: KeyRole) -> x509.Certificate:
    """The certificate of a role, as phones' lists have it."""
    with running.hub.database.reading() as session:
        return trust_keys.certificate_of(trust_keys.current(session, role))


def site_of(running: RunningHub, mac: str) -> str:
    with running.hub.database.reading() as session:
        return session.get_one(PhoneRow, mac).site_id


def issue(running: RunningHub, mac: str, key: int) -> PhoneIdentity:
    """Give a phone a certificate of the organisation's CAPF, as a session with it does, for one of a few keys."""
    phone, now = Mac.parse(mac), running.clock()
    with running.hub.database.reading() as session:
        pem = Secret(trust_keys.key_pem(running.hub, session, TrustRole.CAPF).decode())
    issuer = LscIssuer(to_pem(certificate(running, CAPF)), pem)
    made = key_number(key)
    der = issuer.issue(made.public_key(), f"SEP{phone.bare}", secrets.randbits(120), now - 60, now + LIFETIME_S)
    given = x509.load_der_x509_certificate(der)
    with running.hub.change("CAPF") as change:
        phone_certificates.take(change, phone, CertificateKind.LSC, given, KeyProof.FRESH)
    return PhoneIdentity(given, made)
