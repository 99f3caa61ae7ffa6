"""Who is who in a phone's trust list, and who signs for it.

Source: PHONES.md 5.1 and 5.4, from usecallmanagernz/certutils (sgnfile, tlvfile).
"""

from enum import IntEnum
from typing import Protocol

from cryptography import x509


class TrustRole(IntEnum):
    """What a record of a trust list vouches for, by its number in the file."""

    SAST = 0
    """Signs trust lists themselves; a list has at most two."""
    CCM = 1
    """The PBX, in SIP over TLS."""
    CCM_AND_TFTP = 2
    TFTP = 3
    """Signs files. With such a record a phone refuses what is not signed."""
    CAPF = 4
    """Issues phones' certificates."""
    APP_SERVER = 7
    """Servers of the phone's applications, by HTTPS."""
    TVS = 21
    """Says whether a certificate that is not in the list is to be trusted."""


class SigningHash(IntEnum):
    """A digest that phones check, by its number in a header. Which one a model takes is its family's to say."""

    SHA1 = 1
    SHA512 = 3


class Signer(Protocol):
    """A role's key, wherever it is kept."""

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the key, as trust lists carry it."""
        ...

    def sign(self, data: bytes, digest: SigningHash) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature over ``data``: the same bytes each time.

        Raises:
            RingfenceError: The key's store can't sign now; the error says why.
        """
        ...
