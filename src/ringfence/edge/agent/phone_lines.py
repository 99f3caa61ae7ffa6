"""A phone's bytes through the edge's own connection to the hub: up in a request's body, down in its answer's.

Both go on at the same time, as TLS between phone and hub needs it. Nothing of them is read here.
"""

import select
import socket
import ssl
import time
from http import HTTPStatus

import h11

from ringfence.edge.errors import HubUnreachable
from ringfence.wire.phone_services import LARGEST_BYTES, LONGEST_S, MEDIA_TYPE

_PART_BYTES = 16 * 1024
_STALLS_S = 30.0


def carry(hub: ssl.SSLSocket, host: str, path: str, line: socket.socket) -> None:
    """Carry bytes between a phone and the hub until one of them ends.

    Args:
        hub: A connection to the hub that nobody else uses.
        host: What the request calls the hub.
        path: What is asked for.
        line: The phone's bytes.

    Raises:
        HubUnreachable: The hub does not take the phone.
        OSError: A side is gone.
    """
    hub.settimeout(_STALLS_S)
    line.settimeout(_STALLS_S)
    http = h11.Connection(h11.CLIENT)
    headers = [("Host", host), ("Content-Type", MEDIA_TYPE), ("Transfer-Encoding", "chunked"), ("Connection", "close")]
    _send(hub, http, h11.Request(method="POST", target=path, headers=headers))
    until, left, is_up = time.monotonic() + LONGEST_S, LARGEST_BYTES, True
    while (left_s := until - time.monotonic()) > 0:
        ready = _ready(hub, line if is_up else None, left_s)
        if hub in ready and not _take(hub, http, line):
            return
        if line in ready:
            data = line.recv(min(_PART_BYTES, left))
            left -= len(data)
            is_up = bool(data)
            _send(hub, http, h11.Data(data=data) if data else h11.EndOfMessage())


def _ready(hub: ssl.SSLSocket, line: socket.socket | None, within_s: float) -> list[socket.socket]:
    if hub.pending():
        return [hub]
    waited = {each.fileno(): each for each in (hub, line) if each is not None}
    poller = select.poll()
    for descriptor in waited:
        poller.register(descriptor, select.POLLIN)
    return [waited[descriptor] for descriptor, _events in poller.poll(within_s * 1000)]


def _take(hub: ssl.SSLSocket, http: h11.Connection, line: socket.socket) -> bool:
    """Pass on what the hub sends; return whether it goes on."""
    try:
        http.receive_data(hub.recv(_PART_BYTES))
        while (event := http.next_event()) is not h11.NEED_DATA:
            match event:
                case h11.Response(status_code=status) if status != HTTPStatus.OK:
                    raise HubUnreachable(f"the hub does not take the phone for now (status {status})")
                case h11.Data(data=data):
                    line.sendall(data)
                case h11.EndOfMessage() | h11.ConnectionClosed() | h11.PAUSED:
                    return False
    except h11.RemoteProtocolError:
        raise HubUnreachable("what answers is no hub") from None
    return True


def _send(hub: ssl.SSLSocket, http: h11.Connection, event: h11.Request | h11.Data | h11.EndOfMessage) -> None:
    data = http.send(event)
    if data:
        hub.sendall(data)
