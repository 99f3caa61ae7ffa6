"""What a machine says about itself when it asks for an address: DHCP requests as they pass on the network.

Phones name themselves in the vendor class (option 60; PHONES.md section 3), and each system asks for options in its own
order (option 55), known as its fingerprint. Both are easy to imitate: they raise or lower a score, and prove nothing.

Ethernet, IPv4, UDP, BOOTP and its options: RFC 894, 791, 768, 951, 2131 and 2132.
"""

from dataclasses import dataclass

SERVER_PORT = 67
LONGEST_TEXT = 128
MOST_OPTIONS = 64

_IPV4, _UDP = b"\x08\x00", 17
_ETHERNET_BYTES, _SHORTEST_IP_BYTES, _UDP_BYTES = 14, 20, 8
_BOOTP_BYTES, _COOKIE = 236, b"\x63\x82\x53\x63"
_REQUEST, _OVER_ETHERNET, _MAC_BYTES = 1, 1, 6
_PAD, _END = 0, 255
_HOST_NAME, _KIND, _PARAMETERS, _VENDOR_CLASS = 12, 53, 55, 60
_PHONES = ("ip phone", "cisco spa", "cisco ata", "linksys", "wireless phone", "3pcc")
_ASKS = frozenset({1, 3, 8})  # DISCOVER, REQUEST, INFORM


@dataclass(frozen=True, slots=True)
class DhcpRequest:
    """Who asked for an address: bare MAC address, vendor class, and the numbers of the options asked for, in order."""

    mac: str
    vendor_class: str
    options: tuple[int, ...]
    hostname: str = ""


def names_a_phone(vendor_class: str) -> bool:
    """Return whether a DHCP client calls itself a phone of a maker that we know (PHONES.md section 3)."""
    lowered = vendor_class.casefold()
    return any(word in lowered for word in _PHONES)


def read_dhcp(frame: bytes) -> DhcpRequest | None:
    """Return what an Ethernet frame asks a DHCP server for; None for any other frame, and for a broken one.

    The hardware address inside must be that of the frame: a relay's or a forger's address proves nothing here.
    """
    at = _body_of(frame)
    if at is None or len(frame) < at + _BOOTP_BYTES + len(_COOKIE):
        return None
    mac = frame[at + 28 : at + 28 + _MAC_BYTES]
    if frame[at] != _REQUEST or frame[at + 1] != _OVER_ETHERNET or frame[at + 2] != _MAC_BYTES or mac != frame[6:12]:
        return None
    if frame[at + _BOOTP_BYTES : at + _BOOTP_BYTES + len(_COOKIE)] != _COOKIE:
        return None
    found = _options(frame[at + _BOOTP_BYTES + len(_COOKIE) :])
    kind = found.get(_KIND, b"")
    if len(kind) != 1 or kind[0] not in _ASKS:
        return None
    return DhcpRequest(
        mac.hex().upper(),
        _text(found.get(_VENDOR_CLASS, b"")),
        tuple(found.get(_PARAMETERS, b"")[:MOST_OPTIONS]),
        _text(found.get(_HOST_NAME, b"")),
    )


def _body_of(frame: bytes) -> int | None:
    """Return where the UDP payload of a frame to a DHCP server begins."""
    if len(frame) < _ETHERNET_BYTES + _SHORTEST_IP_BYTES + _UDP_BYTES or frame[12:14] != _IPV4:
        return None
    header_bytes = (frame[_ETHERNET_BYTES] & 0xF) * 4
    if header_bytes < _SHORTEST_IP_BYTES or frame[_ETHERNET_BYTES + 9] != _UDP:
        return None
    udp = _ETHERNET_BYTES + header_bytes
    if len(frame) < udp + _UDP_BYTES or int.from_bytes(frame[udp + 2 : udp + 4], "big") != SERVER_PORT:
        return None
    return udp + _UDP_BYTES


def _options(data: bytes) -> dict[int, bytes]:
    """Return the options by number, up to the end or to where they make no sense; of one given twice the first."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != _END:
        if data[at] == _PAD:
            at += 1
            continue
        if at + 2 > len(data) or at + 2 + data[at + 1] > len(data):
            break
        found.setdefault(data[at], data[at + 2 : at + 2 + data[at + 1]])
        at += 2 + data[at + 1]
    return found


def _text(value: bytes) -> str:
    """Return a text as it can be shown; many models end theirs with a NUL (PHONES.md section 3)."""
    text = value.rstrip(b"\0").decode("ascii", "replace")[:LONGEST_TEXT]
    return "".join(char if char.isprintable() else "?" for char in text)
