"""Signed files, ``NAME.sgn``: what a phone asks for instead of every file but firmware once its list has a TFTP record.

Source: PHONES.md 5.2. The signature is of the TFTP role's RSA key. A body is at most ``LARGEST_BODY`` bytes.
"""

from dataclasses import dataclass

from cryptography import x509

from ringfence.phones.errors import BadFields, LimitExceeded
from ringfence.phones.trust.header import LONGEST_HEADER, TrustHeader, read_header, with_header
from ringfence.phones.trust.roles import Signer, SigningHash

SIGNED_SUFFIX = ".sgn"
LARGEST_BODY = 32 << 20
"""A language is a few megabytes; firmware has its maker's signature and is never signed here."""
_VERSION = (1, 0)


@dataclass(frozen=True, slots=True)
class SignedFile:
    """A signed file that can be read; whether its signature is good is ``verify``'s to say."""

    header: TrustHeader
    body: bytes

    @property
    def filename(self) -> str:
        """The name in the header, as phones ask for it."""
        return self.header.filename

    @property
    def signed_at(self) -> int:
        """When it was signed, in seconds since 1970."""
        return self.header.signed_at

    @property
    def signed_bytes(self) -> bytes:
        """All that the signature is over."""
        return self.header.signed_bytes

    def verify(self, certificate: x509.Certificate) -> None:
        """Check the signature by a certificate; its dates and its issuer are for others to judge.

        Raises:
            WrongKey: It isn't this key's, or not over these bytes.
        """
        self.header.verify(certificate)


def signed(body: bytes, *, filename: str, signed_at: int, signer: Signer, digest: SigningHash) -> bytes:
    """Return a file with its signed header: the same bytes each time.

    Args:
        body: The file as it is without.
        filename: The path as phones ask for it, with its ``.sgn``, such as ``New_Zealand/g3-tones.xml.sgn``.
        signed_at: The time in the header, in seconds since 1970.
        signer: The TFTP role's key.
        digest: The hash that the phone's firmware checks.

    Raises:
        LimitExceeded: The file or its name is too long, or the name has no ``.sgn``.
        UnfitCertificate: The signer's certificate can't sign files for phones.
        RingfenceError: The signer's key is out of reach.
    """
    if not filename.endswith(SIGNED_SUFFIX):
        raise LimitExceeded("the name in a signed file's header does not end with .sgn", where=filename)
    check_body(body, filename)
    return with_header(body, version=_VERSION, filename=filename, signed_at=signed_at, signer=signer, digest=digest)


def read_signed(data: bytes) -> SignedFile:
    """Return what a signed file says; its signature is not checked yet.

    Raises:
        BadFields: It is none; the error says what is wrong, and where.
    """
    if len(data) > LARGEST_BODY + LONGEST_HEADER:
        raise BadFields(f"a signed file of {len(data)} bytes is too large")
    header = read_header(data, version=_VERSION)
    return SignedFile(header, data[header.length :])


def check_body(body: bytes, filename: str) -> None:
    """Check how long what is to be signed is.

    Raises:
        LimitExceeded: It is too long.
    """
    if len(body) > LARGEST_BODY:
        raise LimitExceeded(
            f"a file of {len(body)} bytes is too large to be signed: at most {LARGEST_BODY}", where=filename
        )
