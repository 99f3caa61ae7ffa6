"""A phone that was somebody else's: the list that another telephone system left in it."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from ringfence.phones.trust.header import digest_of
from ringfence.phones.trust.roles import SigningHash, TrustRole
from ringfence.phones.trust.trust_list import ITL_NAME, TrustRecord, trust_list

_YEARS = dt.timedelta(days=5 * 365)


class _Stranger:
    """A key that nobody has any more."""

    def __init__(self, common: str, now: dt.datetime) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        pairs = (
            (NameOID.COMMON_NAME, common),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, "Telephony"),
            (NameOID.ORGANIZATION_NAME, "Former Owner"),
        )
        subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _YEARS)
            .not_valid_after(now + _YEARS)
            .sign(self._key, hashes.SHA256())
        )

    def sign(self, data: bytes, digest: SigningHash) -> bytes:
        return self._key.sign(data, padding.PKCS1v15(), digest_of(digest))


def foreign_list(now: dt.datetime) -> bytes:
    """Return an ITL as a call manager leaves it in its phones, made at ``now`` with keys that are thrown away."""
    sast, server = _Stranger("ITLRECOVERY_former", now), _Stranger("former-cucm", now)
    records = [
        TrustRecord(TrustRole.SAST, sast.certificate),
        TrustRecord(TrustRole.SAST, server.certificate),
        TrustRecord(TrustRole.CCM_AND_TFTP, server.certificate),
        TrustRecord(TrustRole.TVS, server.certificate),
    ]
    return trust_list(
        records, filename=ITL_NAME, signed_at=int(now.timestamp()), signer=server, digest=SigningHash.SHA1
    )
