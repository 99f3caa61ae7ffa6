"""Where the keys of organisations' trust are kept: the port of key stores, and signers by what they keep.

``file_keys.py`` keeps each key in a file of the hub's data folder, ``pkcs11_keys.py`` in a token that nothing leaves.
"""

from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ringfence.hub.trust.errors import TrustKeyForeign
from ringfence.phones.trust.roles import SigningHash


class KeyStore(Protocol):
    """Keeps RSA keys by their names, which are an organisation's id and a key's (``key_name``)."""

    @property
    def word(self) -> str:
        """What rows call it."""
        ...

    def make(self, name: str) -> rsa.RSAPrivateKey:
        """Make a key and keep it; it is there for good once this returns.

        Raises:
            RingfenceError: It can't be kept now.
        """
        ...

    def get(self, name: str) -> rsa.RSAPrivateKey:
        """Return a key, or what signs with it.

        Raises:
            TrustKeyMissing: It is not there.
            TrustKeyForeign: What is there is no such key.
            RingfenceError: The store does not answer.
        """
        ...

    def remove(self, name: str) -> None:
        """Destroy a key, if it is there.

        Raises:
            RingfenceError: The store does not answer.
        """
        ...


def key_name(organisation_id: str, key_id: str) -> str:
    """Return the name of a key in its store."""
    return f"trust-{organisation_id}-{key_id}"


@dataclass(frozen=True, slots=True)
class KeptSigner:
    """Signs with a kept key."""

    certificate: x509.Certificate
    _key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def of(cls, store: KeyStore, name: str, certificate: x509.Certificate) -> "KeptSigner":
        """Return the signer of a certificate.

        Raises:
            TrustKeyForeign: The key that is kept is not the certificate's.
            RingfenceError: As ``KeyStore.get``.
        """
        key = store.get(name)
        if key.public_key() != certificate.public_key():
            raise TrustKeyForeign(
                "what is kept as a key of the phones' trust is not the key of its certificate", where=name,
                to_do="Restore the key that belongs to this database from your copy of the hub.",
            )  # fmt: skip
        return cls(certificate, key)

    def sign(self, data: bytes, digest: SigningHash) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature over ``data``: the same bytes each time."""
        return self._key.sign(data, padding.PKCS1v15(), HASHES[digest])


HASHES: Final = {SigningHash.SHA1: hashes.SHA1(), SigningHash.SHA512: hashes.SHA512()}  # noqa: S303 - what old phones take
