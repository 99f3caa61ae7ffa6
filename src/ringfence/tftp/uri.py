"""TFTP URIs (RFC 3617): ``tftp://host[:port]/path;mode=netascii``."""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from ringfence.tftp.errors import BadUri

PORT = 69
_HIGHEST_PORT = 65535
_FORM = re.compile(
    r"tftp://(?:\[(?P<v6>[0-9a-f:.%]+)\]|(?P<host>[^/:;?#@\[\]]+))(?::(?P<port>[0-9]{1,5}))?"
    r"/(?P<path>[^;?#]*)(?:;mode=(?P<mode>netascii|octet))?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class TftpUri:
    """Where a file is. ``name`` is the path without its first slash, decoded; ``mode`` in lower case."""

    host: str
    name: str
    port: int = PORT
    mode: str = "octet"


def parse(text: str) -> TftpUri:
    """Return what ``text`` names; raise BadUri if it is not a TFTP URI.

    The port is not in RFC 3617's grammar, but every client accepts it. Octets of the path that are not UTF-8 become
    surrogates, as in a request.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise _bad(text)
    name = unquote_to_bytes(found["path"]).decode("utf-8", "surrogateescape")
    port = int(found["port"] or PORT)
    if not name or "\0" in name or not 0 < port <= _HIGHEST_PORT:
        raise _bad(text)
    return TftpUri(found["v6"] or found["host"], name, port, (found["mode"] or "octet").lower())


def _bad(text: str) -> BadUri:
    return BadUri(
        "this is not a TFTP URI",
        where=repr(text[:80]),
        to_do="Write tftp://HOST/PATH, or tftp://HOST:PORT/PATH;mode=octet.",
    )
