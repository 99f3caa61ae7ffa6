"""A bundle on disk: opened, verified, and read at any place; what is decrypted stays in memory.

A file of this form: a line that names it, a line with its key, an empty line, and an age file. The key's line holds an
age identity of this bundle alone, encrypted with a passphrase, or says that the bundle is for somebody's own identity.
In the age file: the manifest's length in four bytes, the hub's signature, the manifest, the files.
"""

import base64
import binascii
import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

from ringfence.portable.age_file import AgeFile
from ringfence.portable.age_identity import Identity
from ringfence.portable.errors import BundleRefused, UnreadableBundle, WrongOpener
from ringfence.portable.manifest import (
    LARGEST_BUNDLE_BYTES,
    LARGEST_MANIFEST_BYTES,
    PIECE_BYTES,
    SIGNED_AS,
    BundledFile,
    BundleManifest,
)
from ringfence.portable.primitives import Primitives
from ringfence.tftp.errors import ReadFailed

FORM_LINE = b"ringfence bundle 1\n"
KEY = b"key: "
FOR_RECIPIENT = b"recipient"
LARGEST_FILE_BYTES = LARGEST_BUNDLE_BYTES + (64 << 20)
SIGNATURE_BYTES = 64
LENGTH_BYTES = 4
_LONGEST_KEY_BYTES = 16 * 1024
_CLOCK_SLACK_S = 86_400
_DIGEST_LETTERS = 64

Ask = Callable[[], bytes]
"""Asks for the passphrase; only where one is needed."""


class OpenBundle:
    """An open bundle, whose manifest the hub has signed. ``close`` it."""

    def __init__(self, file: BinaryIO, age: AgeFile, manifest: BundleManifest, files_at: int, opener: Identity) -> None:
        self._file, self._age = file, age
        self.manifest = manifest
        self.opener = opener
        """What opens this bundle, and those that the hub makes after it."""
        self._places: dict[str, tuple[BundledFile, int]] = {}
        for each in manifest.files:
            self._places[each.name] = (each, files_at)
            files_at += each.length
        if files_at != age.length:
            raise BundleRefused("damaged")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def read(self, file: BundledFile, offset: int, size: int) -> bytes:
        """Return bytes of a file, each piece of it checked against what the hub signed.

        Raises:
            ReadFailed: It was altered, or is gone.
        """
        held, start = self._places[file.name]
        end = min(offset + size, held.length)
        parts = []
        while offset < end:
            number, within = divmod(offset, PIECE_BYTES)
            piece = self._piece(held, start, number)
            part = piece[within : within + end - offset]
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def _piece(self, file: BundledFile, start: int, number: int) -> bytes:
        offset = number * PIECE_BYTES
        try:
            piece = self._age.read(start + offset, min(PIECE_BYTES, file.length - offset))
        except (BundleRefused, OSError, ValueError) as fault:  # the last one: it was closed
            raise ReadFailed("the bundle can't be read any more", where=str(fault)) from None
        digest = file.pieces[number * _DIGEST_LETTERS : (number + 1) * _DIGEST_LETTERS]
        if hashlib.sha256(piece).hexdigest() != digest:
            raise ReadFailed("a file in the bundle is not the one that the hub signed", where=file.name)
        return piece


def open_bundle(path: Path, opener: Identity | Ask, hub_key: bytes, primitives: Primitives) -> OpenBundle:
    """Open a bundle and verify that the hub with this key made it.

    Args:
        path: The file.
        opener: The identity of the recipient that it is for, or what asks for its passphrase.
        hub_key: The public Ed25519 key.
        primitives: What does the arithmetic.

    Raises:
        UnreadableBundle: It is no bundle, or can't be read.
        WrongOpener: The passphrase or identity does not open it.
        BundleRefused: It is damaged, cut short, or another hub's.
    """
    try:
        file = path.open("rb")
    except (OSError, ValueError) as fault:
        raise UnreadableBundle("unreadable", where=str(path), why=_why(fault)) from None
    try:
        return _opened(file, path, opener, hub_key, primitives)
    except OSError as fault:
        file.close()
        raise UnreadableBundle("unreadable", where=str(path), why=_why(fault)) from None
    except BaseException:
        file.close()
        raise


def check_time(manifest: BundleManifest, now: float) -> None:
    """Check that a bundle is good now.

    Raises:
        BundleRefused: It has expired, or this machine's clock is wrong.
    """
    if now >= manifest.expires_at:
        raise BundleRefused("expired", expires=day(manifest.expires_at))
    if now < manifest.made_at - _CLOCK_SLACK_S:
        raise BundleRefused("clock-behind", made=day(manifest.made_at), now=day(now))


def day(unix_s: float) -> str:
    """Return a day as both languages write it in files."""
    return time.strftime("%Y-%m-%d", time.gmtime(unix_s))


def key_line(file: BinaryIO, where: str) -> bytes:
    """Read the head of a bundle and return what its key's line holds."""
    form, key, empty = file.readline(len(FORM_LINE)), file.readline(_LONGEST_KEY_BYTES), file.readline(1)
    if form != FORM_LINE:
        is_newer = form.startswith(b"ringfence bundle ")
        raise UnreadableBundle("newer-form" if is_newer else "no-bundle", where=where)
    if not key.startswith(KEY) or not key.endswith(b"\n") or empty != b"\n":
        raise BundleRefused("damaged", where=where)
    return key.removeprefix(KEY).rstrip(b"\n")


def _opened(file: BinaryIO, path: Path, opener: Identity | Ask, hub_key: bytes, primitives: Primitives) -> OpenBundle:
    where = str(path)
    key = key_line(file, where)
    start, length = file.tell(), os.fstat(file.fileno()).st_size
    if length > LARGEST_FILE_BYTES:
        raise BundleRefused("damaged", where=where)

    def read_at(offset: int, size: int) -> bytes:
        file.seek(start + offset)
        return file.read(size)

    identity = _identity(key, opener, primitives)
    age = AgeFile(read_at, length - start, identity, primitives)
    head = age.read(0, LENGTH_BYTES + SIGNATURE_BYTES)
    size = int.from_bytes(head[:LENGTH_BYTES], "big")
    if len(head) != LENGTH_BYTES + SIGNATURE_BYTES or not 0 < size <= LARGEST_MANIFEST_BYTES:
        raise BundleRefused("damaged", where=where)
    told = age.read(len(head), size)
    if len(told) != size:
        raise BundleRefused("damaged", where=where)
    if not primitives.is_signed(hub_key, head[LENGTH_BYTES:], SIGNED_AS + told):
        raise BundleRefused("foreign", where=where)
    return OpenBundle(file, age, BundleManifest.from_bytes(told), len(head) + size, identity)


def _identity(key: bytes, opener: Identity | Ask, primitives: Primitives) -> Identity:
    if key == FOR_RECIPIENT:
        if not isinstance(opener, Identity):
            raise WrongOpener("needs-identity")
        return opener
    if isinstance(opener, Identity):
        return opener  # it may be the one that the passphrase opened before: a newer bundle of the same line
    try:
        wrapped = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raise BundleRefused("damaged") from None

    def read_at(offset: int, size: int) -> bytes:
        return wrapped[offset : offset + size]

    opened = AgeFile(read_at, len(wrapped), opener(), primitives)
    with suppress(UnicodeDecodeError):
        return Identity.parse(opened.read(0, opened.length).decode("ascii"))
    raise BundleRefused("damaged")


def _why(fault: Exception) -> str:
    return getattr(fault, "strerror", None) or str(fault)
