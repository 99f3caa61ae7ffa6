"""A reader of files in the age format (https://age-encryption.org/v1), at any place of them, with no I/O of its own.

Only what bundles have: one X25519 recipient, or a passphrase. A file's payload is a row of chunks of 64 KiB, each
sealed by itself under its number (STREAM), the last one marked; so any of them is opened alone, and a file that was cut
short shows it at once. That last chunk is opened first.
"""

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ringfence.portable.age_identity import Identity
from ringfence.portable.errors import BundleRefused, CannotServe, WrongOpener
from ringfence.portable.primitives import Primitives

ReadAt = Callable[[int, int], bytes]
"""Gives so many bytes from an offset on, fewer at the end."""

CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
NONCE_BYTES = 16
LARGEST_HEAD_BYTES = 16 * 1024
MOST_STANZAS = 16
HIGHEST_WORK_FACTOR = 20
"""Of scrypt: 1 GiB of memory. age itself writes 18 on usual machines."""
_CHUNKS_KEPT = 3
_VERSION = b"age-encryption.org/v1"
_X25519_LABEL = b"age-encryption.org/v1/X25519"
_SCRYPT_LABEL = b"age-encryption.org/v1/scrypt"
_BASE_POINT = b"\x09" + bytes(31)
_FILE_KEY_BYTES = 16
_KEY_BYTES = 32
_LINE_LETTERS = 64
_ZERO_NONCE = bytes(12)


