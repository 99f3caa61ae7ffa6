"""What devices announce about themselves: reads CDP (versions 1 and 2) and LLDP (IEEE 802.1AB, LLDP-MED) frames.

Invariants:

- ``read_frame`` is total: an Announcement, None for a frame of another protocol, or BadAnnouncement; nothing else.
- A broken frame is refused completely: a wrong checksum, or a length that extends beyond the frame's end.
- The result is bounded: its texts are printable and short, its addresses few, whatever the frame contains.

Any machine that can send a frame can send these, so an announcement alone proves no more than a file name does.

CDP has no published standard; what is read here is what switches and phones send, and tshark agrees with it
(``tests/guard/test_announcements.py``). Cisco's phones send ``SEP<MAC>`` as CDP's device and as LLDP's system name.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from ringfence.guard.errors import BadAnnouncement
from ringfence.phones.mac import Mac

LONGEST_FRAME = 1522
"""Octets of an Ethernet frame with one VLAN tag and without its check sequence."""
LONGEST_TEXT = 255
MOST_ADDRESSES = 16

_HEADER_BYTES = 14
_TAGS = frozenset({0x8100, 0x88A8})
_TAG_BYTES = 4
_LONGEST_LENGTH = 1500  # above it the field is an EtherType (IEEE 802.3 section 3.2.6)
_LLDP_TYPE = 0x88CC
_GROUP_BIT = 0x01

_CDP_TO = bytes.fromhex("01000ccccccc")
_CDP_SNAP = bytes.fromhex("aaaa0300000c2000")
_CDP_VERSIONS = frozenset({1, 2})
_CDP_HEADER_BYTES = _CDP_FIELD_BYTES = 4
_DEVICE, _ADDRESSES, _PORT, _SOFTWARE, _PLATFORM, _NATIVE_VLAN, _VOICE_VLAN = 1, 2, 3, 5, 6, 0x0A, 0x0E
_PROTOCOLS = {(1, b"\xcc"): 4, (2, bytes.fromhex("aaaa0300000086dd")): 16}  # an address's bytes by its protocol

_END, _CHASSIS, _PORT_ID, _TTL, _PORT_NAME, _SYSTEM_NAME, _SYSTEM, _MANAGEMENT, _OWN = 0, 1, 2, 3, 4, 5, 6, 8, 127
_MANDATORY = (_CHASSIS, _PORT_ID, _TTL)  # in this order, IEEE 802.1AB section 9.2
_CHASSIS_MAC, _CHASSIS_ADDRESS, _PORT_MAC, _PORT_ADDRESS = 4, 5, 3, 4
_FAMILIES = {1: 4, 2: 16}  # IANA address family → bytes
_MED, _DOT1 = bytes.fromhex("0012bb"), bytes.fromhex("0080c2")
_MED_POLICY, _MED_FIRMWARE, _MED_SOFTWARE, _MED_SERIAL, _MED_MODEL = 2, 6, 7, 8, 10
_DOT1_PORT_VLAN = 1
_POLICY_VOICE, _POLICY_UNKNOWN, _POLICY_TAGGED = 1, 0x800000, 0x400000
_LAST_VLAN = 4094


@dataclass(frozen=True, slots=True)
class Announcement:
    """What one frame says, and who sent it; a text is empty and ``vlan`` is None if the frame does not say.

    ``device`` is a name (``SEP001122334455``), ``platform`` a model, ``version`` the software, ``ttl_s`` how long
    all of it is valid; a device that leaves sends an LLDP frame with a ``ttl_s`` of 0.
    """

    protocol: Literal["cdp", "lldp"]
    mac: Mac
    device: str
    platform: str
    port: str
    addresses: tuple[str, ...]
    ttl_s: int
    version: str
    vlan: int | None
    serial: str = ""


def read_frame(frame: bytes) -> Announcement | None:
    """Return what an Ethernet frame announces, None if it is of another protocol; BadAnnouncement."""
    at = _HEADER_BYTES
    kind = int.from_bytes(frame[at - 2 : at], "big")
    while kind in _TAGS and at < _HEADER_BYTES + 2 * _TAG_BYTES:
        at += _TAG_BYTES
        kind = int.from_bytes(frame[at - 2 : at], "big")
    body = frame[at:]
    if kind == _LLDP_TYPE:
        return _read_lldp(_sender(frame), body)
    if kind <= _LONGEST_LENGTH and frame[:6] == _CDP_TO and body.startswith(_CDP_SNAP):
        if not len(_CDP_SNAP) <= kind <= len(body):
            raise _bad("CDP", "it is cut short")
        return _read_cdp(_sender(frame), body[len(_CDP_SNAP) : kind])
    return None


def _sender(frame: bytes) -> Mac:
    if len(frame) > LONGEST_FRAME:
        raise _bad("announcing", "it is too long")
    source = frame[6:12]
    if source[0] & _GROUP_BIT or not any(source):
        raise _bad("announcing", "no device can have the MAC address that sent it")
    return Mac(source.hex().upper())


def _bad(protocol: str, what: str) -> BadAnnouncement:
    return BadAnnouncement(f"a malformed {protocol} frame: {what}")


def _read_cdp(mac: Mac, data: bytes) -> Announcement:
    if len(data) < _CDP_HEADER_BYTES or data[0] not in _CDP_VERSIONS:
        raise _bad("CDP", "its version is neither 1 nor 2")
    if not _is_cdp_sum_right(data):
        raise _bad("CDP", "its checksum is wrong")
    fields: dict[int, bytes] = {}
    for kind, value in _cdp_fields(data[_CDP_HEADER_BYTES:]):
        fields.setdefault(kind, value)
    if not (device := _text(fields.get(_DEVICE, b""))):
        raise _bad("CDP", "it names no device")
    voice, native = fields.get(_VOICE_VLAN, b""), fields.get(_NATIVE_VLAN, b"")
    return Announcement(
        "cdp",
        mac,
        device,
        _text(fields.get(_PLATFORM, b"")),
        _text(fields.get(_PORT, b"")),
        _few(_cdp_addresses(fields[_ADDRESSES])) if _ADDRESSES in fields else (),
        data[1],
        _text(fields.get(_SOFTWARE, b"")),
        _vlan(voice[1:3]) or _vlan(native[:2]),  # before the voice VLAN goes a byte of another meaning
    )


def _is_cdp_sum_right(data: bytes) -> bool:
    """Return whether the checksum over all of it is right.

    It is the Internet's (RFC 1071), except for an odd last octet: Cisco's devices add that as a signed number in the
    lower half of its word, and one less where it is negative. Others put a zero behind it, as the RFC says; both count.
    """
    whole = len(data) & ~1
    total: int = sum(struct.unpack(f"!{whole // 2}H", data[:whole]))
    if whole == len(data):
        return total % 0xFFFF == 0
    last = data[-1]
    as_cisco = last if last < 0x80 else 0xFF00 | last - 1  # noqa: PLR2004 - the sign bit
    return 0 in {(total + as_cisco) % 0xFFFF, (total + (last << 8)) % 0xFFFF}


def _cdp_fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at + 2 : at + _CDP_FIELD_BYTES], "big")
        if length < _CDP_FIELD_BYTES or at + length > len(data):
            raise _bad("CDP", "a field extends beyond its end")
        yield int.from_bytes(data[at : at + 2], "big"), data[at + _CDP_FIELD_BYTES : at + length]
        at += length


def _cdp_addresses(data: bytes) -> Iterator[str]:
    """Go through a count (4 bytes), then for each: protocol type, length (1), protocol, length (2), address."""
    at = 4
    for _ in range(int.from_bytes(data[:4], "big")):
        head = data[at : at + 2]
        at += 2
        protocol = data[at : at + (head[1] if len(head) > 1 else 0)]
        at += len(protocol)
        size = int.from_bytes(data[at : at + 2], "big")
        at += 2
        if at + size > len(data):
            raise _bad("CDP", "an address extends beyond its end")
        if size == _PROTOCOLS.get((head[0], protocol)):
            yield str(ip_address(data[at : at + size]))
        at += size


def _read_lldp(mac: Mac, data: bytes) -> Announcement:
    fields = list(_lldp_fields(data))
    if tuple(kind for kind, _ in fields[:3]) != _MANDATORY:
        raise _bad("LLDP", "its first fields are not chassis, port and time to live")
    (_, chassis), (_, port), (_, ttl) = fields[:3]
    if len(chassis) < 2 or len(port) < 2 or len(ttl) < 2:  # noqa: PLR2004 - a kind and something; a number of two octets
        raise _bad("LLDP", "a field is too short")
    texts: dict[int, str] = {}
    told: dict[tuple[bytes, int], bytes] = {}
    addresses = [_network_address(chassis[1:])] if chassis[0] == _CHASSIS_ADDRESS else []
    for kind, value in fields[3:]:
        if kind == _MANAGEMENT:
            if not value or not 1 < value[0] < len(value):
                raise _bad("LLDP", "an address extends beyond its end")
            addresses.append(_network_address(value[1 : 1 + value[0]]))
        elif kind == _OWN and len(value) >= 4:  # noqa: PLR2004 - whose (3 octets) and which
            if value[:4] != _MED + bytes((_MED_POLICY,)) or value[4:5] == bytes((_POLICY_VOICE,)):
                told.setdefault((value[:3], value[3]), value[4:])
        else:
            texts.setdefault(kind, _text(value))
    med = {kind: _text(value) for (whose, kind), value in told.items() if whose == _MED}
    return Announcement(
        "lldp",
        mac,
        texts.get(_SYSTEM_NAME, "") or _named(chassis, _CHASSIS_MAC, _CHASSIS_ADDRESS),
        med.get(_MED_MODEL, "") or texts.get(_SYSTEM, ""),
        _named(port, _PORT_MAC, _PORT_ADDRESS),
        _few(address for address in addresses if address),
        int.from_bytes(ttl[:2], "big"),
        med.get(_MED_SOFTWARE, "") or med.get(_MED_FIRMWARE, ""),
        _policy_vlan(told.get((_MED, _MED_POLICY), b"")) or _vlan(told.get((_DOT1, _DOT1_PORT_VLAN), b"")[:2]),
        med.get(_MED_SERIAL, ""),
    )


def _lldp_fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        head = int.from_bytes(data[at : at + 2], "big")
        kind, length = head >> 9, head & 0x1FF
        at += 2
        if at + length > len(data):
            raise _bad("LLDP", "a field extends beyond its end")
        if kind == _END:
            return  # behind it Ethernet's padding may follow
        yield kind, data[at : at + length]
        at += length


def _network_address(value: bytes) -> str:
    """Return an IP address that its family's number goes before; nothing for another family's."""
    return str(ip_address(value[1:])) if _FAMILIES.get(value[0]) == len(value) - 1 else ""


def _named(value: bytes, of_mac: int, of_address: int) -> str:
    """Return a chassis's or a port's name, whose first octet says of what kind it is."""
    if value[0] == of_mac and len(value) == 7:  # noqa: PLR2004 - the kind and six octets
        return str(Mac(value[1:].hex().upper()))
    if value[0] == of_address:
        return _network_address(value[1:])
    return _text(value[1:])


def _policy_vlan(value: bytes) -> int | None:
    """Return the VLAN of a voice policy: application (1 octet), flags (3 bits), VLAN (12), priority (3), DSCP (6)."""
    policy = int.from_bytes(value[1:4], "big") if len(value) >= 4 else _POLICY_UNKNOWN  # noqa: PLR2004 - as it says
    if policy & _POLICY_UNKNOWN or not policy & _POLICY_TAGGED:
        return None
    return _vlan((policy >> 9 & 0xFFF).to_bytes(2, "big"))


def _vlan(value: bytes) -> int | None:
    number = int.from_bytes(value, "big")
    return number if len(value) == 2 and 1 <= number <= _LAST_VLAN else None  # noqa: PLR2004 - two octets


def _few(addresses: Iterator[str]) -> tuple[str, ...]:
    """Return the first addresses, each once, without those that say that there is none yet."""
    known: dict[str, None] = {}
    for address in addresses:
        if address not in {"0.0.0.0", "::"} and len(known) < MOST_ADDRESSES:  # noqa: S104 - no address yet, RFC 1122
            known[address] = None
    return tuple(known)


def _text(value: bytes) -> str:
    decoded = value[:LONGEST_TEXT].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in decoded).strip()
