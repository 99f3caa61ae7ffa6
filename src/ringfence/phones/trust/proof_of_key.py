"""What a phone signs for CAPF, and whether the signature is that of its certificate's key.

SIGNED_DATA and SHA2_SIGNED_DATA are signatures over the device's name, a NUL and the certificate, by SHA-1 and SHA-512:
whoever recorded them once can show them again. SUDI_DATA is one over the number of the session, which the hub chooses,
and a certificate: it can't be a recorded one. RSA signs the bare digest, without a DigestInfo around it, padded as
PKCS #1 type 1; the check is of the whole block.

Source: PHONES.md 5.8, from usecallmanagernz/daemons (capfd, capfc).
"""

import hashlib
import struct
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from ringfence.phones.trust.refusals import CertificateRefusal, refused
from ringfence.phones.trust.roles import SigningHash

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
LARGEST_CERTIFICATE_BYTES = 4096
_SMALLEST_RSA_BITS, _LARGEST_RSA_BITS = 1024, 4096
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_PART = struct.Struct(">BH")


@dataclass(frozen=True, slots=True)
class ShownProof:
    """What a phone shows in its answer to CAPF; what it did not send is empty."""

    device_name: str
    certificate: bytes = b""
    signed_data: bytes = b""
    sha2_signed_data: bytes = b""
    sudi_data: bytes = b""


def read_certificate(der: bytes) -> x509.Certificate:
    """Read a certificate that a phone shows.

    Raises:
        CertificateRefused: ``no-certificate``, ``unreadable`` or ``unfit-key``.
    """
    if not der:
        raise refused(CertificateRefusal.NO_CERTIFICATE)
    if len(der) > LARGEST_CERTIFICATE_BYTES:
        raise refused(CertificateRefusal.UNREADABLE, f"{len(der)} bytes")
    try:
        certificate = x509.load_der_x509_certificate(der)
    except (ValueError, UnsupportedAlgorithm):
        raise refused(CertificateRefusal.UNREADABLE) from None
    key_of(certificate)
    return certificate


def key_of(certificate: x509.Certificate) -> PublicKey:
    """Return a certificate's key. CertificateRefused: ``unfit-key``."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise refused(CertificateRefusal.UNFIT_KEY) from None
    if isinstance(key, rsa.RSAPublicKey) and _SMALLEST_RSA_BITS <= key.key_size <= _LARGEST_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return key
    raise refused(CertificateRefusal.UNFIT_KEY)


def check_signed(shown: ShownProof, certificate: x509.Certificate) -> None:
    """Check that the certificate's key signed the device's name and the certificate.

    Some phones sign by SHA-1 alone. Every signature that is there has to hold, and one has to be there.

    Raises:
        CertificateRefused: ``no-proof`` or ``wrong-proof``.
    """
    key, data = key_of(certificate), shown.device_name.encode() + b"\0" + shown.certificate
    proofs: list[tuple[bytes, SigningHash]] = []
    if shown.signed_data:
        proofs.append((shown.signed_data, SigningHash.SHA1))
    if shown.sha2_signed_data:
        number, signature, rest = _part(shown.sha2_signed_data, CertificateRefusal.WRONG_PROOF)
        if number != SigningHash.SHA512 or rest:
            raise refused(CertificateRefusal.WRONG_PROOF, f"digest {number}")
        proofs.append((signature, SigningHash.SHA512))
    if not proofs:
        raise refused(CertificateRefusal.NO_PROOF)
    if not all(is_signature(key, signature, data, digest) for signature, digest in proofs):
        raise refused(CertificateRefusal.WRONG_PROOF)


def check_sudi(sudi_data: bytes, session: int) -> x509.Certificate:
    """Check a proof for this very session; return the certificate whose key signed it.

    Who issued that certificate, and for whom, is still to be looked at.

    Raises:
        CertificateRefused: ``wrong-sudi``, or as ``read_certificate``.
    """
    wrong = CertificateRefusal.WRONG_SUDI
    _reserved, der, rest = _part(sudi_data, wrong)
    number, signature, rest = _part(rest, wrong)
    sha2_number, sha2_signature, rest = _part(rest, wrong)
    if (number, sha2_number) != (SigningHash.SHA1, SigningHash.SHA512) or rest:
        raise refused(wrong)
    certificate = read_certificate(der)
    key, data = key_of(certificate), session.to_bytes(4, "little") + der
    if not is_signature(key, signature, data, SigningHash.SHA1) or not is_signature(
        key, sha2_signature, data, SigningHash.SHA512
    ):
        raise refused(wrong)
    return certificate


def is_signature(key: PublicKey, signature: bytes, data: bytes, digest: SigningHash) -> bool:
    """Return whether a key signed data as phones do: RSA the bare digest, and that alone, in the whole block."""
    try:
        if isinstance(key, rsa.RSAPublicKey):
            is_whole = len(signature) == (key.key_size + 7) // 8
            return is_whole and key.recover_data_from_signature(signature, PKCS1v15(), None) == digest_of(data, digest)
        key.verify(signature, data, ec.ECDSA(hashes.SHA1() if digest is SigningHash.SHA1 else hashes.SHA512()))  # noqa: S303 - what phones sign by
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def digest_of(data: bytes, digest: SigningHash) -> bytes:
    """Return the digest that a phone signs."""
    return (
        hashlib.sha1(data, usedforsecurity=False).digest()
        if digest is SigningHash.SHA1
        else hashlib.sha512(data).digest()
    )


def sudi_part(number: int, value: bytes) -> bytes:
    """Return one part of SUDI_DATA, or SHA2_SIGNED_DATA, which has the same form."""
    return _PART.pack(number, len(value)) + value


def _part(data: bytes, refusal: CertificateRefusal) -> tuple[int, bytes, bytes]:
    """Return a part's number and value, and what follows it."""
    if len(data) < _PART.size:
        raise refused(refusal)
    number, length = _PART.unpack_from(data)
    end = _PART.size + length
    if len(data) < end:
        raise refused(refusal)
    return number, data[_PART.size : end], data[end:]