@dataclass(frozen=True, slots=True)
class _Stanza:
    words: list[str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Head:
    stanzas: list[_Stanza]
    signed: bytes
    mac: bytes
    length: int


class AgeFile:
    """One age file's plaintext, opened by an identity or a passphrase.

    Args:
        read_at: Gives the file's bytes.
        length: How many there are.
        opener: An identity, or a passphrase as bytes.
        primitives: What does the arithmetic.

    Raises:
        BundleRefused: It is no such file, damaged, or cut short.
        WrongOpener: The opener is not its own.
    """

    def __init__(self, read_at: ReadAt, length: int, opener: Identity | bytes, primitives: Primitives) -> None:
        head = _head(read_at(0, min(length, LARGEST_HEAD_BYTES)))
        file_key = (
            _by_identity(head, opener, primitives)
            if isinstance(opener, Identity)
            else _by_passphrase(head, opener, primitives)
        )
        mac = hmac.new(_derive(file_key, b"", b"header"), head.signed, hashlib.sha256).digest()
        if not hmac.compare_digest(mac, head.mac):
            raise BundleRefused("damaged")
        self._key = _derive(file_key, read_at(head.length, NONCE_BYTES), b"payload")
        self._read_at, self._primitives = read_at, primitives
        self._start = head.length + NONCE_BYTES
        sealed = length - self._start
        self._chunks, rest = divmod(sealed, CHUNK_BYTES + TAG_BYTES)
        if rest:
            self._chunks += 1
        if sealed < TAG_BYTES or (rest and rest <= TAG_BYTES and self._chunks > 1):
            raise BundleRefused("damaged")
        self.length = sealed - self._chunks * TAG_BYTES
        """Bytes of plaintext."""
        self._opened: OrderedDict[int, bytes] = OrderedDict()
        self._chunk(self._chunks - 1)  # it alone shows that nothing is missing behind it

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes of the plaintext from ``offset`` on, as many as asked for or as there are.

        Raises:
            BundleRefused: They were altered.
        """
        end = min(offset + size, self.length)
        parts = []
        while offset < end:
            number, within = divmod(offset, CHUNK_BYTES)
            part = self._chunk(number)[within : within + end - offset]
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def _chunk(self, number: int) -> bytes:
        found = self._opened.get(number)
        if found is None:
            start = self._start + number * (CHUNK_BYTES + TAG_BYTES)
            is_last = number == self._chunks - 1
            sealed = self._read_at(start, CHUNK_BYTES + TAG_BYTES)
            opened = self._primitives.open_sealed(self._key, number.to_bytes(11, "big") + bytes((is_last,)), sealed)
            if opened is None or (not is_last and len(opened) != CHUNK_BYTES):
                raise BundleRefused("damaged")
            found = self._opened[number] = opened
            if len(self._opened) > _CHUNKS_KEPT:
                self._opened.popitem(last=False)
        else:
            self._opened.move_to_end(number)
        return found


def _head(data: bytes) -> _Head:
    """Return the head of a file: its stanzas, what its code is over, and where the payload begins."""
    version, end, _ = data.partition(b"\n")
    if version != _VERSION:
        raise BundleRefused("damaged")
    at, stanzas = len(version) + len(end), list[_Stanza]()
    while len(stanzas) <= MOST_STANZAS:
        line, at = _line(data, at)
        if line.startswith("--- "):
            mac = _unpadded(line.removeprefix("--- "))
            signed = data[: at - len(line) - 1] + b"---"
            return _Head(stanzas, signed, mac, at)
        if not line.startswith("-> "):
            break
        body, letters = b"", _LINE_LETTERS
        while letters == _LINE_LETTERS:
            folded, at = _line(data, at)
            letters, body = len(folded), body + _unpadded(folded)
        stanzas.append(_Stanza(line.split(" ")[1:], body))
    raise BundleRefused("damaged")


def _line(data: bytes, at: int) -> tuple[str, int]:
    """Return the line that begins at a place, and where the next one does."""
    end = data.find(b"\n", at)
    line = data[at:end]
    if end < 0 or not line.isascii():
        raise BundleRefused("damaged")
    return line.decode("ascii"), end + 1


def _unpadded(text: str) -> bytes:
    """Return the bytes of canonical Base64 without padding."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BundleRefused("damaged") from None
    if base64.b64encode(data).decode().rstrip("=") != text:
        raise BundleRefused("damaged")
    return data


def _by_identity(head: _Head, identity: Identity, primitives: Primitives) -> bytes:
    recipient = primitives.x25519(identity.secret, _BASE_POINT)
    for stanza in head.stanzas:
        match stanza.words:
            case ["X25519", share_text] if len(stanza.body) == _FILE_KEY_BYTES + TAG_BYTES:
                share = _unpadded(share_text)
                if len(share) != _KEY_BYTES:
                    raise BundleRefused("damaged")
                try:
                    shared = primitives.x25519(identity.secret, share)
                except ValueError:
                    raise BundleRefused("damaged") from None
                wrap = _derive(shared, share + recipient, _X25519_LABEL)
                if (key := primitives.open_sealed(wrap, _ZERO_NONCE, stanza.body)) is not None:
                    return key
    raise WrongOpener("wrong-identity")


def _by_passphrase(head: _Head, passphrase: bytes, primitives: Primitives) -> bytes:
    match [stanza for stanza in head.stanzas if stanza.words[0] == "scrypt"]:
        case [_Stanza(words=["scrypt", salt_text, factor_text], body=body)] if len(head.stanzas) == 1:
            salt = _unpadded(salt_text)
        case _:
            raise BundleRefused("damaged")
    if not (factor_text.isdigit() and factor_text.isascii() and len(factor_text) <= 2):  # noqa: PLR2004 - two digits
        raise BundleRefused("damaged")
    factor = int(factor_text)
    if len(salt) != _FILE_KEY_BYTES or not 1 <= factor <= HIGHEST_WORK_FACTOR:
        raise BundleRefused("damaged")
    if len(body) != _FILE_KEY_BYTES + TAG_BYTES:
        raise BundleRefused("damaged")
    key = primitives.open_sealed(_scrypt(passphrase, _SCRYPT_LABEL + salt, factor), _ZERO_NONCE, body)
    if key is None:
        raise WrongOpener("wrong-passphrase")
    return key


def _scrypt(passphrase: bytes, salt: bytes, factor: int) -> bytes:
    rounds = 1 << factor
    try:
        return hashlib.scrypt(passphrase, salt=salt, n=rounds, r=8, p=1, maxmem=rounds * 1024 + (1 << 24), dklen=32)
    except AttributeError:
        raise CannotServe("no-scrypt") from None
    except (MemoryError, ValueError):  # OpenSSL tells of too little memory by the latter
        raise CannotServe("too-little-memory") from None


def _derive(secret: bytes, salt: bytes, label: bytes) -> bytes:
    """Return 32 bytes by HKDF-SHA-256 (RFC 5869), whose first block they are."""
    extracted = hmac.new(salt or bytes(_KEY_BYTES), secret, hashlib.sha256).digest()
    return hmac.new(extracted, label + b"\x01", hashlib.sha256).digest()
