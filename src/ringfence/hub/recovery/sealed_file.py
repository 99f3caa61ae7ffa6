"""Encrypted files in the age format (https://age-encryption.org/v1), as streams of any length.

A file begins with a line that names its form and one that holds its key; then comes what age writes. With a
passphrase the key is an age identity of this file alone, encrypted with the passphrase; with a recipient there is none,
and whoever has the recipient's identity opens it. ``docs/operations.md`` says how to open one by hand.
"""

import base64
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyrage

from ringfence.errors import RingfenceError
from ringfence.hub import age_passphrase
from ringfence.hub.data_errors import BadBackup, BadPassphrase
from ringfence.secret import Secret

FORM = b"ringfence backup 1\n"
_KEY = b"key: "
_FOR_RECIPIENT = b"recipient"
_LONGEST_LINE = 64 * 1024
_BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Lock:
    """How a file is encrypted: for a passphrase, or else for an age recipient (``age1…``)."""

    passphrase: Secret | None = None
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class Opener:
    """How a file is opened: by its passphrase, or by an age identity (``AGE-SECRET-KEY-1…``)."""

    passphrase: Secret | None = None
    identity: Secret | None = None


def recipient_of(text: str) -> pyrage.x25519.Recipient:
    """Parse an age recipient.

    Raises:
        BadPassphrase: It is none.
    """
    try:
        return pyrage.x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError:
        raise BadPassphrase(
            f"{text[:80]!r} is not an age recipient",
            to_do="It begins with age1; `age-keygen` makes one with its identity.",
        ) from None


@contextlib.contextmanager
def writing(file: BinaryIO, lock: Lock) -> Iterator[BinaryIO]:
    """Encrypt what the block writes into ``file``."""
    if lock.passphrase is not None:
        identity = pyrage.x25519.Identity.generate()
        recipient = identity.to_public()
        line = base64.b64encode(age_passphrase.sealed(str(identity).encode(), lock.passphrase))
    else:
        recipient, line = recipient_of(lock.recipient), _FOR_RECIPIENT
    file.write(FORM + _KEY + line + b"\n\n")
    with _piped(lambda plain: pyrage.encrypt_io(plain, file, [recipient]), writes=True) as plain:
        yield plain


@contextlib.contextmanager
def reading(path: Path, opener: Opener) -> Iterator[BinaryIO]:
    """Decrypt a file; what the block reads is verified as it comes.

    Raises:
        BadBackup: It is no such file, or damaged.
        BadPassphrase: It is opened by another passphrase or identity.
        TooMuchWork: It can't be opened on this machine.
    """
    with path.open("rb") as file:
        identity = _identity(file, opener, path)
        with _piped(lambda plain: pyrage.decrypt_io(file, plain, [identity]), writes=False) as plain:
            yield plain


def is_for_passphrase(path: Path) -> bool:
    """Return whether a file is opened by a passphrase rather than an identity.

    Raises:
        BadBackup: It is no such file.
    """
    with path.open("rb") as file:
        return _key_line(file, path) != _FOR_RECIPIENT


def _key_line(file: BinaryIO, path: Path) -> bytes:
    form, key, empty = file.readline(len(FORM)), file.readline(_LONGEST_LINE), file.readline(1)
    if form != FORM or not key.startswith(_KEY) or empty != b"\n":
        raise BadBackup("this is not a copy that `ringfence hub backup` made", where=str(path))
    return key.removeprefix(_KEY).strip()


def _identity(file: BinaryIO, opener: Opener, path: Path) -> pyrage.x25519.Identity:
    key = _key_line(file, path)
    try:
        if key == _FOR_RECIPIENT:
            if opener.identity is None:
                raise BadPassphrase("this copy is encrypted for an age recipient", to_do="Give its --identity FILE.")
            return pyrage.x25519.Identity.from_str(opener.identity.reveal())
        if opener.passphrase is None:
            raise BadPassphrase("this copy is encrypted with a passphrase", to_do="Set RINGFENCE_BACKUP_PASSPHRASE.")
        opened = age_passphrase.opened(base64.b64decode(key), opener.passphrase)
        return pyrage.x25519.Identity.from_str((opened or b"").decode())
    except (pyrage.IdentityError, ValueError):
        raise BadPassphrase("the passphrase or the identity does not open this copy", where=str(path)) from None


@contextlib.contextmanager
def _piped(work: Callable[[BinaryIO], None], *, writes: bool) -> Iterator[BinaryIO]:
    """Run ``work`` in a thread at one end of a pipe, and give the block the other one.

    Args:
        work: Reads from its end until the block has closed the other, or writes to it.
        writes: Whether the block writes.
    """
    read_end, write_end = os.pipe()
    faults: list[BaseException] = []
    theirs, ours = (
        (os.fdopen(read_end, "rb", _BLOCK), os.fdopen(write_end, "wb", _BLOCK))
        if writes
        else (os.fdopen(write_end, "wb", _BLOCK), os.fdopen(read_end, "rb", _BLOCK))
    )

    def run() -> None:
        try:
            with theirs:
                work(theirs)
        except BaseException as fault:  # noqa: BLE001 - raised in the block's thread
            faults.append(fault)

    thread = threading.Thread(target=run, name="age")
    thread.start()
    is_refused = False
    try:
        yield ours
        if not writes:
            while ours.read(_BLOCK):
                pass  # to the end, so that all of it was verified
    except RingfenceError:
        is_refused = True  # what the block says is the reason, and not that the other end then finds nobody
        raise
    except BrokenPipeError:
        pass  # the other end has failed, and says why
    finally:
        with contextlib.suppress(BrokenPipeError):
            ours.close()
        thread.join()
        if not is_refused:
            _raise_first(faults)


def _raise_first(faults: list[BaseException]) -> None:
    for fault in faults:
        if isinstance(fault, BrokenPipeError):
            continue  # the block has stopped reading, for a reason of its own
        if isinstance(fault, pyrage.DecryptError) and "matching keys" in str(fault).lower():
            raise BadPassphrase("this identity does not open this copy", to_do="Give that of its recipient.") from None
        is_of_age = isinstance(fault, OSError) and fault.errno is None  # no system call's
        if is_of_age or isinstance(fault, pyrage.DecryptError | ValueError):
            raise BadBackup("the copy is damaged or cut short", to_do="Use another copy.") from None
        raise fault
