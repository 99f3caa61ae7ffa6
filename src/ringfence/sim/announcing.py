"""How a virtual phone announces itself on the network: CDP and LLDP frames as Cisco's phones send them.

It shares no code with the reader (``guard/announcements.py``), so that each checks the other.
"""

import struct
from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address

from ringfence.phones.mac import Mac

_CDP_TO, _LLDP_TO = bytes.fromhex("01000ccccccc"), bytes.fromhex("0180c200000e")
_CDP_SNAP = bytes.fromhex("aaaa0300000c2000")
_PHONE = 0x490  # a phone with a switch's two ports, as CDP writes it
_SHORTEST = 60


def cdp_frame(
    mac: Mac,
    *,
    device: str | None = None,
    platform: str = "Cisco IP Phone 9971",
    port: str = "Port 1",
    addresses: Sequence[str] = (),
    ttl_s: int = 180,
    version: str = "sip9971.9-4-2SR4-1",
    vlan: int | None = None,
    cdp_version: int = 2,
) -> bytes:
    """Return a CDP frame; ``device`` is by default the phone's name, ``vlan`` the native one."""
    fields = [
        (0x01, _device(mac, device)),
        (0x02, struct.pack("!I", len(addresses)) + b"".join(_cdp_address(one) for one in addresses)),
        (0x03, port.encode()),
        (0x04, struct.pack("!I", _PHONE)),
        (0x05, version.encode()),
        (0x06, platform.encode()),
    ]
    if vlan is not None:
        fields.append((0x0A, struct.pack("!H", vlan)))
    fields.append((0x0B, b"\x01"))  # full duplex
    body = b"".join(struct.pack("!HH", kind, 4 + len(value)) + value for kind, value in fields)
    head = struct.pack("!BB", cdp_version, ttl_s)
    checksum = struct.pack("!H", cdp_checksum(head + b"\0\0" + body))
    payload = _CDP_SNAP + head + checksum + body
    return _padded(_CDP_TO + bytes.fromhex(mac.bare) + struct.pack("!H", len(payload)) + payload)


def cdp_checksum(data: bytes) -> int:
    """Return the checksum as Cisco's devices make it: of an odd length, the last octet counts as a signed number."""
    words = list(struct.unpack(f"!{len(data) // 2}H", data[: len(data) & ~1]))
    if len(data) % 2:
        last = data[-1]
        words.append(last if last < 0x80 else 0xFF00 + last - 1)  # noqa: PLR2004 - the sign bit
    total: int = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def lldp_frame(
    mac: Mac,
    *,
    device: str | None = None,
    platform: str = "CP-9971",
    port: str = "",
    addresses: Sequence[str] = (),
    ttl_s: int = 180,
    version: str = "sip9971.9-4-2SR4-1",
    vlan: int | None = None,
    serial: str = "",
) -> bytes:
    """Return an LLDP frame with LLDP-MED's inventory; ``vlan`` is the tagged one of the voice policy.

    The chassis is the first IPv4 address, as with Cisco's phones, and the port the MAC address where it is not given.
    """
    first = next((one for one in addresses if ":" not in one), "0.0.0.0")  # noqa: S104 - what a phone without one says
    own = bytes.fromhex(mac.bare)
    fields = [
        (1, b"\x05\x01" + IPv4Address(first).packed),
        (2, b"\x07" + port.encode() if port else b"\x03" + own),
        (3, struct.pack("!H", ttl_s)),
        (5, _device(mac, device)),
        (6, f"Cisco IP Phone {platform}, {version}".encode()),
        (7, struct.pack("!HH", 0x24, 0x24)),  # a bridge and a telephone
    ]
    for address in addresses:
        packed = ip_address(address).packed
        family = 1 if len(packed) == 4 else 2  # noqa: PLR2004 - IPv4's octets
        fields.append((8, struct.pack("!BB", 1 + len(packed), family) + packed + b"\x02" + struct.pack("!IB", 1, 0)))
    fields.append((127, _med(1, struct.pack("!HB", 0x33, 3))))  # capabilities; class III, a communication device
    if vlan is not None:
        policy = 1 << 22 | vlan << 9 | 5 << 6 | 46  # tagged; priority and DSCP of voice
        fields.append((127, _med(2, b"\x01" + policy.to_bytes(3, "big"))))
    for kind, text in ((7, version), (8, serial), (9, "Cisco Systems, Inc."), (10, platform)):
        if text:
            fields.append((127, _med(kind, text.encode()[:32])))
    fields.append((0, b""))
    body = b"".join(struct.pack("!H", kind << 9 | len(value)) + value for kind, value in fields)
    return _padded(_LLDP_TO + own + b"\x88\xcc" + body)


def _med(kind: int, value: bytes) -> bytes:
    return b"\x00\x12\xbb" + bytes((kind,)) + value


def _device(mac: Mac, device: str | None) -> bytes:
    return (f"SEP{mac.bare}" if device is None else device).encode()


def _cdp_address(address: str) -> bytes:
    packed = ip_address(address).packed
    protocol = b"\x01\x01\xcc" if len(packed) == 4 else b"\x02\x08\xaa\xaa\x03\0\0\0\x86\xdd"  # noqa: PLR2004 - IPv4's
    return protocol + struct.pack("!H", len(packed)) + packed


def _padded(frame: bytes) -> bytes:
    return frame.ljust(_SHORTEST, b"\0")
