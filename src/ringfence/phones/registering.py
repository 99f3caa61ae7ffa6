"""A phone's REGISTER as bytes, and what one tells of the phone (PHONES.md section 10)."""

import re
from dataclasses import dataclass

from ringfence.phones.errors import BadMac, BadSipMessage
from ringfence.phones.family import Model
from ringfence.phones.mac import Mac
from ringfence.phones.sip import SipMessage, header, header_values, host_in_uri, to_bytes, token

_MAGIC = "z9hG4bK"
_DEVICE = re.compile(r'\+u\.sip!devicename\.ccm\.cisco\.com="SEP([0-9A-Fa-f]{12})"')
_INSTANCE = re.compile(r'\+sip\.instance="<urn:uuid:[0-9A-Fa-f-]{24}([0-9A-Fa-f]{12})>"')
_MODEL_NUMBER = re.compile(r'\+u\.sip!model\.ccm\.cisco\.com="(\d{1,6})"')
_LOAD = re.compile(r"(?:Active)?Load=([\w.-]{1,64})")
_LAST = re.compile(r"Last=([\w-]{1,40})")
_EXPIRES = re.compile(r"expires=(\d{1,8})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Registering:
    """One line that registers: where, as whom, from where."""

    server: str
    """The host in the Request-URI: the registrar's domain."""
    user: str
    display_name: str
    transport: str
    local_host: str
    local_port: int
    mac: Mac
    model: Model
    expires_s: int
    load: str = ""
    last: str = "initialized"


def register_request(
    line: Registering, *, call_id: str, cseq: int, branch: str, tag: str, authorization: str = ""
) -> bytes:
    """Return the REGISTER; ``call_id``, ``branch`` and ``tag`` are random texts of letters and digits."""
    host = host_in_uri(line.local_host)
    here = f"{host}:{line.local_port}"
    registrar = f"sip:{host_in_uri(line.server)}"
    number = line.model.call_manager_number
    contact = (
        f"<sip:{line.user}@{here};transport={line.transport}>"
        f';+sip.instance="<urn:uuid:00000000-0000-0000-0000-{line.mac.bare.lower()}>"'
        f';+u.sip!devicename.ccm.cisco.com="SEP{line.mac.bare}"'
        + (f';+u.sip!model.ccm.cisco.com="{number}"' if number else "")
    )
    name = line.display_name.replace("\\", "").replace('"', "'")
    alarm = f"cisco-alarm:23 Name=SEP{line.mac.bare} ActiveLoad={line.load or 'unknown'} InactiveLoad= Last={line.last}"
    lines = [
        f"REGISTER {registrar} SIP/2.0",
        f"Via: SIP/2.0/{line.transport.upper()} {here};branch={_MAGIC}{token(branch)};rport",
        "Max-Forwards: 70",
        f'From: "{name}" <sip:{line.user}@{host_in_uri(line.server)}>;tag={line.mac.bare.lower()}{token(tag)}',
        f"To: <sip:{line.user}@{host_in_uri(line.server)}>",
        f"Call-ID: {token(call_id)}",
        f"CSeq: {cseq} REGISTER",
        f"User-Agent: Cisco-CP{line.model.name}/9.4.2",
        f"Contact: {contact}",
        f"Expires: {line.expires_s}",
        "Supported: replaces,join,X-cisco-callinfo,X-cisco-service-control,X-cisco-escapecodes",
        f'Reason: SIP;cause=200;text="{alarm}"',
    ]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    return to_bytes(lines, b"")


@dataclass(frozen=True, slots=True)
class Device:
    """What a REGISTER or a kept contact tells of a phone; empty where it does not say."""

    mac: Mac | None
    model_number: int | None
    active_load: str
    last_restart: str


def device_of(contact: str, reason: str = "") -> Device:
    """Return what a Contact with its parameters, and a Reason header, tell of a phone."""
    found = _DEVICE.search(contact) or _INSTANCE.search(contact)
    mac = None
    if found is not None:
        try:
            mac = Mac.parse(found[1])
        except BadMac:
            mac = None
    number = _MODEL_NUMBER.search(contact)
    load, last = _LOAD.search(reason), _LAST.search(reason)
    return Device(
        mac,
        int(number[1]) if number else None,
        load[1].removesuffix(".loads") if load else "",
        last[1] if last else "",
    )


def granted_s(response: SipMessage) -> int:
    """Return for how long a registration holds, in seconds, as the registrar's answer says."""
    for value in (*header_values(response, "contact"), header(response, "expires")):
        found = _EXPIRES.search(value)
        if found is not None:
            return int(found[1])
        if value.isdecimal():
            return int(value)
    raise BadSipMessage("the registrar does not say how long the registration holds")
