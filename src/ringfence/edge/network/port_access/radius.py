"""As much of RADIUS as hostapd speaks with us on the loopback (RFC 2865, RFC 3579): EAP in, EAP out.

Every packet bears a Message-Authenticator; one without it, or with a wrong one, is nobody's.
"""

import hashlib
import hmac
from dataclasses import dataclass
from enum import IntEnum

LARGEST_BYTES = 4096
_HEADER_BYTES = 20
_AUTHENTICATOR_BYTES = 16
_MOST_IN_ATTRIBUTE = 253
_ATTRIBUTE_HEAD = 2


class RadiusKind(IntEnum):
    """What a packet is."""

    REQUEST = 1
    ACCEPT = 2
    REJECT = 3
    CHALLENGE = 11


class _Attribute(IntEnum):
    STATE = 24
    CALLING_STATION = 31
    EAP_MESSAGE = 79
    MESSAGE_AUTHENTICATOR = 80


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """``mac`` is the bare MAC address of who is at the port, ``state`` what our last answer bore, ``eap`` a packet."""

    identifier: int
    authenticator: bytes
    mac: str
    state: bytes
    eap: bytes


def read_request(data: bytes, secret: bytes) -> AccessRequest | None:
    """Return a request; None for what is none, or not from who has the secret."""
    if not _HEADER_BYTES <= len(data) <= LARGEST_BYTES or data[0] != RadiusKind.REQUEST:
        return None
    if int.from_bytes(data[2:4]) != len(data):
        return None
    found: dict[int, list[bytes]] = {}
    unsigned, at = bytearray(data), _HEADER_BYTES
    while at < len(data):
        size = data[at + 1] if at + 1 < len(data) else 0
        if size < _ATTRIBUTE_HEAD or at + size > len(data):
            return None
        if data[at] == _Attribute.MESSAGE_AUTHENTICATOR and size == _AUTHENTICATOR_BYTES + _ATTRIBUTE_HEAD:
            unsigned[at + 2 : at + size] = bytes(_AUTHENTICATOR_BYTES)
        found.setdefault(data[at], []).append(data[at + 2 : at + size])
        at += size
    signed = found.get(_Attribute.MESSAGE_AUTHENTICATOR, [])
    if len(signed) != 1 or not hmac.compare_digest(signed[0], _signature(secret, bytes(unsigned))):
        return None
    station = b"".join(found.get(_Attribute.CALLING_STATION, [])).decode("ascii", "replace")
    mac = "".join(char for char in station.upper() if char not in "-:.")
    return AccessRequest(
        data[1],
        data[4:_HEADER_BYTES],
        mac,
        b"".join(found.get(_Attribute.STATE, [])),
        b"".join(found.get(_Attribute.EAP_MESSAGE, [])),
    )


def answer(kind: RadiusKind, request: AccessRequest, secret: bytes, eap: bytes, state: bytes = b"") -> bytes:
    """Return the answer to a request, which bears an EAP packet."""
    parts = [eap[at : at + _MOST_IN_ATTRIBUTE] for at in range(0, len(eap), _MOST_IN_ATTRIBUTE)]
    attributes = b"".join(_attribute(_Attribute.EAP_MESSAGE, part) for part in parts)
    if state:
        attributes += _attribute(_Attribute.STATE, state)
    size = _HEADER_BYTES + len(attributes) + _AUTHENTICATOR_BYTES + 2
    head = bytes([kind, request.identifier]) + size.to_bytes(2)
    empty = _attribute(_Attribute.MESSAGE_AUTHENTICATOR, bytes(_AUTHENTICATOR_BYTES))
    signature = _signature(secret, head + request.authenticator + attributes + empty)
    attributes += _attribute(_Attribute.MESSAGE_AUTHENTICATOR, signature)
    digest = hashlib.md5(head + request.authenticator + attributes + secret, usedforsecurity=False)  # as RFC 2865 says
    return head + digest.digest() + attributes


def _attribute(kind: _Attribute, value: bytes) -> bytes:
    return bytes([kind, len(value) + 2]) + value


def _signature(secret: bytes, data: bytes) -> bytes:
    return hmac.new(secret, data, "md5").digest()
