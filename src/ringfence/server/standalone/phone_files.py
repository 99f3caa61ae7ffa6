"""What phones trip over in the files of a folder: names that they never ask for, and content that they can't read.

Phones say nothing about either: they go on with what they have, or start again and again (PHONES.md sections 1 and 7).
"""

import pyexpat
import re
from collections.abc import Callable

from ringfence.phones.filenames import is_signed_configuration, owner_of

LONGEST_BYTES = 1024 * 1024
"""More than any configuration has; of longer files nothing is said."""
OLD_LOAD_NAME = "OS79XX.TXT"

_ENTERPRISE = re.compile(r"(?P<kind>(?:CTL|ITL)?SEP|ATA|SIP)(?P<mac>[0-9A-F]{12})(?P<rest>\..+)", re.IGNORECASE)
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)

Read = Callable[[int, int], bytes]
"""Returns a file's bytes: from where on, and how many at most."""


def trouble_with(name: str, size_bytes: int, read: Read) -> str | None:
    """Return what phones trip over in a file of that name, for people; None where there is nothing known."""
    plain = name.rpartition("/")[2]
    if (wanted := _as_asked_for(plain)) != plain:
        return f"phones ask for {wanted}, and a name counts as it is written"
    if size_bytes > LONGEST_BYTES:
        return None
    if plain.upper() == OLD_LOAD_NAME:
        return _trouble_with_load_name(read(0, size_bytes))
    is_configuration = owner_of(plain) is not None and plain.endswith(".xml") and not is_signed_configuration(plain)
    return _trouble_with_xml(read(0, size_bytes)) if is_configuration else None


def _as_asked_for(plain: str) -> str:
    """Return a phone's own file name as phones write it: the MAC address and what is before it in upper case."""
    found = _ENTERPRISE.fullmatch(plain)
    if found is None:
        return plain
    return found["kind"].upper() + found["mac"].upper() + found["rest"].lower()


def _trouble_with_load_name(content: bytes) -> str | None:
    if content != content.strip():
        return "phones take the space or new line around the load's name as part of it: write the name and nothing else"
    return None


def _trouble_with_xml(content: bytes) -> str | None:
    """Return where a configuration is no XML; phones take Latin-1 that is not announced, and -- in comments."""
    try:
        content.decode()
        parser = pyexpat.ParserCreate()
    except UnicodeDecodeError:
        parser = pyexpat.ParserCreate(None if content.lstrip().startswith(b"<?xml") else "ISO-8859-1")
    try:
        parser.Parse(_COMMENT.sub(_its_lines, content), True)
    except pyexpat.ExpatError as fault:
        return f"not XML, so the phone ignores all of it: line {fault.lineno}, {pyexpat.ErrorString(fault.code)}"
    return None


def _its_lines(comment: re.Match[bytes]) -> bytes:
    return b"\n" * comment[0].count(b"\n")
