"""HTTP requests and answers without any I/O: what a target names, which bytes are wanted, what is answered.

RFC 9110 (semantics) and RFC 9112 (HTTP/1.1). The syntax itself is h11's business.
"""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from ringfence.content.release import BY_HTTPS

_SIGNED_SUFFIX = ".sgn"
Headers = Iterable[tuple[bytes, bytes]]
"""Pairs of name, in lower case where they were received, and value."""

READ_METHODS = frozenset({b"GET", b"HEAD"})
_WRITE_METHODS = frozenset({b"PUT", b"POST", b"PATCH", b"DELETE"})

_ABSOLUTE_FORM = re.compile(rb"http://[^/?#]+", re.IGNORECASE)
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_SINGLE_RANGE = re.compile(rb"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes of a file, one after the other; ``is_part``: asked for as such, so answered with 206."""

    start: int
    length: int
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A status with its headers and body; with ``closes`` nothing after it on the connection is read."""

    status: int
    reason: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    closes: bool = False


def _text(status: int, reason: bytes, *headers: tuple[bytes, bytes], closes: bool = True) -> Answer:
    body = reason + b"\n"
    length = b"%d" % len(body)
    framing = ((b"Content-Type", b"text/plain"), (b"Content-Length", length))
    return Answer(status, reason, (*framing, *headers), body, closes)


BAD_REQUEST = _text(400, b"Bad Request")
NOT_FOUND = _text(404, b"Not Found", closes=False)
"""The one answer to everything that is refused, whatever the reason was."""
METHOD_NOT_ALLOWED = _text(405, b"Method Not Allowed", (b"Allow", b"GET, HEAD"))


def unauthorized(challenge: str) -> Answer:
    """Return the answer that asks for a credential."""
    return _text(401, b"Unauthorized", (b"WWW-Authenticate", challenge.encode("ascii")), closes=False)


BODY_REFUSED = _text(413, b"Content Too Large")
HEAD_TOO_LONG = _text(431, b"Request Header Fields Too Large")
NOT_IMPLEMENTED = _text(501, b"Not Implemented")
VERSION_NOT_SUPPORTED = _text(505, b"HTTP Version Not Supported")
BROKEN_BY_STATUS = {answer.status: answer for answer in (BAD_REQUEST, HEAD_TOO_LONG, NOT_IMPLEMENTED)}
"""What is answered to requests that h11 can't read."""


def short_answer(body: bytes) -> Answer:
    """Return a successful answer with exactly these bytes."""
    return Answer(200, b"OK", ((b"Content-Type", b"text/plain"), (b"Content-Length", b"%d" % len(body))), body)


def file_answer(name: str, size_bytes: int, wanted: Slice) -> Answer:
    """Return the head of an answer with ``wanted`` of a file of ``size_bytes``."""
    kind = b"text/xml" if name.casefold().endswith(".xml") else b"application/octet-stream"
    headers = ((b"Content-Type", kind), (b"Content-Length", b"%d" % wanted.length), (b"Accept-Ranges", b"bytes"))
    if not wanted.is_part:
        return Answer(200, b"OK", headers)
    place = b"bytes %d-%d/%d" % (wanted.start, wanted.start + wanted.length - 1, size_bytes)
    return Answer(206, b"Partial Content", (*headers, (b"Content-Range", place)))


def unsatisfiable(size_bytes: int) -> Answer:
    """Return the answer to a range that begins behind the end of a file of ``size_bytes``."""
    return _text(416, b"Range Not Satisfiable", (b"Content-Range", b"bytes */%d" % size_bytes), closes=False)


def date(at: float) -> bytes:
    """Return a Unix time as the Date header has it (RFC 9110 section 5.6.7), whatever this process's locale is."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(at)
    return f"{_WEEKDAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} GMT".encode()


def name_of(target: bytes) -> str | None:
    """Return the file name that a request's target has, decoded once; None for a target that no file can have.

    The name is as a TFTP request would have it: without the path's first slash, octets that are not UTF-8 as
    surrogates. A query is left out (``query_of``). RFC 9112 section 3.2: origin form and absolute form.
    """
    found = _ABSOLUTE_FORM.match(target)
    if found is not None:
        target = target[found.end() :]
    elif not target.startswith(b"/"):
        return None
    path = target.partition(b"?")[0].removeprefix(b"/")
    return _ESCAPE.sub(lambda escape: bytes((int(escape[1], 16),)), path).decode("utf-8", "surrogateescape")


def name_over_tls(name: str) -> str:
    """Return under which name releases have what a phone asks for over TLS: its own configuration, and nothing else.

    It may ask for it with ``.sgn`` behind it, and is answered with the unsigned file (PHONES.md section 2).
    """
    return BY_HTTPS + name.lstrip("/").removesuffix(_SIGNED_SUFFIX)


def query_of(target: bytes) -> bytes:
    """Return what follows the question mark in a request's target."""
    return target.partition(b"?")[2].partition(b"#")[0]


def wanted_slice(headers: Headers, size_bytes: int) -> Slice | None:
    """Return which bytes of a file of ``size_bytes`` a GET asks for; None for a range beyond its end.

    Several ranges, an If-Range, and any range that is not in bytes get the whole file, as RFC 9110 section 14.2 allows.
    """
    whole = Slice(0, size_bytes)
    values = [value for name, value in headers if name == b"range"]
    if len(values) != 1 or any(name == b"if-range" for name, _ in headers):
        return whole
    found = _SINGLE_RANGE.fullmatch(values[0])
    if found is None:
        return whole
    first, last = found.groups()
    if not first:
        return _suffix(last, whole)
    start = int(first)
    end = int(last) + 1 if last else size_bytes
    if last and end <= start:
        return whole  # such a range is no range (RFC 9110 section 14.1.1)
    if start >= size_bytes:
        return None
    return Slice(start, min(end, size_bytes) - start, is_part=True)


def _suffix(count: bytes, whole: Slice) -> Slice | None:
    if not count:
        return whole
    length = min(int(count), whole.length)
    if int(count) == 0:
        return None
    if length == 0:
        return whole  # all of an empty file, which a 206 can't express
    return Slice(whole.length - length, length, is_part=True)


def is_writing(method: bytes) -> bool:
    """Return whether a request means to change something here."""
    return method in _WRITE_METHODS


def has_body(headers: Headers) -> bool:
    """Return whether bytes come behind a request's head (RFC 9112 section 6)."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")) for name, value in headers
    )
