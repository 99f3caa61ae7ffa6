"""A phone's REGISTER as bytes, with what it says about the phone (PHONES.md section 10)."""

import re
from dataclasses import dataclass

from ringfence.phones.errors import BadSipMessage
from ringfence.phones.family import Model
from ringfence.phones.mac import Mac
from ringfence.phones.sip.messages import (
    SipMessage,
    header,
    header_values,
    host_in_uri,
    to_bytes,
    token,
)

_MAGIC = "z9hG4bK"
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
    sends_rport: bool = False


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
        f"Via: SIP/2.0/{line.transport.upper()} {here};branch={_MAGIC}{token(branch)}"
        + (";rport" if line.sends_rport else ""),
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


def granted_s(response: SipMessage) -> int:
    """Return for how long a registration holds, in seconds, as the registrar's answer says."""
    for value in (*header_values(response, "contact"), header(response, "expires")):
        found = _EXPIRES.search(value)
        if found is not None:
            return int(found[1])
        if value.isdecimal():
            return int(value)
    raise BadSipMessage("the registrar does not say how long the registration is valid")
