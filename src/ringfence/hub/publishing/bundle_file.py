"""Writes a bundle: what a home's phones may fetch, signed by the hub and encrypted for whoever is to serve it.

``ringfence.portable.bundle`` describes the form and reads it. The content is encrypted by pyrage to an X25519
recipient. With a passphrase that recipient's identity is a new one, and stands in the file's head, encrypted with the
passphrase: the hub keeps that head, and neither passphrase nor identity.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, cast

import pyrage

from ringfence.content.digests import Digest
from ringfence.content.release import Target
from ringfence.hub import age_passphrase
from ringfence.hub.core import Hub
from ringfence.hub.data_errors import BadPassphrase
from ringfence.hub.errors import BadBundle
from ringfence.portable.bundle import FOR_RECIPIENT, FORM_LINE, KEY, LENGTH_BYTES
from ringfence.portable.manifest import (
    LARGEST_BUNDLE_BYTES,
    LARGEST_MANIFEST_BYTES,
    MOST_FILES,
    MOST_PHONES,
    SIGNED_AS,
    BundledFile,
    BundledPhone,
    BundleManifest,
    pieces_of,
)
from ringfence.secret import Secret

_PART_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class BundleLock:
    """For whom bundles of a line are encrypted: the recipient, and the head that holds its identity, if it does."""

    recipient: str
    wrapped_identity: bytes = b""


@dataclass(frozen=True, slots=True)
class BundleContent:
    """What goes into a bundle: what its manifest says, and the files with where their bytes are."""

    bundle: str
    number: int
    site: str
    release: int
    made_at: float
    expires_at: float
    watch: str
    phones: tuple[BundledPhone, ...]
    files: Sequence[Target]


def lock_for_passphrase(passphrase: Secret) -> BundleLock:
    """Return a lock that a passphrase opens, by an identity of its own that is kept nowhere else."""
    identity = pyrage.x25519.Identity.generate()
    wrapped = age_passphrase.sealed(str(identity).encode(), passphrase)
    return BundleLock(str(identity.to_public()), base64.b64encode(wrapped))


def lock_for_recipient(text: str) -> BundleLock:
    """Return a lock that the identity of an age recipient opens.

    Raises:
        BadPassphrase: It is no recipient.
    """
    return BundleLock(str(_recipient(text)))


def write(hub: Hub, content: BundleContent, lock: BundleLock, file: IO[bytes]) -> BundleManifest:
    """Write a bundle into a file; what is on disk there is encrypted.

    Raises:
        BadBundle: It would be larger than bundles may be.
        BlobUnavailable: A file of the release is not at hand.
    """
    if sum(target.length for target in content.files) > LARGEST_BUNDLE_BYTES:
        raise BadBundle(
            f"a bundle holds at most {LARGEST_BUNDLE_BYTES >> 20} MiB", to_do="Leave the firmware out of it."
        )
    if len(content.files) > MOST_FILES or len(content.phones) > MOST_PHONES:
        raise BadBundle(
            f"a bundle holds at most {MOST_PHONES} phones and {MOST_FILES:,} files", to_do="Make one for each phone."
        )
    manifest = _manifest(hub, content)
    told = manifest.to_bytes()
    if len(told) > LARGEST_MANIFEST_BYTES:
        raise BadBundle("a bundle's list of files is too long", to_do="Leave the firmware out of it.")
    signature = bytes.fromhex(hub.signers.targets.sign(SIGNED_AS + told).signature)
    file.write(FORM_LINE + KEY + (lock.wrapped_identity or FOR_RECIPIENT) + b"\n\n")
    head = len(told).to_bytes(LENGTH_BYTES, "big") + signature + told
    plain = _PlainParts(_plain(hub, head, content.files))
    pyrage.encrypt_io(plain, file, [_recipient(lock.recipient)])
    return manifest


def signing_key(hub: Hub) -> bytes:
    """Return the public key by which the portable knows this hub's bundles."""
    return bytes.fromhex(cast("str", hub.signers.targets.public_key.keyval["public"]))


class _PlainParts:
    """What pyrage reads from: parts of any size, given as it asks for them."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._waiting = parts, b""

    def read(self, size: int = _PART_BYTES) -> bytes:
        """Return at most ``size`` bytes; none at the end."""
        while not self._waiting:
            part = next(self._parts, None)
            if part is None:
                return b""
            self._waiting = part
        given, self._waiting = self._waiting[:size], self._waiting[size:]
        return given


def _manifest(hub: Hub, content: BundleContent) -> BundleManifest:
    files = tuple(
        BundledFile(each.name, each.length, str(each.kind), each.owner, pieces_of(_blob(hub, each)))
        for each in content.files
    )
    return BundleManifest(
        content.bundle, content.number, content.site, content.release, content.made_at, content.expires_at,
        content.watch, content.phones, files,
    )  # fmt: skip


def _plain(hub: Hub, head: bytes, files: Sequence[Target]) -> Iterator[bytes]:
    yield head
    for target in files:
        yield from _blob(hub, target)


def _blob(hub: Hub, target: Target) -> Iterator[bytes]:
    yield from hub.blobs.open_range(Digest(target.digest), 0, target.length)


def _recipient(text: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError:
        raise BadPassphrase(
            f"{text[:80]!r} is not an age recipient",
            to_do="It begins with age1; `age-keygen` makes one with its identity.",
        ) from None
