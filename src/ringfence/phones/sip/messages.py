"""SIP messages as bytes: the part of RFC 3261 that is needed to tell a phone to reload, strict and bounded.

A message comes in one datagram from an unknown sender: every length is limited before anything is read, and anything
that is not a message raises BadSipMessage and nothing else.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ringfence.phones.errors import BadSipMessage

LARGEST_BYTES = 16 * 1024
MOST_HEADERS = 64
LONGEST_HEADER = 2048
"""Characters of one header with its continuation lines."""

VERSION = "SIP/2.0"
DEFAULT_PORT = 5060

_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")
_METHOD = re.compile(r"[A-Z]{2,20}")
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2}) (.{0,200})")
_CSEQ = re.compile(r"([0-9]{1,10})\s+([A-Z]{2,20})")
_CONTENT_LENGTH = re.compile(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,6})[ \t]*\r?$")
_NUMBER = re.compile(r"[0-9]{1,6}")
_URI = re.compile(
    r"sips?:(?:[^@\s<>]{1,200}@)?(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?(?:[;?].*)?"
)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_LONG_NAMES = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"} | {
    "c": "content-type",
    "o": "event",
    "k": "supported",
    "s": "subject",
}
_NEEDED = ("via", "from", "to", "call-id", "cseq")

Headers = tuple[tuple[str, str], ...]
"""Names in lower case and in their long form, with their values, in the message's order."""

REASONS = {
    200: "OK",
    400: "Bad Request",
    405: "Method Not Allowed",
    481: "Call/Transaction Does Not Exist",
    489: "Bad Event",
}


@dataclass(frozen=True, slots=True)
class SipRequest:
    """A request; ``uri`` is its Request-URI."""

    method: str
    uri: str
    headers: Headers
    body: bytes = field(repr=False)

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return header(self, "call-id")

    @property
    def transaction(self) -> tuple[str, str]:
        """What a retransmission has in common with its first sending: Call-ID and CSeq."""
        return self.call_id, header(self, "cseq")

    @property
    def target(self) -> tuple[str, int]:
        """Host (an IPv6 address without its brackets) and port of the Request-URI."""
        found = _URI.fullmatch(self.uri)
        if found is None:
            raise BadSipMessage("the Request-URI is not a SIP URI", where=repr(self.uri[:60]))
        return found[1].strip("[]").lower(), int(found[2] or DEFAULT_PORT)


@dataclass(frozen=True, slots=True)
class SipResponse:
    """A response."""

    status: int
    reason: str
    headers: Headers
    body: bytes = field(repr=False)

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return header(self, "call-id")


SipMessage = SipRequest | SipResponse


def header(message: SipMessage, name: str) -> str:
    """Return the first value of the header ``name`` (lower case, long form), empty if there is none."""
    return next((value for known, value in message.headers if known == name), "")


def header_values(message: SipMessage, name: str) -> list[str]:
    """Return every value of the header ``name``."""
    return [value for known, value in message.headers if known == name]


def parse_message(data: bytes) -> SipMessage:
    """Return the request or response in ``data``.

    Raises:
        BadSipMessage: It is neither.
    """
    if len(data) > LARGEST_BYTES:
        raise BadSipMessage(f"a SIP message has {len(data)} bytes, but at most {LARGEST_BYTES} are allowed")
    head, separator, rest = data.partition(b"\r\n\r\n")
    if not separator:
        raise BadSipMessage("no empty line ends the headers")
    try:
        lines = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError:
        raise BadSipMessage("the headers are not UTF-8") from None
    headers = _headers(lines[1:])
    body = _body(headers, rest)
    status_line = _STATUS_LINE.fullmatch(lines[0])
    if status_line is not None:
        return SipResponse(int(status_line[1]), status_line[2], headers, body)
    method, _space, remainder = lines[0].partition(" ")
    uri, _space, version = remainder.partition(" ")
    if version != VERSION or _METHOD.fullmatch(method) is None or not uri:
        raise BadSipMessage("the first line is neither a request nor a status", where=repr(lines[0][:60]))
    if dict(headers)["cseq"].split()[1] != method:
        raise BadSipMessage("CSeq names another method than the request")
    if len(uri) > LONGEST_HEADER or _UNPRINTABLE.search(uri):
        raise BadSipMessage("the Request-URI is not valid")
    return SipRequest(method, uri, headers, body)


