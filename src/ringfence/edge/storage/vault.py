"""What of an edge's folder is ciphertext on its disk, and the key to it, which is in this process's memory alone.

A sealed edge gets the key from its hub after each start (DESIGN.md, Trust: at rest). A small file marks the folder as
sealed and names the key by a fingerprint; while the key is not here, the vault is locked, and gives and keeps nothing.
A sealed file is: four bytes of form, twelve of nonce, then AES-256-GCM ciphertext and tag; the file's own name is
authenticated with it, so that no file can stand in for another.
"""

import hmac
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ringfence.content.digests import Digest
from ringfence.edge.errors import OtherContentKey, SealedFileBroken
from ringfence.edge.storage.disk import TEMPORARY, Disk
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage

KEY_BYTES = 32
SUFFIX = ".sealed"
_FORM = b"RFS\x01"
_NONCE_BYTES = 12
_HEAD_BYTES = len(_FORM) + _NONCE_BYTES


@dataclass(frozen=True, slots=True)
class _Marker:
    """What stands in the clear of a sealed folder: which key it is sealed with."""

    key: str


@dataclass(frozen=True, slots=True)
class _Keys:
    files: AESGCM
    names: bytes

    @classmethod
    def of(cls, key: bytes) -> "_Keys":
        return cls(AESGCM(_derived(key, b"files")), _derived(key, b"names"))


class Vault:
    """The sealed part of one edge's folder; ``marker`` is the file that says that there is one.

    It is read at the first use, which raises DiskFault if it can't be.
    """

    def __init__(self, marker: Path, disk: Disk) -> None:
        self._marker_file = marker
        self._disk = disk
        self._keys: _Keys | None = None
        self._left: set[Path] = set()

    @property
    def is_sealed(self) -> bool:
        """Whether what the edge keeps is sealed."""
        return self._marker is not None

    @property
    def is_locked(self) -> bool:
        """Whether it is sealed, and the key is not here."""
        return self.is_sealed and self._keys is None

    @property
    def is_complete(self) -> bool:
        """Whether nothing that should be sealed still stands in the clear."""
        return self.is_sealed and not self._left

    def begin(self, key: bytes) -> None:
        """Seal everything from now on; after a restart the folder is locked until the hub gives the same key."""
        marker = _Marker(_fingerprint(key))
        self._disk.replace(self._marker_file, codec.to_json(marker))
        self._marker = marker
        self._keys = _Keys.of(key)

    def unlock(self, key: bytes) -> None:
        """Take the key that the hub gives.

        Raises:
            OtherContentKey: The folder is sealed with another one; it stays locked.
        """
        if self._marker is not None and not hmac.compare_digest(self._marker.key, _fingerprint(key)):
            raise OtherContentKey(
                "what this edge holds is sealed with another key than the hub has",
                where=str(self._marker_file),
                to_do="It is given up, and fetched again.",
            )
        self._keys = _Keys.of(key)

    def end(self) -> None:
        """Seal nothing any more; whatever was sealed must be in the clear by now."""
        self._disk.remove(self._marker_file)
        self._disk.sync_folder(self._marker_file.parent)
        self._marker, self._keys = None, None

    def blob_name(self, digest: Digest) -> str:
        """Return the name of a sealed blob: without the key nobody tells by it which bytes it has."""
        return hmac.digest(self._unlocked.names, digest.encode(), "sha256").hex()

    def seal(self, data: bytes, name: str) -> bytes:
        """Return what stands on the disk for ``data`` under ``name``."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORM + nonce + self._unlocked.files.encrypt(nonce, data, name.encode())

    def open(self, sealed: bytes, name: str) -> bytes:
        """Return what was sealed under ``name``.

        Raises:
            SealedFileBroken: It was altered, cut, or belongs to another name.
        """
        if sealed.startswith(_FORM) and len(sealed) >= _HEAD_BYTES:
            try:
                return self._unlocked.files.decrypt(
                    sealed[len(_FORM) : _HEAD_BYTES], sealed[_HEAD_BYTES:], name.encode()
                )
            except InvalidTag:
                pass
        raise SealedFileBroken("a sealed file is damaged", where=name, to_do="It is fetched again.")

    # -- files that exist once, sealed or in the clear -----------------------------------------------------------------

    def read(self, path: Path) -> bytes | None:
        """Return a file's bytes; None if there is no such file, if it is damaged, or while the vault is locked."""
        if not self.is_sealed:
            return self._disk.read(path)
        sealed = None if self._keys is None else self._disk.read(sealed_path(path))
        if sealed is None:
            return None
        try:
            return self.open(sealed, path.name)
        except SealedFileBroken:
            return None

    def replace(self, path: Path, data: bytes) -> None:
        """Put ``data`` in the place of a file, durably and in one step; a locked vault keeps nothing.

        Raises:
            DiskFull, DiskFault: It can't be written; the earlier bytes stay.
        """
        if not self.is_sealed:
            self._disk.replace(path, data)
        elif not self.is_locked:
            self._disk.replace(sealed_path(path), self.seal(data, path.name))

    def seal_file(self, path: Path) -> None:
        """Seal a file that stands in the clear, and overwrite that; a sealed one that is there counts."""
        self._disk.erase(path.with_name(path.name + TEMPORARY))
        data = self._disk.read(path)
        if data is None:
            return
        if not self._disk.size(sealed_path(path)):
            self.replace(path, data)
        self._disk.erase(path)

    def leave(self, path: Path) -> None:
        """Note a file in the clear whose sealed form is there: ``erase_left`` takes it once no transfer reads it."""
        self._left.add(path)

    @cached_property
    def _marker(self) -> _Marker | None:
        raw = self._disk.read(self._marker_file)
        try:
            return None if raw is None else codec.from_json(_Marker, raw)
        except BadMessage:
            return _Marker("")  # of no key: what it had is given up once the hub gives one

    def erase_left(self) -> None:
        """Overwrite what was left in the clear, as far as nobody has it open any more. DiskFault."""
        for path in tuple(self._left):
            if self._disk.erase(path):
                self._left.discard(path)

    def open_file(self, path: Path) -> None:
        """Put a file into the clear beside its sealed form."""
        data = self.read(path)
        if data is not None:
            self._disk.replace(path, data)

    @property
    def _unlocked(self) -> _Keys:
        if self._keys is None:
            raise ValueError("the vault is locked")
        return self._keys


def sealed_path(path: Path) -> Path:
    """Return where the sealed form of a file stands."""
    return path.with_name(path.name + SUFFIX)


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, None, b"ringfence edge storage: " + purpose).derive(key)


def _fingerprint(key: bytes) -> str:
    return _derived(key, b"fingerprint").hex()[:32]
