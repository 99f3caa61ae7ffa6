"""SIP NOTIFY ``service-control``: how a phone is told to fetch its configuration again (PHONES.md section 6).

The phone answers 400 to a request whose Request-URI is not its own host and port (section 6c), and to a
``RegisterCallId`` that is not the Call-ID of its REGISTER; a phone that is not registered accepts an empty one.
Version stamps of zeros mean "everything that you have is stale".
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeGuard, get_args

from ringfence.phones.errors import BadSipMessage
from ringfence.phones.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    header,
    host_in_uri,
    parse_message,
    response,
    to_bytes,
    token,
)

__all__ = [
    "CHECK_SYNC",
    "Action",
    "ServiceAction",
    "ServiceControl",
    "SipMessage",
    "SipRequest",
    "SipResponse",
    "is_service_control",
    "parse_message",
    "parse_service_control",
    "response",
    "service_control_request",
]

ServiceAction = Literal["restart", "reset", "check-version"]
"""restart: fetch and register again; reset: boot; check-version: fetch what differs."""
Action = ServiceAction | Literal["check-sync"]
"""What a phone can be told; check-sync, of SPA and MPP phones, is to fetch what differs."""
_ACTIONS: dict[str, ServiceAction] = {action: action for action in get_args(ServiceAction)}

EVENT = "service-control"
CHECK_SYNC = "check-sync"
_CHECK_SYNC_EVENTS = frozenset({CHECK_SYNC, "resync", "reboot", "reboot_now", "restart_now"})
METHOD = "NOTIFY"
_MAGIC = "z9hG4bK"  # RFC 3261 section 8.1.1.7

_ZEROS = "00000000-0000-0000-0000-000000000000"
# The stamps that a request carries, in the order of section 6; the headset's has a form of its own.
_STAMPS: tuple[tuple[str, str], ...] = (
    ("ConfigVersionStamp", _ZEROS),
    ("DialplanVersionStamp", _ZEROS),
    ("SoftkeyVersionStamp", _ZEROS),
    ("FeatureControlVersionStamp", _ZEROS),
    ("HeadsetVersionStamp", "0-0000000000"),
)

_HOST = re.compile(r"[0-9A-Za-z._-]{1,253}|[0-9A-Fa-f:.]{2,45}(?:%[0-9A-Za-z._-]{1,15})?")
_CALL_ID = re.compile(r"[!-z|~]{0,250}")  # printable, without the braces that stand around it
_ASSIGNMENT = re.compile(r"([A-Za-z-]{1,40})\s*=\s*(.{0,260})")
_LARGEST_BODY = 4096
_MOST_ASSIGNMENTS = 32


@dataclass(frozen=True, slots=True)
class ServiceControl:
    """What a NOTIFY ``service-control`` orders; texts are empty if it does not say."""

    action: Action
    register_call_id: str = ""
    configuration_stamp: str = ""


def service_control_request(
    *,
    action: ServiceAction,
    target_host: str,
    target_port: int,
    local_host: str,
    local_port: int,
    device_name: str,
    branch: str,
    tag: str,
    call_id: str,
    register_call_id: str = "",
    cseq: int = 1,
) -> bytes:
    """Return the NOTIFY for one phone over UDP.

    ``target`` is the phone's own host and port, ``local`` ours; ``branch``, ``tag`` and ``call_id`` are fresh random
    texts of letters and digits. ValueError for what can't stand in a header: that is our own bug.
    """
    for host in (target_host, local_host):
        if _HOST.fullmatch(host) is None:
            raise ValueError(f"{host!r} is not a host")
    target = f"sip:{token(device_name)}@{host_in_uri(target_host)}:{target_port}"
    local = f"{host_in_uri(local_host)}:{local_port}"
    body = service_control_body(action, register_call_id)
    lines = (
        f"{METHOD} {target} SIP/2.0",
        f"Via: SIP/2.0/UDP {local};branch={_MAGIC}{token(branch)};rport",
        "Max-Forwards: 70",
        f"From: <sip:ringfence@{host_in_uri(local_host)}>;tag={token(tag)}",
        f"To: <{target}>",
        f"Contact: <sip:ringfence@{local}>",
        f"Call-ID: {token(call_id)}",
        f"CSeq: {cseq} {METHOD}",
        f"Event: {EVENT}",
        "Subscription-State: active",
        "Content-Type: text/plain",
    )
    return to_bytes(lines, body)


def check_sync_request(
    *,
    target_host: str,
    target_port: int,
    local_host: str,
    local_port: int,
    user: str,
    branch: str,
    tag: str,
    call_id: str,
    cseq: int = 1,
    event: str = CHECK_SYNC,
) -> bytes:
    """Return the NOTIFY ``check-sync`` over UDP (PHONES.md sections 6b and 6c); ``event`` has its parameter, if any."""
    for host in (target_host, local_host):
        if _HOST.fullmatch(host) is None:
            raise ValueError(f"{host!r} is not a host")
    target = f"sip:{token(user)}@{host_in_uri(target_host)}:{target_port}"
    local = f"{host_in_uri(local_host)}:{local_port}"
    lines = (
        f"{METHOD} {target} SIP/2.0",
        f"Via: SIP/2.0/UDP {local};branch={_MAGIC}{token(branch)};rport",
        "Max-Forwards: 70",
        f"From: <sip:ringfence@{host_in_uri(local_host)}>;tag={token(tag)}",
        f"To: <{target}>",
        f"Contact: <sip:ringfence@{local}>",
        f"Call-ID: {token(call_id)}",
        f"CSeq: {cseq} {METHOD}",
        f"Event: {event}",
        "Subscription-State: active",
    )
    return to_bytes(lines, b"")


def is_check_sync(request: SipRequest) -> bool:
    """Return whether ``request`` tells a phone to look for a newer profile."""
    event = header(request, "event").partition(";")[0].strip().lower()
    return request.method == METHOD and event in _CHECK_SYNC_EVENTS


def service_control_body(action: ServiceAction, register_call_id: str) -> bytes:
    """Return the body that orders ``action``; ValueError for a Call-ID that no header can carry."""
    if _CALL_ID.fullmatch(register_call_id) is None:
        raise ValueError("the REGISTER's Call-ID can't be put into a header")
    stamps = (f"{name}={{{zeros}}}" for name, zeros in _STAMPS)
    return "\r\n".join((f"action={action}", f"RegisterCallId={{{register_call_id}}}", *stamps, "")).encode()


def is_call_id(text: str) -> bool:
    """Return whether a Call-ID can be put into an order."""
    return _CALL_ID.fullmatch(text) is not None


def is_service_action(text: str) -> TypeGuard[ServiceAction]:
    """Return whether ``text`` is something that service-control orders."""
    return text in _ACTIONS


def is_service_control(request: SipRequest) -> bool:
    """Return whether ``request`` is a NOTIFY of this event."""
    return request.method == METHOD and header(request, "event").partition(";")[0].strip().lower() == EVENT


def parse_service_control(request: SipRequest) -> ServiceControl:
    """Return what ``request`` orders.

    Raises:
        BadSipMessage: It is not a service-control NOTIFY, or its body is invalid.
    """
    if not is_service_control(request):
        raise BadSipMessage("this is not a NOTIFY for service-control")
    if header(request, "content-type").partition(";")[0].strip().lower() != "text/plain":
        raise BadSipMessage("the body of a service-control NOTIFY must be text/plain")
    if len(request.body) > _LARGEST_BODY or not request.body.isascii():
        raise BadSipMessage("the body is too long or not ASCII")
    lines = [line for line in request.body.decode("ascii").splitlines() if line.strip()]
    if len(lines) > _MOST_ASSIGNMENTS:
        raise BadSipMessage("the body has too many lines")
    values: dict[str, str] = {}
    for line in lines:
        found = _ASSIGNMENT.fullmatch(line.strip())
        if found is None:
            raise BadSipMessage("a line of the body is not 'name=value'", where=repr(line[:60]))
        values[found[1].lower()] = found[2].strip()
    action = _ACTIONS.get(values.get("action", "").lower())
    if action is None:
        raise BadSipMessage("the body does not order a known action", where=repr(values.get("action", "")[:40]))
    return ServiceControl(action, _braced(values, "registercallid"), _braced(values, "configversionstamp"))


def _braced(values: dict[str, str], name: str) -> str:
    return values.get(name, "").removeprefix("{").removesuffix("}")
