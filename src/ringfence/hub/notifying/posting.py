"""One message by HTTP, as webhooks and push services take it."""

import http.client
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import urllib3

from ringfence.hub.errors import AlertChannelUnavailable
from ringfence.hub.notifying.deadline import TIMEOUT_S, deadline
from ringfence.hub.notifying.dialling import AlertDestination, dial, encrypted

_PORTS = {"http": 80, "https": 443}
_SUCCESS = range(200, 300)


def post(what: str, url: str, body: bytes, headers: Mapping[str, str], networks: Sequence[str]) -> None:
    """Post a message in JSON; it has arrived when this returns.

    Redirections are not followed, and of an answer nothing is read but its status.

    Args:
        what: What it is sent to, for errors.
        url: The whole address.
        body: The message.
        headers: Those that the receiver needs beside the usual ones.
        networks: hub.toml's ``alert_networks``.

    Raises:
        AlertChannelUnavailable: It may not or can't be reached, answers too slowly, or doesn't take it.
    """
    parts = urlsplit(url)
    place = AlertDestination(parts.hostname or "", parts.port or _PORTS[parts.scheme], networks)
    usual = {"Host": parts.netloc, "Content-Type": "application/json", "User-Agent": "ringfence", "Connection": "close"}
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = urllib3.connection.HTTPConnection(place.host, place.port, timeout=TIMEOUT_S)
    try:
        plain = dial(place)
        connection.sock = encrypted(plain, place.host) if parts.scheme == "https" else plain
        with deadline(lambda: connection.sock):
            connection.request("POST", path, body=body, headers={**usual, **headers}, preload_content=False)
            status = connection.getresponse().status
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as fault:
        raise AlertChannelUnavailable(f"{what} can't be reached: {fault}", where=parts.netloc) from None
    finally:
        connection.close()
    if status not in _SUCCESS:
        raise AlertChannelUnavailable(f"{what} answered with status {status}", where=parts.netloc)
