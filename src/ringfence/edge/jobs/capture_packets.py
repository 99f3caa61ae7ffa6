"""Which frames belong in a capture, and what of them is left when secrets must not be seen.

What is left is chosen by what is known to hold no secret, not by what is known to hold one:

- DHCP stays as it is, but for user names and passwords in URLs and for authentication (option 90).
- TFTP: requests, acknowledgements, and errors stay; the bytes of files are X, so that only their length is seen.
- SIP: the first line and the headers in KEPT_HEADERS stay, without passwords in URIs; other headers have X for a value.
  Of SDP the lines stay that say where and how media goes, of which no key; any other body is X.
- What can't be read as one of these is X. A segment of TCP that does not begin a message is, too.

Lengths stay, so that a reader finds everything in its place; checksums become 0, as they would say something about what
was taken out. A frame ends with its packet: what an interface adds behind is dropped.
"""

import re
import struct
from collections.abc import Collection
from dataclasses import dataclass

from cachetools import FIFOCache

from ringfence.tftp import packets
from ringfence.tftp.errors import MalformedPacket, MalformedRequest
from ringfence.tftp.packets import ReadRequest, WriteRequest

MOST_TRANSFERS = 1024
"""Requests that are remembered, the newest: what follows between their two machines belongs to a transfer."""
KEPT_HEADERS = frozenset({
    "accept", "accept-encoding", "accept-language", "alert-info", "allow", "allow-events", "call-id", "contact",
    "content-disposition", "content-encoding", "content-language", "content-length", "content-type", "cseq", "date",
    "event", "expires", "from", "in-reply-to", "max-forwards", "mime-version", "min-expires", "min-se",
    "organization", "priority", "privacy", "rack", "reason", "record-route", "refer-to", "referred-by", "replaces",
    "reply-to", "require", "retry-after", "route", "rseq", "server", "session-expires", "sip-etag", "subject",
    "subscription-state", "supported", "timestamp", "to", "unsupported", "user-agent", "via", "warning", "c", "e",
    "f", "i", "k", "l", "m", "o", "r", "s", "t", "u", "v", "x", "b", "d", "j",
})  # fmt: skip
"""SIP's headers that hold no secret, with their short forms (RFC 3261, section 20, and those of its extensions)."""
_KEPT_ATTRIBUTES = frozenset({
    "fmtp", "inactive", "label", "maxptime", "mid", "ptime", "range", "rtcp", "rtcp-fb", "rtcp-mux", "rtpmap",
    "recvonly", "sendonly", "sendrecv", "setup", "silenceSupp",
})  # fmt: skip
_KEPT_LINES = frozenset("vostcmb")
"""Lines of SDP that hold no secret; k= does, and what is in s=, i=, u=, e= and p= is people's."""
_STARTS = re.compile(rb"(?:[A-Z]{2,20} [^\r\n]{1,2000} SIP/2\.0|SIP/2\.0 [0-9]{3} [^\r\n]{0,200})\r?\n")
_PASSWORD_OF_URI = re.compile(rb"(?i)(?<=sip:)([^@>\s,]*)(?=@)|(?<=sips:)([^@>\s,]*)(?=@)")
_HEADERS_OF_URI = re.compile(rb"(?<=\?)[^>\s]+")
"""What a URI would have the next request say (RFC 3261, section 19.1.1), credentials too."""
_CREDENTIALS_OF_URL = re.compile(rb"(?<=://)[^/\s@\0]*(?=@)")
_END_OF_LINE = re.compile(rb"\r\n|\n|\r")
_X = b"X"

_IPV4, _IPV6, _TCP, _UDP = b"\x08\x00", b"\x86\xdd", 6, 17
_KIND, _BODY_AT, _IPV4_BYTES, _IPV6_BYTES, _UDP_BYTES, _TCP_BYTES = slice(12, 14), 14, 20, 40, 8, 20
_DHCP = frozenset({67, 68})
_BOOTP_BYTES = 240
_AUTHENTICATION, _PAD, _END = 90, 0, 255


