"""How a virtual phone gets its files: TFTP, or HTTP on port 6970 first as newer firmware does (PHONES.md section 2b).

The rule: a file answered with 200 is used; 404 means that the file does not exist, and TFTP is not tried; if the
connection is refused, the phone tries TFTP for this file at once.
"""

import http.client
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ringfence.phones.errors import BadLoads
from ringfence.phones.filenames import LOADS_SUFFIX
from ringfence.phones.firmware.loads import parse_loads
from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch as fetch_over_tftp
from ringfence.tftp.options import RequestedOptions

PORT = 6970
CONNECT_S = 3.0
_NOT_FOUND = 404
_FILE_NOT_FOUND = 1
_LARGEST_BYTES = 512 << 20


class Fetch(Protocol):
    """How a phone gets a file; ``ringfence.server.tftp.client.fetch`` is one way."""

    def __call__(
        self, server: tuple[str, int], name: str, /, *, options: RequestedOptions, source_host: str | None
    ) -> bytes:
        """Return the file's bytes; FileRefused or TransferFailed."""
        ...


class HttpFirst:
    """Asks over HTTP, or over TFTP if nobody listens there; ``over`` says which it used last."""

    def __init__(self, port: int = PORT, tftp: Fetch = fetch_over_tftp) -> None:
        self._port, self._tftp = port, tftp
        self.over = "tftp"

    def __call__(
        self, server: tuple[str, int], name: str, /, *, options: RequestedOptions, source_host: str | None
    ) -> bytes:
        """Return the file's bytes; FileRefused where HTTP says 404 or TFTP refuses."""
        source = (source_host, 0) if source_host else None
        connection = http.client.HTTPConnection(server[0], self._port, timeout=CONNECT_S, source_address=source)
        try:
            connection.request("GET", "/" + urllib.parse.quote(name.lstrip("/")), headers={"User-Agent": "Cisco"})
            answer = connection.getresponse()
            body = answer.read(_LARGEST_BYTES)
        except (OSError, http.client.HTTPException):
            self.over = "tftp"
            return self._tftp(server, name, options=options, source_host=source_host)
        finally:
            connection.close()
        self.over = "http"
        if answer.status == http.client.OK:
            return body
        if answer.status == _NOT_FOUND:
            raise FileRefused(_FILE_NOT_FOUND, "404", where=f"{name} from {server[0]}:{self._port}")
        self.over = "tftp"
        return self._tftp(server, name, options=options, source_host=source_host)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What a phone made of a load that its configuration named; ``missing`` says why it kept its firmware."""

    load: str
    files: int
    missing: tuple[str, ...]


def upgrade(load: str, ask: Callable[[str], bytes | None]) -> Upgrade:
    """Fetch a load's list and every file of it with ``ask``, as a phone does before it restarts."""
    name = load + LOADS_SUFFIX
    data = ask(name)
    if data is None:
        return Upgrade(load, 0, (name,))
    try:
        listed = parse_loads(data, name).files
    except BadLoads as fault:
        return Upgrade(load, 0, (f"{name} ({fault.what})",))
    missing = tuple(file.name for file in listed if not ask(file.name) and not file.is_optional)
    return Upgrade(load, len(listed), missing)
