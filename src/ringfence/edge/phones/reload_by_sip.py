"""Telling phones to fetch their configuration again: a SIP NOTIFY over UDP, to the phone itself.

The request goes to the address that the phone last fetched from, so that its Request-URI names the phone's own host, as
its firmware requires (PHONES.md section 6c). It is retransmitted by RFC 3261's timer E. A phone that never answers, or
that does not listen there (one that registered over TCP), is reported: the hub may reach it through its PBX, and it
takes the new file at its next boot anyway.
"""

import errno
import selectors
import socket
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from ringfence.edge.phones.reload_orders import DueReload, ReloadAnswer
from ringfence.errors import PeerFault
from ringfence.phones.sip.notify import (
    CHECK_SYNC,
    SipResponse,
    check_sync_request,
    parse_message,
    service_control_request,
)

T1_S = 0.5
T2_S = 4.0
GIVE_UP_S = 16.0
"""Half of RFC 3261's 64 * T1: a phone on the same wire answers in milliseconds or is not there."""
NOT_YET_S = 4.0
"""How long a phone that does not listen is tried: a booting phone may listen soon."""
_FINAL = 200
_REFUSED = 300
_LARGEST_DATAGRAM = 65_535
_ERRORS = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""Linux's IP_RECVERR and IPV6_RECVERR: tell what ICMP says of the datagrams of a socket that is not connected."""


@dataclass(slots=True)
class _Unanswered:
    order: DueReload
    request: bytes
    interval_s: float
    next_send: float
    nobody_listens: bool = False
    """What the phone's machine said of the newest request."""


def notify_phones(orders: Sequence[DueReload], *, give_up_s: float = GIVE_UP_S) -> dict[DueReload, ReloadAnswer]:
    """Tell every phone of ``orders`` by SIP at once, and return how each answered; blocks until all are done."""
    answers: dict[DueReload, ReloadAnswer] = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        of_family = [order for order in orders if (":" in order.host) == (family == socket.AF_INET6)]
        if of_family:
            answers |= _reload(family, of_family, give_up_s)
    return answers


def _reload(
    family: socket.AddressFamily, orders: Sequence[DueReload], give_up_s: float
) -> dict[DueReload, ReloadAnswer]:
    begun = time.monotonic()
    answers: dict[DueReload, ReloadAnswer] = {}
    with socket.socket(family, socket.SOCK_DGRAM) as transport, selectors.DefaultSelector() as selector:
        transport.bind(("", 0))
        transport.setblocking(False)
        transport.setsockopt(*_ERRORS[family], 1)
        selector.register(transport, selectors.EVENT_READ)
        waiting = {}
        for order in orders:
            call_id = uuid.uuid4().hex
            waiting[call_id] = _Unanswered(order, _request(transport, order, call_id), T1_S, begun)
        while waiting and (now := time.monotonic()) < begun + give_up_s:
            for item in waiting.values():
                if item.next_send <= now:
                    item.nobody_listens = False
                    _send(transport, item)
                    item.next_send = now + item.interval_s
                    item.interval_s = min(2 * item.interval_s, T2_S)
            soonest = min(item.next_send for item in waiting.values())
            if selector.select(max(0.0, min(soonest, begun + give_up_s) - now)):
                _receive(transport, waiting, answers)
            if time.monotonic() > begun + NOT_YET_S:
                gone = [call_id for call_id, item in waiting.items() if item.nobody_listens]
                answers |= {waiting.pop(call_id).order: ReloadAnswer.SILENT for call_id in gone}
    return answers | {item.order: ReloadAnswer.SILENT for item in waiting.values()}


def _request(transport: socket.socket, order: DueReload, call_id: str) -> bytes:
    """Build the NOTIFY, naming the address of ours that faces the phone."""
    with socket.socket(transport.family, socket.SOCK_DGRAM) as probe:
        probe.connect((order.host, order.port))
        local_host = probe.getsockname()[0]
    if order.method.startswith(CHECK_SYNC):
        return check_sync_request(
            event=order.method,
            target_host=order.host,
            target_port=order.port,
            local_host=local_host,
            local_port=transport.getsockname()[1],
            user=order.owner,
            branch=uuid.uuid4().hex,
            tag=uuid.uuid4().hex[:16],
            call_id=call_id,
        )
    return service_control_request(
        action=order.action,
        register_call_id=order.register_call_id,
        target_host=order.host,
        target_port=order.port,
        local_host=local_host,
        local_port=transport.getsockname()[1],
        device_name=f"SEP{order.owner}",
        branch=uuid.uuid4().hex,
        tag=uuid.uuid4().hex[:16],
        call_id=call_id,
    )


def _send(transport: socket.socket, item: _Unanswered) -> None:
    try:
        transport.sendto(item.request, (item.order.host, item.order.port))
    except OSError:
        return  # unreachable for now, or no buffer: the timer sends again


def _receive(transport: socket.socket, waiting: dict[str, _Unanswered], answers: dict[DueReload, ReloadAnswer]) -> None:
    _take_errors(transport, waiting)
    try:
        data, source = transport.recvfrom(_LARGEST_DATAGRAM)
        message = parse_message(data)
    except (OSError, PeerFault):
        return
    if not isinstance(message, SipResponse) or message.status < _FINAL:
        return
    item = waiting.get(message.call_id)
    if item is None or source[0] != item.order.host:
        return
    del waiting[message.call_id]
    answers[item.order] = ReloadAnswer.ACCEPTED if message.status < _REFUSED else ReloadAnswer.REFUSED


def _take_errors(transport: socket.socket, waiting: dict[str, _Unanswered]) -> None:
    """Note at whose address nobody listens."""
    while True:
        try:
            _data, ancillary, _flags, sent_to = transport.recvmsg(_LARGEST_DATAGRAM, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return
        # struct sock_extended_err begins with the error's number.
        numbers = {int.from_bytes(data[:4], sys.byteorder) for _level, _kind, data in ancillary}
        for item in waiting.values():
            if errno.ECONNREFUSED in numbers and (item.order.host, item.order.port) == sent_to[:2]:
                item.nobody_listens = True
