"""``.loads`` files: a signed header or none, then the names of a firmware's files (PHONES.md section 7.1)."""

import re
from dataclasses import dataclass

from ringfence.archives.signed_header import SignedHeader, header_length, parse_header
from ringfence.phones.errors import BadLoads

LARGEST_BYTES = 64 << 10
_COMPATIBILITY = re.compile(r"#\s*(HARDWARE_COMP_\w+)\s+(\S+)")
_KEY_VALUE = re.compile(r"[A-Z][A-Z0-9_]*=\S*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file that a load names; size and digest if given, and whether phones work without it."""

    name: str
    size_bytes: int | None = None
    digest: str = ""
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Loads:
    """What a ``.loads`` file says."""

    files: tuple[ListedFile, ...]
    compatibility: tuple[tuple[str, str], ...]
    """The least hardware that its comments name, as ``HARDWARE_COMP_1 15``."""
    header: SignedHeader | None


def parse_loads(data: bytes, name: str) -> Loads:
    """Return what ``data`` lists.

    Comments, carriage returns, trailing spaces and ``KEY=VALUE`` lines are ignored; ``#+`` names an optional file; a
    size and a digest may follow a name.

    Raises:
        BadLoads: It is not a list; the error names the line.
    """
    if len(data) > LARGEST_BYTES:
        raise BadLoads(f"a list of {len(data)} bytes is not a .loads file", where=name)
    header = parse_header(data)
    start = header_length(data)
    if start and header is None:
        raise BadLoads("its signed header is cut off", where=name, to_do="Download the firmware again.")
    body = data[start:]
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError as fault:
        at_line = body[: fault.start].count(b"\n") + 1
        raise BadLoads(f"line {at_line} of its list is not plain text", where=name) from None
    files: dict[str, ListedFile] = {}
    compatibility: list[tuple[str, str]] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(" \t\r\x00")
        if found := _COMPATIBILITY.match(line):
            compatibility.append((found[1], found[2]))
        is_optional = line.startswith("#+")
        words = line.removeprefix("#+").split() if is_optional or not line.startswith("#") else []
        if not words or _KEY_VALUE.fullmatch(words[0]):
            continue
        if _NAME.fullmatch(words[0]) is None:
            raise BadLoads(f"line {number} of its list is not a file name: {words[0][:40]!r}", where=name)
        size = int(words[1]) if len(words) > 1 and words[1].isdecimal() else None
        digest = words[2] if len(words) > 2 else ""  # noqa: PLR2004 - name, size, digest
        files.setdefault(words[0], ListedFile(words[0], size, digest, is_optional))
    if not files:
        raise BadLoads("it does not name a file", where=name, to_do="Is it complete?")
    return Loads(tuple(files.values()), tuple(compatibility), header)