def next_in_stream(buffer: bytes) -> tuple[bytes | None, bytes]:
    """Return the first complete message of a stream (None if it is not complete yet), and the rest.

    Keep-alives (RFC 5626 section 4.4.1) are ignored.

    Raises:
        BadSipMessage: No message can follow: the stream is lost.
    """
    buffer = buffer.lstrip(b"\r\n")
    head, separator, rest = buffer.partition(b"\r\n\r\n")
    if not separator:
        if len(buffer) > LARGEST_BYTES:
            raise BadSipMessage("no empty line ends the headers")
        return None, buffer
    found = _CONTENT_LENGTH.search(head)
    if found is None:
        raise BadSipMessage("a message on a stream has no Content-Length")
    length = int(found[1])
    if len(head) + length > LARGEST_BYTES:
        raise BadSipMessage(f"a SIP message has more than {LARGEST_BYTES} bytes")
    if len(rest) < length:
        return None, buffer
    end = len(head) + len(separator) + length
    return buffer[:end], buffer[end:]


def _headers(lines: Sequence[str]) -> Headers:
    unfolded: list[str] = []
    for line in lines:
        if line[:1] in {" ", "\t"} and unfolded:
            unfolded[-1] += " " + line.strip()
        else:
            unfolded.append(line)
        if len(unfolded) > MOST_HEADERS or len(unfolded[-1]) > LONGEST_HEADER:
            raise BadSipMessage("there are too many headers, or one is too long")
    headers = tuple(_header(line) for line in unfolded)
    names = [name for name, _value in headers]
    for needed in _NEEDED:
        if needed not in names:
            raise BadSipMessage(f"the {needed} header is missing")
        if needed != "via" and names.count(needed) > 1:
            raise BadSipMessage(f"the {needed} header appears twice")
    if _CSEQ.fullmatch(dict(headers)["cseq"]) is None:
        raise BadSipMessage("CSeq is not a number and a method")
    return headers


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name = name.rstrip(" \t").lower()
    value = value.strip()
    if not colon or _TOKEN.fullmatch(name) is None or _UNPRINTABLE.search(value):
        raise BadSipMessage("a header line is not 'name: value'", where=repr(line[:60]))
    return _LONG_NAMES.get(name, name), value


def _body(headers: Headers, rest: bytes) -> bytes:
    length = next((value for name, value in headers if name == "content-length"), None)
    if length is None:
        return rest  # a datagram ends its body (RFC 3261 section 18.3)
    if _NUMBER.fullmatch(length) is None or int(length) > len(rest):
        raise BadSipMessage("Content-Length is not the length of the body", where=repr(length[:20]))
    return rest[: int(length)]


def response(request: SipRequest, status: int, *, to_tag: str, extra: Headers = ()) -> bytes:
    """Return the bytes of the answer to ``request`` (RFC 3261 section 8.2.6): its Via, From, Call-ID and CSeq."""
    to = header(request, "to")
    if ";tag=" not in to:
        to += f";tag={_checked(to_tag, _TOKEN)}"
    lines = [f"{VERSION} {status} {REASONS.get(status, 'Answer')}"]
    lines += [f"Via: {value}" for name, value in request.headers if name == "via"]
    lines += [
        f"From: {header(request, 'from')}",
        f"To: {to}",
        f"Call-ID: {request.call_id}",
        f"CSeq: {header(request, 'cseq')}",
    ]
    lines += [f"{name}: {value}" for name, value in extra]
    return to_bytes(lines, b"")


def to_bytes(lines: Sequence[str], body: bytes) -> bytes:
    """Return a message: the first line and headers in ``lines``, the body's length, the body."""
    return "\r\n".join((*lines, f"Content-Length: {len(body)}", "", "")).encode() + body


def host_in_uri(host: str) -> str:
    """Return ``host`` as a URI has it: an IPv6 address in brackets, without a zone (RFC 3261 section 19.1.1)."""
    return f"[{host.partition('%')[0]}]" if ":" in host else host


def _checked(text: str, form: re.Pattern[str]) -> str:
    if form.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not allowed in a SIP header")
    return text


def token(text: str) -> str:
    """Return ``text`` if it is a valid tag, branch or the like; otherwise raise ValueError: it is our own bug."""
    return _checked(text, _TOKEN)