@dataclass(frozen=True, slots=True)
class _Packet:
    """What a frame carries: between whom, and where in the frame the payload begins and ends."""

    protocol: int
    source: tuple[bytes, int]
    target: tuple[bytes, int]
    checksum_at: int
    begins: int
    ends: int


class CapturePackets:
    """Takes frames and returns what of each belongs into a capture; used by one thread at a time."""

    def __init__(self, tftp_ports: Collection[int], sip_ports: Collection[int], *, with_secrets: bool = False) -> None:
        self._tftp_ports = frozenset(tftp_ports)
        self._sip_ports = frozenset(sip_ports)
        self._with_secrets = with_secrets
        self._asked: FIFOCache[tuple[bytes, int, bytes], bool] = FIFOCache(MOST_TRANSFERS)

    def take(self, frame: bytes) -> bytes | None:
        """Return a frame as it is to be kept; None for one that does not belong there."""
        packet = _read(frame)
        if packet is None:
            return None
        payload = frame[packet.begins : packet.ends]
        masked = self._masked(packet, payload)
        if masked is None:
            return None
        if self._with_secrets:
            return frame[: packet.ends]
        head = bytearray(frame[: packet.begins])
        head[packet.checksum_at : packet.checksum_at + 2] = b"\0\0"
        return bytes(head) + masked

    def _masked(self, packet: _Packet, payload: bytes) -> bytes | None:
        ports = {packet.source[1], packet.target[1]}
        if ports & self._sip_ports:
            return masked_sip(payload)
        if packet.protocol != _UDP:
            return None
        if ports & _DHCP:
            return masked_dhcp(payload)
        if self._belongs_to_transfer(packet, payload):
            return masked_tftp(payload)
        return None

    def _belongs_to_transfer(self, packet: _Packet, payload: bytes) -> bool:
        """Return whether a packet asks for a file, or is between two machines of which one has asked the other."""
        (source, source_port), (target, target_port) = packet.source, packet.target
        if target_port in self._tftp_ports:
            if _is_request(payload):
                self._asked[source, source_port, target] = True
            return True
        return (
            source_port in self._tftp_ports
            or (source, source_port, target) in self._asked
            or (target, target_port, source) in self._asked
        )


def masked_tftp(payload: bytes) -> bytes:
    """Return a packet of TFTP without what is in files."""
    try:
        packet = packets.from_bytes(payload)
    except (MalformedPacket, MalformedRequest):
        return payload[:2] + _x(payload[2:])
    if isinstance(packet, packets.Data):
        return payload[: packets.HEADER_BYTES] + _x(payload[packets.HEADER_BYTES :])
    if isinstance(packet, packets.Acknowledgement):
        return payload[: packets.HEADER_BYTES] + _x(payload[packets.HEADER_BYTES :])
    end = payload.rfind(b"\0") + 1
    return payload[:end] + _x(payload[end:])


def masked_dhcp(payload: bytes) -> bytes:
    """Return a packet of DHCP without what URLs and authentication hold."""
    plain = bytearray(_CREDENTIALS_OF_URL.sub(lambda found: _x(found[0]), payload))
    at = _BOOTP_BYTES
    while at < len(plain) and plain[at] != _END:
        if plain[at] == _PAD:
            at += 1
            continue
        length = plain[at + 1] if at + 1 < len(plain) else 0
        if plain[at] == _AUTHENTICATION:
            ends = min(at + 2 + length, len(plain))
            plain[at + 2 : ends] = _x(plain[at + 2 : ends])
        at += 2 + length
    return bytes(plain)


