"""The fleet's secrets, and whether bytes hold one of them, as it is or written in a usual way.

What counts:

- A secret of eight characters or more, anywhere.
- A secret of six or seven characters, if it has letters and digits and is no part of a longer word.
- Nothing shorter: "1234" or "cisco" is in files by accident. Where a template takes one from a phone's values, that is
  found by rendering the file with other secrets (``shared_files``), whatever is made of it.

The usual ways are UTF-16, XML's and HTML's references, per cent signs of URLs, base64 and hexadecimal digits, also one
in another. Who owns a secret is told; the secret is not.
"""

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Self
from urllib.parse import unquote_to_bytes

from sqlalchemy.orm import Session

from ringfence.content.digests import Digest
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.fleet import book_directories, lines, pbxes, profile_keys, settings
from ringfence.hub.fleet.guard import credentials
from ringfence.phones.mac import Mac
from ringfence.secret import Secret

LARGEST_BYTES = 1 << 20
"""No larger file is looked into: those are pictures, sounds and firmware."""
_ANYWHERE = 8
_AS_A_WORD = 6
_RUN = re.compile(rb"[\x20-\x7e]{6,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_HEXADECIMAL = re.compile(rb"(?:[0-9A-Fa-f]{2}){6,}")
_DEEPEST = 2
_MOST_DECODED = 4 * LARGEST_BYTES


class KnownSecrets:
    """Secrets with their owners, indexed by their first bytes."""

    def __init__(self, owned: Iterable[tuple[str, Secret]] = ()) -> None:
        self._by_head: dict[bytes, list[tuple[bytes, str]]] = {}
        self._others: list[tuple[bytes, str]] = []
        self._found: dict[Digest, str | None] = {}
        self._heads: frozenset[bytes] = frozenset()
        self._unread: Iterable[tuple[str, Secret]] | None = owned

    def open(self) -> Self:
        """Open the secrets, which is otherwise done as the first file is looked into: few sites have such files."""
        owned, self._unread = self._unread, None
        for owner, secret in owned or ():
            text = secret.reveal()
            if len(text) < _AS_A_WORD or (len(text) < _ANYWHERE and not _is_mixed(text)):
                continue
            data = text.encode()
            if _RUN.fullmatch(data):
                self._by_head.setdefault(data[:_AS_A_WORD], []).append((data, owner))
            else:
                self._others += [(text.encode(form), owner) for form in ("utf-8", "utf-16-le", "utf-16-be")]
        if owned is not None:
            self._heads = frozenset(self._by_head)
        return self

    @classmethod
    def of_fleet(cls, session: Session, sealer: Sealer) -> Self:
        """Return every secret that the hub keeps for its phones and PBXes; those that can't be opened are left out.

        They are read once they are needed, or by ``open``; the session must be open till then.
        """
        return cls(_all(session, sealer))

    def owner_in_blob(self, digest: Digest, length: int, read: Callable[[], bytes]) -> str | None:
        """As ``owner_in``, of a blob, which is looked into once."""
        if digest not in self._found:
            self._found[digest] = self.owner_in(read()) if length <= LARGEST_BYTES else None
        return self._found[digest]

    def owner_in(self, data: bytes) -> str | None:
        """Return whose secret ``data`` holds, None if it holds none."""
        self.open()
        if not self._heads and not self._others:
            return None
        return next(filter(None, map(self._owner_in_plain, _readings(data))), None)

    def _owner_in_plain(self, data: bytes) -> str | None:
        for run in _RUN.findall(data):
            windows = {run[at : at + _AS_A_WORD] for at in range(len(run) - _AS_A_WORD + 1)}
            for head in windows & self._heads:
                for secret, owner in self._by_head[head]:
                    if _is_in(secret, run):
                        return owner
        return next((owner for secret, owner in self._others if _is_in(secret, data)), None)


def _all(session: Session, sealer: Sealer) -> Iterator[tuple[str, Secret]]:
    for mac, index, secret in lines.passwords(session, sealer):
        yield f"the password of line {index} of phone {Mac(mac)}", secret
    for mac, secret in credentials.passwords(session, sealer):
        yield f"the credential of phone {Mac(mac)}", secret
    for mac, secret in profile_keys.phrases(session, sealer):
        yield f"the key of the profiles of phone {Mac(mac)}", secret
    for place, name, secret in settings.secrets(session, sealer):
        yield f"{name} of {place}", secret
    for pbx_id, secret in pbxes.secrets(session, sealer):
        yield f"the secret of PBX {pbx_id}", secret
    for book_id, secret in book_directories.passwords(session, sealer):
        yield f"the password of phone book {book_id}'s directory", secret


def _is_mixed(text: str) -> bool:
    return any(char.isalpha() for char in text) and any(char.isdigit() for char in text)


def _is_in(secret: bytes, data: bytes) -> bool:
    if len(secret) >= _ANYWHERE:
        return secret in data
    return re.search(rb"(?<![A-Za-z0-9])" + re.escape(secret) + rb"(?![A-Za-z0-9])", data) is not None


def _readings(data: bytes) -> Iterator[bytes]:
    """Yield ``data`` and what it may stand for, without going on for ever."""
    yield data
    # UTF-16 and UTF-32, whatever their order, of what can be typed; and from here on text alone, for the speed of it.
    texts = {b"\n".join(_RUN.findall(each)) for each in (data, data.replace(b"\0", b""))}
    waiting, seen, decoded = [(text, 0) for text in texts], set(texts), 0
    while waiting:
        reading, depth = waiting.pop()
        yield reading
        if depth == _DEEPEST:
            continue
        for other in _meanings(reading):
            decoded += len(other)
            if other not in seen and decoded <= _MOST_DECODED:
                seen.add(other)
                waiting.append((other, depth + 1))


def _meanings(data: bytes) -> Iterator[bytes]:
    if b"\0" in data:
        yield data.replace(b"\0", b"")
    if b"&" in data:
        yield html.unescape(data.decode("utf-8", "replace")).encode("utf-8", "replace")
    if b"%" in data:
        yield unquote_to_bytes(data)
    found = [_from_base64(run) for run in _BASE64.findall(data)]
    found += [bytes.fromhex(run.decode()) for run in _HEXADECIMAL.findall(data)]
    if found:
        yield b"\n".join(found)


def _from_base64(run: bytes) -> bytes:
    plain = run.translate(bytes.maketrans(b"-_", b"+/"))
    whole = plain[: len(plain) - 1] if len(plain) % 4 == 1 else plain
    try:
        return base64.b64decode(whole + b"=" * (-len(whole) % 4))
    except binascii.Error:
        return b""
