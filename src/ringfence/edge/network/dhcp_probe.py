"""Asking whether somebody else gives out addresses at the phone's port (RFC 2131): a question, and who answers it.

Pure: frames in, frames out. No address is taken; who offers one is told.
"""

import struct
from ipaddress import IPv4Address

_ETHERNET = struct.Struct("!6s6sH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_UDP = struct.Struct("!HHHH")
_BOOTP = struct.Struct("!BBBBIHH4s4s4s4s16s64s128sI")
_ETHERTYPE_IPV4, _UDP_PROTOCOL = 0x0800, 17
_CLIENT, _SERVER = 68, 67
_REQUEST, _REPLY, _BROADCAST_FLAG, _COOKIE = 1, 2, 0x8000, 0x63825363
_DISCOVER, _OFFER = 1, 2
_PAD, _MESSAGE_TYPE, _SERVER_ID, _END = 0, 53, 54, 255
_VERSION_4 = 4
_NOBODY = bytes(4)


def discover(mac: bytes, transaction: int) -> bytes:
    """Return a DHCPDISCOVER as an Ethernet frame, to be answered by broadcast."""
    bootp = _BOOTP.pack(
        _REQUEST, 1, 6, 0, transaction, 0, _BROADCAST_FLAG, _NOBODY, _NOBODY, _NOBODY, _NOBODY,
        mac.ljust(16, b"\0"), b"", b"", _COOKIE,
    )  # fmt: skip
    body = (bootp + bytes((_MESSAGE_TYPE, 1, _DISCOVER, _END))).ljust(300, b"\0")
    udp = _UDP.pack(_CLIENT, _SERVER, _UDP.size + len(body), 0) + body
    head = _IPV4.pack(0x45, 0, _IPV4.size + len(udp), 0, 0, 64, _UDP_PROTOCOL, 0, _NOBODY, b"\xff" * 4)
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    return _ETHERNET.pack(b"\xff" * 6, mac, _ETHERTYPE_IPV4) + head + udp


def offered_by(frame: bytes, transaction: int) -> IPv4Address | None:
    """Return which server offers an address in answer to that question; None if a frame is no such offer."""
    if len(frame) < _ETHERNET.size + _IPV4.size or _ETHERNET.unpack_from(frame)[2] != _ETHERTYPE_IPV4:
        return None
    head_bytes = (frame[_ETHERNET.size] & 0x0F) * 4
    is_first_part = not struct.unpack_from("!H", frame, _ETHERNET.size + 6)[0] & 0x1FFF
    if frame[_ETHERNET.size] >> 4 != _VERSION_4 or frame[_ETHERNET.size + 9] != _UDP_PROTOCOL or not is_first_part:
        return None
    at = _ETHERNET.size + head_bytes
    if head_bytes < _IPV4.size or len(frame) < at + _UDP.size + _BOOTP.size:
        return None
    from_port, to_port = struct.unpack_from("!HH", frame, at)
    told = _BOOTP.unpack_from(frame, at + _UDP.size)
    if (from_port, to_port, told[0], told[4], told[-1]) != (_SERVER, _CLIENT, _REPLY, transaction, _COOKIE):
        return None
    options = _options(frame[at + _UDP.size + _BOOTP.size :])
    if options.get(_MESSAGE_TYPE) != bytes((_OFFER,)):
        return None
    server = options.get(_SERVER_ID, b"")
    return IPv4Address(server if len(server) == len(_NOBODY) else frame[_ETHERNET.size + 12 : _ETHERNET.size + 16])


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != _END:
        if data[at] == _PAD:
            at += 1
            continue
        if at + 1 >= len(data):
            break
        found.setdefault(data[at], data[at + 2 : at + 2 + data[at + 1]])
        at += 2 + data[at + 1]
    return found


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
