"""What phones ask of the certificates in trust lists and of those that sign, and how files name them.

Sources: PHONES.md 5.2 to 5.4. The form of names is that of usecallmanagernz/certutils in its newest generation: the
attributes in the certificate's own order, each as RFC 4514 writes it, with a comma between each two.
"""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ringfence.phones.errors import UnfitCertificate

LARGEST_RSA_BITS = 2048
RSA_SIZES_BITS = (1024, 2048)
"""Those that a header has a number for, up to what phones take: 512 bits are no protection."""
LONGEST_NAME_BYTES = 1024
_LONGEST_CERTIFICATE_BYTES = 8192
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_NEEDED = ((NameOID.COMMON_NAME, "CN"), (NameOID.ORGANIZATION_NAME, "O"), (NameOID.ORGANIZATIONAL_UNIT_NAME, "OU"))


def name_as_text(name: x509.Name) -> str:
    """Return a subject or an issuer as headers and records have it.

    Raises:
        UnfitCertificate: It is longer than ``LONGEST_NAME_BYTES``.
    """
    said = ",".join(attribute.rfc4514_string() for attribute in name)
    if len(said.encode()) > LONGEST_NAME_BYTES:
        raise UnfitCertificate(
            f"a certificate's name has more than {LONGEST_NAME_BYTES} bytes", where=said[:80],
            to_do="Make a certificate with a shorter one.",
        )  # fmt: skip
    return said


def serial_as_bytes(certificate: x509.Certificate) -> bytes:
    """Return the serial number in as few bytes as it needs, the most significant first.

    Raises:
        UnfitCertificate: It isn't positive.
    """
    serial = certificate.serial_number
    if serial <= 0:
        raise UnfitCertificate("a certificate's serial number is not positive", where=name_as_text(certificate.subject))
    return serial.to_bytes((serial.bit_length() + 7) // 8, "big")


def check_listed(certificate: x509.Certificate, *, takes_curves: bool) -> None:
    """Check that a certificate can stand in a trust list.

    Args:
        certificate: The one in question.
        takes_curves: Whether the list is of a version that has elliptic curves.

    Raises:
        UnfitCertificate: Its subject has no CN, O or OU, its key is RSA of more than 2048 bits, an elliptic curve where
            there can be none, or of another kind.
    """
    subject = name_as_text(certificate.subject)
    missing = [short for oid, short in _NEEDED if not certificate.subject.get_attributes_for_oid(oid)]
    if missing:
        raise UnfitCertificate(
            f"a certificate's subject has no {' and no '.join(missing)}", where=subject or "its subject is empty",
            to_do="Make one whose subject has CN, O and OU: phones take no other.",
        )  # fmt: skip
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        if not takes_curves:
            raise UnfitCertificate(
                "a list of signer version 1.0 takes no elliptic curve", where=subject,
                to_do="Take an RSA key, or signer version 1.1 for phones of the 7800 and 8800 series.",
            )  # fmt: skip
        if key.curve.name not in _CURVES:
            raise UnfitCertificate(f"phones don't know the curve {key.curve.name}", where=subject)
    else:
        require_rsa(certificate, "stand in a trust list")


def require_rsa(certificate: x509.Certificate, to: str) -> rsa.RSAPublicKey:
    """Return a certificate's RSA key.

    Args:
        certificate: The one in question.
        to: What it is for, as in "can't …".

    Raises:
        UnfitCertificate: Its key is of another kind, or of a size that phones don't take.
    """
    key = certificate.public_key()
    subject = name_as_text(certificate.subject)
    if not isinstance(key, rsa.RSAPublicKey):
        kind = "an elliptic curve" if isinstance(key, ec.EllipticCurvePublicKey) else "a key that is not RSA"
        raise UnfitCertificate(f"a certificate with {kind} can't {to}", where=subject, to_do="Take an RSA key.")
    if key.key_size > LARGEST_RSA_BITS:
        raise UnfitCertificate(
            f"an RSA key of {key.key_size} bits can't {to}", where=subject,
            to_do=f"Phones take up to {LARGEST_RSA_BITS} bits.",
        )  # fmt: skip
    if key.key_size not in RSA_SIZES_BITS:
        raise UnfitCertificate(f"an RSA key of {key.key_size} bits can't {to}", where=subject, to_do="Take 2048 bits.")
    return key


def load_certificate(der: bytes) -> x509.Certificate | None:
    """Return the certificate in these bytes, which come from anywhere; None if they are none that can be used."""
    if len(der) > _LONGEST_CERTIFICATE_BYTES:
        return None
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.public_key()
        name_as_text(certificate.subject)
        name_as_text(certificate.issuer)
    except Exception:  # noqa: BLE001 - the library has a class of its own for each way to be broken
        return None
    return certificate
