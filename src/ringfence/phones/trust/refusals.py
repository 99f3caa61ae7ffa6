"""Why a phone's certificate, or an order about it, comes to nothing: each with a name and its sentence."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from ringfence.phones.errors import CertificateRefused


class CertificateRefusal(StrEnum):
    """What was wrong. The hub stores these names, so they never change."""

    NOT_CAPF = "not-capf"
    BAD_NAME = "bad-name"
    UNKNOWN_PHONE = "unknown-phone"
    OTHER_SOURCE = "other-source"
    BUSY = "busy"
    NO_CERTIFICATE = "no-certificate"
    UNREADABLE = "unreadable"
    UNFIT_KEY = "unfit-key"
    FOREIGN_ISSUER = "foreign-issuer"
    NO_NAME = "no-name"
    OTHER_PHONE = "other-phone"
    NOT_YET = "not-yet"
    EXPIRED = "expired"
    REVOKED = "revoked"
    NO_PROOF = "no-proof"
    WRONG_PROOF = "wrong-proof"
    WRONG_SUDI = "wrong-sudi"
    WRONG_PASSWORD = "wrong-password"  # noqa: S105 - the name of a refusal
    NOT_FRESH = "not-fresh"
    PHONE_REFUSES = "phone-refuses"
    WRONG_KEY = "wrong-key"
    HANGS = "hangs"
    GENERIC = "generic"
    OTHER_MODEL = "other-model"
    OTHER_SERIAL = "other-serial"
    OTHER_AGENT = "other-agent"
    OLD_ADDRESS = "old-address"
    OTHER_NETWORK = "other-network"
    LATE_KEY = "late-key"


SENTENCES: Mapping[CertificateRefusal, str] = MappingProxyType({
    CertificateRefusal.NOT_CAPF: "what came is not what a phone sends to CAPF",
    CertificateRefusal.BAD_NAME: "what connected does not call itself SEP with a MAC address",
    CertificateRefusal.UNKNOWN_PHONE: "this site has no such phone",
    CertificateRefusal.OTHER_SOURCE: "it came from another MAC address on the phones' network than its own",
    CertificateRefusal.BUSY: "this phone's last session has not ended",
    CertificateRefusal.NO_CERTIFICATE: "no certificate was shown",
    CertificateRefusal.UNREADABLE: "what was shown is not a certificate",
    CertificateRefusal.UNFIT_KEY: "the certificate's key is neither RSA of 1024 to 4096 bits nor of a curve of phones",
    CertificateRefusal.FOREIGN_ISSUER: "no CA that the organisation trusts has issued the certificate",
    CertificateRefusal.NO_NAME: "the certificate does not name a phone",
    CertificateRefusal.OTHER_PHONE: "the certificate is another phone's",
    CertificateRefusal.NOT_YET: "the certificate is not valid yet, or the hub's clock is wrong",
    CertificateRefusal.EXPIRED: "the certificate has expired, and the policy does not accept that",
    CertificateRefusal.REVOKED: "the certificate was revoked",
    CertificateRefusal.NO_PROOF: "nothing was signed with the certificate's key",
    CertificateRefusal.WRONG_PROOF: "what was signed does not fit the certificate's key, or is another phone's",
    CertificateRefusal.WRONG_SUDI: "the proof for this very session does not hold; it may be a recorded one",
    CertificateRefusal.WRONG_PASSWORD: "the authentication string is not the one that was given for this phone",
    CertificateRefusal.NOT_FRESH: (
        "the proof could be a recorded one, so no certificate is issued for it; give the phone an authentication string"
    ),
    CertificateRefusal.PHONE_REFUSES: "the phone answered that it did not do it",
    CertificateRefusal.WRONG_KEY: "the phone made another key than it was asked for",
    CertificateRefusal.HANGS: "the phone did not answer in time, or ended the connection",
    CertificateRefusal.GENERIC: (
        "the certificate is the one that all of the maker's oldest units share, so it is no phone's own; give this "
        "phone a key in its URL instead"
    ),
    CertificateRefusal.OTHER_MODEL: "the certificate is of another model than the phone has here",
    CertificateRefusal.OTHER_SERIAL: "the phone has shown a certificate with another serial number before",
    CertificateRefusal.OTHER_AGENT: "the User-Agent speaks of another phone than the certificate",
    CertificateRefusal.OLD_ADDRESS: (
        "the address for old phones is for those that speak no newer TLS than 1.0; this phone has the other one"
    ),
    CertificateRefusal.OTHER_NETWORK: (
        "the key in the URL was used from another network than its own; if the phone has moved, give it a new one"
    ),
    CertificateRefusal.LATE_KEY: "the key in the URL waited too long for its first use; give the phone a new one",
})  # fmt: skip
"""What people read: the subject first, no full stop."""


def refused(refusal: CertificateRefusal, detail: str = "") -> CertificateRefused:
    """Return the error for a refusal."""
    return CertificateRefused(refusal, SENTENCES[refusal], detail)
