"""Sealing: secrets in the database are AES-256-GCM ciphertexts that only their own record can hold.

A sealed value is: one byte of version, four bytes that name the key, twelve of nonce, then ciphertext and tag. The
record's identity is authenticated with it, so that a sealed password copied to another row does not open.
"""

import copy
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ringfence.hub.data_errors import SealBroken
from ringfence.hub.store.organisation_models import FIRST
from ringfence.secret import Secret

KEY_BYTES = 32
_VERSION = b"\x01"
KEY_ID_BYTES = 4
_NONCE_BYTES = 12
_HEAD_BYTES = 1 + KEY_ID_BYTES + _NONCE_BYTES


class SealingKeys:
    """The keys that seal, the newest first, and what short secrets are looked up by.

    ``former`` are fingerprint keys of sealing keys that are gone: what was looked up by them goes on being found.
    """

    def __init__(self, keys: Sequence[bytes], former: Sequence[bytes] = ()) -> None:
        """Take keys of 32 bytes each.

        Raises:
            SealBroken: There is none, or one of another length.
        """
        if not keys or any(len(key) != KEY_BYTES for key in (*keys, *former)):
            raise SealBroken(
                "the sealing key is not valid", where="keys/sealing.key", to_do="Restore the file from your backup."
            )
        self.ciphers = {key_id(key): AESGCM(key) for key in keys}
        self.fingerprint_keys = [*map(fingerprint_key, keys), *former]
        self.newest = key_id(keys[0])

    @property
    def former_ids(self) -> Sequence[bytes]:
        """The ids of the keys before the newest."""
        return [each for each in self.ciphers if each != self.newest]


class Sealer:
    """Seals with the newest key and opens with any; ``keys`` are 32 bytes each, the newest first.

    What is sealed is bound to its record, and to the organisation whose the sealer is (``of``). With ``source``, the
    keys are what that returns at the time, so that a new one is used by all parts of a hub at once.
    """

    def __init__(self, *keys: bytes, source: Callable[[], SealingKeys] | None = None) -> None:
        self._source = source or _always(SealingKeys(keys))
        self._place = ""

    @property
    def keys(self) -> SealingKeys:
        """The keys as they are now."""
        return self._source()

    def of(self, organisation_id: str) -> "Sealer":
        """Return the sealer of another organisation; what it seals opens in no other."""
        other = copy.copy(self)
        other._place = "" if organisation_id == FIRST else f"{organisation_id}/"  # noqa: SLF001 - its own class's
        return other

    @staticmethod
    def new_key() -> bytes:
        """Return a new random key."""
        return secrets.token_bytes(KEY_BYTES)

    def seal(self, secret: Secret, record: str) -> bytes:
        """Return ``secret`` sealed for ``record``, for example ``line:001122334455:1``."""
        keys, nonce = self.keys, os.urandom(_NONCE_BYTES)
        sealed = keys.ciphers[keys.newest].encrypt(nonce, secret.reveal().encode(), self._bound(record))
        return _VERSION + keys.newest + nonce + sealed

    def open(self, sealed: bytes, record: str) -> Secret:
        """Return what ``seal`` sealed for the same record; SealBroken for anything else."""
        sealed_by, nonce = sealed[1 : 1 + KEY_ID_BYTES], sealed[1 + KEY_ID_BYTES : _HEAD_BYTES]
        key = self.keys.ciphers.get(sealed_by)
        if sealed[:1] != _VERSION or key is None:
            raise SealBroken(
                f"a secret is sealed with key {sealed_by.hex()}, which this hub does not have",
                where=record,
                to_do="Restore keys/sealing.key from the backup that belongs to this database.",
            )
        try:
            return Secret(key.decrypt(nonce, sealed[_HEAD_BYTES:], self._bound(record)).decode())
        except InvalidTag:
            raise SealBroken(
                "a sealed secret was altered, or belongs to another record",
                where=record,
                to_do="Restore the database from a backup, or set the secret again.",
            ) from None

    def fingerprints(self, secret: Secret, record: str) -> Sequence[str]:
        """Return what a short secret is looked up by, with each key, the newest first: nobody guesses without one."""
        text = self._bound(record) + b"\0" + secret.reveal().encode()
        return [hmac.digest(key, text, "sha256").hex() for key in self.keys.fingerprint_keys]

    def _bound(self, record: str) -> bytes:
        return f"ringfence:{self._place}{record}".encode()


def _always(keys: SealingKeys) -> Callable[[], SealingKeys]:
    return lambda: keys


def key_id(key: bytes) -> bytes:
    """Return the four bytes that name a key in what it seals; nothing of the key follows from them."""
    return hashlib.sha256(b"ringfence sealing key id" + key).digest()[:KEY_ID_BYTES]


def fingerprint_key(key: bytes) -> bytes:
    """Return the key for fingerprints that follows from a sealing key; it opens nothing."""
    return hashlib.sha256(b"ringfence fingerprint key" + key).digest()