def masked_sip(payload: bytes) -> bytes:
    """Return a message of SIP, or a beginning of one, without secrets."""
    if not payload.strip(b"\r\n\0"):
        return payload  # a keep-alive
    start = _STARTS.match(payload)
    if start is None:
        return _x(payload)
    lines, at, kept, content_type = [_without_passwords(start[0])], start.end(), False, b""
    while at < len(payload):
        line, end, following = _line(payload, at)
        at = following
        if not line:
            lines.append(end)
            break
        if line[:1] not in b" \t":  # otherwise it goes on with the header before
            name, _colon, value = line.partition(b":")
            kept = name.strip().lower().decode("latin-1") in KEPT_HEADERS and bool(_colon)
            content_type = value if name.strip().lower() in {b"content-type", b"c"} else content_type
            masked = _without_passwords(line) if kept else name + _colon + _x(value) if _colon else _x(line)
        else:
            masked = _without_passwords(line) if kept else _x(line)
        lines.append(masked + end)
    is_sdp = content_type.strip().lower().split(b";")[0].strip() == b"application/sdp"
    body = payload[at:]
    return b"".join(lines) + (_masked_sdp(body) if is_sdp else _x(body))


def _masked_sdp(body: bytes) -> bytes:
    """Return a description of media (RFC 4566) without keys."""
    parts, at = [], 0
    while at < len(body):
        line, end, at = _line(body, at)
        kind, value = line[:2].decode("latin-1"), line[2:]
        attribute = re.split(rb"[:\s]", value, maxsplit=1)[0].decode("latin-1")
        is_kept = kind[1:] == "=" and (kind[0] in _KEPT_LINES or (kind == "a=" and attribute in _KEPT_ATTRIBUTES))
        if kind == "s=":
            is_kept = False
        parts.append((line if is_kept else line[:2] + _x(value)) + end)
    return b"".join(parts)


def _without_passwords(line: bytes) -> bytes:
    """Return a line whose URIs have no password (RFC 3261, section 19.1.1): what is behind the user's colon is X."""

    def masked(found: re.Match[bytes]) -> bytes:
        user, colon, password = found[0].partition(b":")
        return user + colon + _x(password)

    return _HEADERS_OF_URI.sub(lambda found: _x(found[0]), _PASSWORD_OF_URI.sub(masked, line))


def _line(payload: bytes, at: int) -> tuple[bytes, bytes, int]:
    """Return the line that begins somewhere, its end, and where the next one begins."""
    found = _END_OF_LINE.search(payload, at)
    if found is None:
        return payload[at:], b"", len(payload)
    return payload[at : found.start()], found[0], found.end()


def _x(secret: bytes | bytearray) -> bytes:
    return _X * len(secret)


def _is_request(payload: bytes) -> bool:
    try:
        return isinstance(packets.from_bytes(payload), ReadRequest | WriteRequest)
    except (MalformedPacket, MalformedRequest):
        return False


def _read(frame: bytes) -> _Packet | None:
    """Return what a frame carries; None where it is neither UDP nor TCP, or cut short in its heads."""
    kind = frame[_KIND]
    if kind == _IPV4 and len(frame) >= _BODY_AT + _IPV4_BYTES:
        head = (frame[_BODY_AT] & 0xF) * 4
        length, protocol = struct.unpack_from("!H", frame, _BODY_AT + 2)[0], frame[_BODY_AT + 9]
        source, target = frame[26:30], frame[30:34]
        ends = _BODY_AT + length
        if head < _IPV4_BYTES or struct.unpack_from("!H", frame, _BODY_AT + 6)[0] & 0x1FFF:
            return None
    elif kind == _IPV6 and len(frame) >= _BODY_AT + _IPV6_BYTES:
        head, protocol = _IPV6_BYTES, frame[_BODY_AT + 6]
        source, target = frame[22:38], frame[38:54]
        ends = _BODY_AT + _IPV6_BYTES + struct.unpack_from("!H", frame, _BODY_AT + 4)[0]
    else:
        return None
    at, ends = _BODY_AT + head, min(ends, len(frame))
    if protocol == _UDP and ends >= at + _UDP_BYTES:
        begins, checksum_at = at + _UDP_BYTES, at + 6
    elif protocol == _TCP and ends >= at + _TCP_BYTES:
        begins, checksum_at = at + (frame[at + 12] >> 4) * 4, at + 16
        if not at + _TCP_BYTES <= begins <= ends:
            return None
    else:
        return None
    source_port, target_port = struct.unpack_from("!HH", frame, at)
    return _Packet(protocol, (source, source_port), (target, target_port), checksum_at, begins, ends)
