"""What a thief finds on a stolen disk: it is searched for secrets, in each form that a program may write them.

It is read as bytes, in which deleted files are like others, and a database's free pages and its log like its rows.
What is compressed in them is opened, and searched in turn.
"""

import base64
import html
import json
import urllib.parse
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_GZIP, _GZIP_WBITS = b"\x1f\x8b\x08", 31
_ZLIB_WBITS = 15
_ZLIB_STARTS = tuple(
    bytes((0x78, flags)) for flags in range(256) if not (0x7800 + flags) % 31 and not flags & 0x20
)  # RFC 1950, 2.2: a window of 32 KB and no dictionary
_MOST_OPENED_BYTES = 1 << 20
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Find:
    """A secret in a file."""

    whose: str
    form: str
    path: str

    def __str__(self) -> str:
        return f"the secret of the {self.whose}, {self.form}, in {self.path}"


def search(place: Path, secrets: Mapping[str, str]) -> list[Find]:
    """Return where secrets are, each form of each once in a file.

    Args:
        place: A file, such as a disk's image, or a folder.
        secrets: What to look for, by whose it is.
    """
    files = [place] if place.is_file() else sorted(each for each in place.rglob("*") if each.is_file())
    needles = [(whose, form, needle) for whose, secret in secrets.items() for form, needle in forms_of(secret)]
    found: dict[Find, None] = {}
    for path in files:
        contents = list(_opened(path.read_bytes()))
        for whose, form, needle in needles:
            if any(needle in content for content in contents):
                found[Find(whose, form, str(path.relative_to(place.parent)))] = None
    return list(found)


def forms_of(secret: str) -> Iterator[tuple[str, bytes]]:
    """Yield the forms in which a secret may be written, each with its name."""
    clear = secret.encode()
    plain = {
        "in clear": clear,
        "in XML": html.escape(secret).encode(),
        "in JSON": json.dumps(secret)[1:-1].encode(),
        "in a URL": urllib.parse.quote(secret, safe="").encode(),
        "in UTF-16": secret.encode("utf-16-le"),
        "in UTF-16, big-endian": secret.encode("utf-16-be"),
        "in hexadecimal": clear.hex().encode(),
        "in hexadecimal capitals": clear.hex().upper().encode(),
        "backwards": clear[::-1],
    }
    yield from plain.items()
    for form, data in (("", clear), (" of UTF-16", secret.encode("utf-16-le"))):
        for shift in range(3):  # where it begins within three bytes that become four characters
            for name, encode in (("base64", base64.b64encode), ("base64 for URLs", base64.urlsafe_b64encode)):
                yield f"in {name}{form}", _whole_groups(encode(bytes(shift) + data), shift, len(data))


def _whole_groups(encoded: bytes, shift: int, length: int) -> bytes:
    """Return what of base64 depends on the secret alone, and not on what stands before and after it."""
    first = -(-8 * shift // 6)
    return encoded[first : 8 * (shift + length) // 6]


def _opened(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield bytes, and what is compressed in them."""
    yield data
    if depth == _DEEPEST:
        return
    for start, wbits in ((_GZIP, _GZIP_WBITS), *((each, _ZLIB_WBITS) for each in _ZLIB_STARTS)):
        at = data.find(start)
        while at >= 0:
            opener = zlib.decompressobj(wbits)
            try:
                opened = opener.decompress(data[at : at + _MOST_OPENED_BYTES], _MOST_OPENED_BYTES)
            except zlib.error:
                opened = b""
            if opened:
                yield from _opened(opened, depth + 1)
            at = data.find(start, at + 1)
