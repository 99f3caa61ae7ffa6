"""Whose a certificate is that somebody shows as a phone's: its issuer, its name, its validity.

Invariants:

- A certificate counts only if a CA that the organisation trusts signed it: a maker's for a MIC, our own for an LSC.
- It counts for one phone, the one whose MAC address its common name ends with.
- That it has expired is told, and the policy decides; that it is not valid yet is refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from ringfence.phones.mac import Mac
from ringfence.phones.trust.proof_of_key import ShownProof, check_signed, check_sudi, read_certificate
from ringfence.phones.trust.refusals import CertificateRefusal, refused
from ringfence.printable import printable

PHONE_NAME = re.compile(r"(?:CP-[0-9A-Z-]{1,24}-)?SEP([0-9A-F]{12})")
"""Common names in makers' certificates and in those that a CUCM or we issue (TRUST.md)."""
_DEVICE_NAME = re.compile(r"SEP([0-9A-F]{12})")
_LONGEST_TOLD = 120
_DIGESTS = (hashes.SHA1, hashes.SHA256, hashes.SHA384, hashes.SHA512)
_RSA_SIGNATURES = frozenset({
    SignatureAlgorithmOID.RSA_WITH_SHA1, SignatureAlgorithmOID.RSA_WITH_SHA256, SignatureAlgorithmOID.RSA_WITH_SHA384,
    SignatureAlgorithmOID.RSA_WITH_SHA512,
})  # fmt: skip


class CertificateKind(StrEnum):
    """Who issued a phone's certificate."""

    MIC = "mic"
    """The maker, in the factory."""
    LSC = "lsc"
    """This organisation's CAPF."""


class KeyProof(StrEnum):
    """What is known of who holds a certificate's key."""

    FRESH = "fresh"
    """The key signed what this hub had just chosen, or the phone was told a secret by hand: good to grant by."""
    REPLAYABLE = "replayable"
    """Whoever recorded the phone once could say the same: good to encrypt to, not to grant by."""


@dataclass(frozen=True, slots=True)
class Issuers:
    """The CAs that count: phones' makers', and our own CAPF's, older ones of it too."""

    makers: Sequence[x509.Certificate]
    own: Sequence[x509.Certificate] = ()


@dataclass(frozen=True, slots=True)
class PhoneCertificate:
    """A certificate that is a certain phone's."""

    certificate: x509.Certificate
    kind: CertificateKind
    is_expired: bool


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """What a phone has shown by its answer to CAPF."""

    certificate: PhoneCertificate
    proof: KeyProof


def device_mac(device_name: str) -> Mac:
    """Return the MAC address of a phone that calls itself ``SEP`` and that. CertificateRefused: ``bad-name``."""
    found = _DEVICE_NAME.fullmatch(device_name)
    if found is None:
        raise refused(CertificateRefusal.BAD_NAME, printable(device_name, _LONGEST_TOLD))
    return Mac(found[1])


def judge_certificate(certificate: x509.Certificate, mac: Mac, issuers: Issuers, now: float) -> PhoneCertificate:
    """Return whose a certificate is, if it is that phone's.

    Args:
        certificate: As shown.
        mac: The phone's.
        issuers: The CAs that count.
        now: Unix seconds.

    Raises:
        CertificateRefused: ``foreign-issuer``, ``no-name``, ``other-phone`` or ``not-yet``.
    """
    kind = issuer_kind(certificate, issuers)
    names = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    found = PHONE_NAME.fullmatch(names[0]) if len(names) == 1 else None
    if found is None:
        raise refused(CertificateRefusal.NO_NAME, printable(", ".join(names), _LONGEST_TOLD))
    if found[1] != mac.bare:
        raise refused(CertificateRefusal.OTHER_PHONE, found[0])
    require_begun(certificate, now)
    return PhoneCertificate(certificate, kind, certificate.not_valid_after_utc.timestamp() <= now)


def issuer_kind(certificate: x509.Certificate, issuers: Issuers) -> CertificateKind:
    """Return who issued a certificate. CertificateRefused: ``foreign-issuer``."""
    if any(_has_issued(each, certificate) for each in issuers.own):
        return CertificateKind.LSC
    if any(_has_issued(each, certificate) for each in issuers.makers):
        return CertificateKind.MIC
    raise refused(CertificateRefusal.FOREIGN_ISSUER, printable(_text(certificate.issuer), _LONGEST_TOLD))


def require_begun(certificate: x509.Certificate, now: float) -> None:
    """Check that a certificate is valid already. CertificateRefused: ``not-yet``."""
    if certificate.not_valid_before_utc.timestamp() > now:
        raise refused(CertificateRefusal.NOT_YET)


def judge_proof(shown: ShownProof, session: int, issuers: Issuers, now: float) -> ShownCertificate:
    """Return which certificate a phone has proved to hold the key of, and how well.

    Args:
        shown: What it answered.
        session: The number that the hub chose for this session.
        issuers: The CAs that count.
        now: Unix seconds.

    Raises:
        CertificateRefused: As ``device_mac``, ``judge_certificate`` and ``proof_of_key``.
    """
    mac = device_mac(shown.device_name)
    certificate = read_certificate(shown.certificate)
    judged = judge_certificate(certificate, mac, issuers, now)
    check_signed(shown, certificate)
    if not shown.sudi_data:
        return ShownCertificate(judged, KeyProof.REPLAYABLE)
    # Another key of the same phone may have signed for the session: then the phone is there, and shows this one.
    judge_certificate(check_sudi(shown.sudi_data, session), mac, issuers, now)
    return ShownCertificate(judged, KeyProof.FRESH)


def _has_issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Return whether a CA's key signed a certificate, in SHA-1 too, which the library's own check refuses."""
    key, digest = authority.public_key(), certificate.signature_hash_algorithm
    if certificate.issuer != authority.subject or not isinstance(digest, _DIGESTS):
        return False
    try:
        match key:
            case rsa.RSAPublicKey() if certificate.signature_algorithm_oid in _RSA_SIGNATURES:
                key.verify(certificate.signature, certificate.tbs_certificate_bytes, PKCS1v15(), digest)
            case ec.EllipticCurvePublicKey():
                key.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(digest))
            case _:
                return False
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _text(name: x509.Name) -> str:
    try:
        return name.rfc4514_string()
    except (ValueError, TypeError):
        return "?"
