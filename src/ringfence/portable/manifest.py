"""What a bundle says of itself: whose it is, its number, how long it is good, its files; JSON, signed by the hub.

The hub writes it and the portable reads it. A file's bytes are checked piece by piece, so that firmware of many MB is
served from its first byte on.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ringfence.content.errors import BadName
from ringfence.content.names import normalise
from ringfence.portable.errors import BundleRefused

FORM = 1
SIGNED_AS = b"ringfence bundle 1\0"
"""Stands before what is signed, so that no other signature of that key is taken for this one."""
PIECE_BYTES = 64 * 1024
LARGEST_MANIFEST_BYTES = 4 << 20
LARGEST_BUNDLE_BYTES = 1 << 30
MOST_FILES = 5_000
MOST_PHONES = 500
_LATEST_S = 1e11
_LONGEST_TEXT = 200
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_MAC = re.compile(r"[0-9A-F]{12}")
_PIECES = re.compile(r"(?:[0-9a-f]{64})*")
_DIGEST_LETTERS = 64


@dataclass(frozen=True, slots=True)
class BundledPhone:
    """A phone that a bundle is for. ``mac`` is bare; ``name`` is what people call it.

    ``menu`` leads to “Alternate TFTP” at it, as it is shown there; empty where nobody has documented that.
    """

    mac: str
    name: str
    model: str
    menu: str = ""


@dataclass(frozen=True, slots=True)
class BundledFile:
    """A file in a bundle. ``pieces``: the SHA-256 of each 64 KiB of it, one after the other, in hexadecimal digits."""

    name: str
    length: int
    kind: str
    owner: str | None
    pieces: str


@dataclass(frozen=True, slots=True)
class BundleManifest:
    """All that a bundle says. Times are Unix seconds; files are in the order in which their bytes come."""

    bundle: str
    number: int
    site: str
    release: int
    made_at: float
    expires_at: float
    watch: str
    """Where the hub gives out newer ones; empty where it does not."""
    phones: tuple[BundledPhone, ...]
    files: tuple[BundledFile, ...]

    def to_bytes(self) -> bytes:
        """Return it as it is signed."""
        return json.dumps({"form": FORM, **asdict(self)}, sort_keys=True, separators=(",", ":")).encode()

    def to_dict(self) -> dict[str, Any]:  # Any: JSON
        """Return it for people's programs."""
        return asdict(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "BundleManifest":
        """Read what the hub signed.

        Raises:
            BundleRefused: It is of a newer form, or not as a hub writes it.
        """
        try:
            told = json.loads(data)
            if told["form"] != FORM:
                raise BundleRefused("newer-form")
            return cls._of(told)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, BadName):
            raise BundleRefused("damaged") from None

    @classmethod
    def _of(cls, told: dict[str, Any]) -> "BundleManifest":  # Any: JSON; each value is checked here
        phones = tuple(
            BundledPhone(_mac(each["mac"]), _text(each["name"]), _text(each["model"]), _text(each.get("menu", "")))
            for each in told["phones"]
        )
        owners = {phone.mac for phone in phones}
        files = tuple(_file(each, owners) for each in told["files"])
        if len(files) > MOST_FILES or not 1 <= len(phones) <= MOST_PHONES:
            raise ValueError("too many")
        if len({file.name for file in files}) != len(files) or sum(f.length for f in files) > LARGEST_BUNDLE_BYTES:
            raise ValueError("a name twice, or too long")
        if _ID.fullmatch(told["bundle"]) is None:
            raise ValueError("no id")
        return cls(
            told["bundle"], _number(told["number"]), _text(told["site"]), _number(told["release"]),
            _time(told["made_at"]), _time(told["expires_at"]), _text(told["watch"]), phones, files,
        )  # fmt: skip

    def phone(self, mac: str) -> BundledPhone | None:
        """Return the phone with this bare address."""
        return next((phone for phone in self.phones if phone.mac == mac), None)


def pieces_of(parts: Iterable[bytes]) -> str:
    """Return the digests of a file's pieces; ``parts`` are its bytes in parts of any size."""
    digests, waiting = list[str](), bytearray()
    for part in parts:
        waiting += part
        while len(waiting) >= PIECE_BYTES:
            digests.append(hashlib.sha256(waiting[:PIECE_BYTES]).hexdigest())
            del waiting[:PIECE_BYTES]
    if waiting:
        digests.append(hashlib.sha256(waiting).hexdigest())
    return "".join(digests)


def _file(told: dict[str, Any], owners: set[str]) -> BundledFile:  # Any: JSON
    name, length, owner, pieces = told["name"], told["length"], told["owner"], told["pieces"]
    if normalise(name) != name or (owner is not None and owner not in owners):
        raise ValueError("no such file")
    if type(length) is not int or not 0 <= length <= LARGEST_BUNDLE_BYTES:
        raise ValueError("no length")
    if _PIECES.fullmatch(pieces) is None or len(pieces) != -(-length // PIECE_BYTES) * _DIGEST_LETTERS:
        raise ValueError("no digests")
    return BundledFile(name, length, _text(told["kind"]), owner, pieces)


def _mac(value: str) -> str:
    if _MAC.fullmatch(value) is None:
        raise ValueError("no address")
    return value


def _text(value: str) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not (value.isprintable() or not value):
        raise ValueError("no text")
    return value


def _number(value: int) -> int:
    if type(value) is not int or not 1 <= value < 1 << 53:
        raise ValueError("no number")
    return value


def _time(value: float) -> float:
    if type(value) not in {int, float} or not 0 <= value < _LATEST_S:
        raise ValueError("no time")
    return float(value)
