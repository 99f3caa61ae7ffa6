"""How a virtual phone gets its files: TFTP, or HTTP on port 6970 first as newer firmware does (PHONES.md section 2b).

A phone that holds a credential answers a challenge by HTTP digest with it.

The rule: a file answered with 200 is used; 404 means that the file does not exist, and TFTP is not tried; if the
connection is refused, the phone tries TFTP for this file at once.
"""

import http.client
import secrets
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ringfence.phones.errors import BadLoads
from ringfence.phones.filenames import LOADS_SUFFIX
from ringfence.phones.firmware.loads import parse_loads
from ringfence.phones.sip.digest import authorization, best_challenge
from ringfence.secret import Secret
from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch as fetch_over_tftp
from ringfence.tftp.options import RequestedOptions

PORT = 6970
CONNECT_S = 3.0
_REFUSED = frozenset({http.client.NOT_FOUND, http.client.UNAUTHORIZED})
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
    """Asks over HTTP, or over TFTP if nobody listens there; ``over`` says which it used last.

    ``credential`` is the user and the password that the phone holds.
    """

    def __init__(self, port: int = PORT, tftp: Fetch = fetch_over_tftp) -> None:
        self._port, self._tftp = port, tftp
        self.credential: tuple[str, Secret] | None = None
        self.over = "tftp"

    def __call__(
        self, server: tuple[str, int], name: str, /, *, options: RequestedOptions, source_host: str | None
    ) -> bytes:
        """Return the file's bytes; FileRefused where HTTP says 404 or TFTP refuses."""
        source = (source_host, 0) if source_host else None
        connection = http.client.HTTPConnection(server[0], self._port, timeout=CONNECT_S, source_address=source)
        try:
            status, body = self._ask(connection, "/" + urllib.parse.quote(name.lstrip("/")))
        except (OSError, http.client.HTTPException):
            self.over = "tftp"
            return self._tftp(server, name, options=options, source_host=source_host)
        finally:
            connection.close()
        self.over = "http"
        if status == http.client.OK:
            return body
        if status in _REFUSED:
            raise FileRefused(_FILE_NOT_FOUND, str(status), where=f"{name} from {server[0]}:{self._port}")
        self.over = "tftp"
        return self._tftp(server, name, options=options, source_host=source_host)

    def _ask(self, connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
        headers = {"User-Agent": "Cisco"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read(_LARGEST_BYTES)
        if answer.status != http.client.UNAUTHORIZED or self.credential is None:
            return answer.status, body
        user, password = self.credential
        headers["Authorization"] = authorization(
            best_challenge(answer.headers.get_all("WWW-Authenticate", [])),
            user=user, password=password, method="GET", uri=path, cnonce=secrets.token_hex(8),
        )  # fmt: skip
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(_LARGEST_BYTES)


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
