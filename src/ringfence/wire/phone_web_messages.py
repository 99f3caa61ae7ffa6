"""A phone's own web page through hub and edge: requests and answers, and what may be asked (device API, version 1).

The edge asks for requests and tells answers while a job of the kind phone-web is under way. The same bounds are looked
at wherever these come by, so that neither a hub nor an edge nor a phone is believed.
"""

import re
from dataclasses import dataclass

from ringfence.wire.bounds import Whole

SHORTEST_S, LONGEST_S = 60, 3600
"""How long a phone's page may be open."""
MOST_REQUESTS = 2000
"""Of one session."""
MOST_WAITING = 16
"""How many requests of a session wait for an answer at the same time."""
MOST_AT_ONCE = 4
"""How many an edge is given at once."""
LONGEST_TARGET = 1024
LARGEST_BODY_BYTES = 64 << 10
LARGEST_ANSWER_BYTES = 1 << 20
LARGEST_SESSION_BYTES = 64 << 20
"""All answers of a session together."""
MOST_HEADERS = 16
LONGEST_HEADER = 4096
READING = frozenset({"GET", "HEAD"})
CHANGING = frozenset({"POST"})
TO_PHONES = frozenset({"accept", "accept-language", "authorization", "content-type", "cookie"})
"""Headers of a request that a phone gets: of its own cookies, and of the password that was typed for it."""
FROM_PHONES = frozenset({"content-type", "content-encoding", "www-authenticate", "set-cookie", "location"})
"""Headers of an answer that go back; a location is the path at the phone, or it is left out."""
PORTS = {False: 80, True: 443}
"""Whether it is TLS → the port at the phone."""

_TARGET = re.compile(r"/[!-~]*")
_HEADER_VALUE = re.compile(r"[ -~]*")
# Paths by which phones are known to change something although they are only read: orders to restart, to load or to
# save of SPA and multiplatform phones, Snom, Yealink, Grandstream and Cisco's own.
_CHANGES = re.compile(
    r"reboot|restart|resync|upgrade|factory|reset|delete|erase|logout|apply|save|update|execute"
    r"|command\.htm|dummy\.htm|/servlet\?(?:.*&)?key=|configmanapp|[?&](?:settings|key|cmd|action|number)=",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PhoneWebRequest:
    """What a browser asks of the phone. ``is_tls`` says at which of a phone's two ports."""

    number: Whole
    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    is_tls: bool = False


@dataclass(frozen=True, slots=True)
class PhoneWebAnswer:
    """What the phone answered; ``problem`` says in words why there is no answer, and ``status`` is 0 then.

    ``leads_to_tls`` is where a location is: at the phone's port for TLS, or at the other.
    """

    number: Whole
    status: Whole = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    leads_to_tls: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PhoneWebNews:
    """What an edge has to tell of a session, one answer at a time; without one it only asks what is to do."""

    number: str
    attempt: str
    answer: PhoneWebAnswer | None = None


@dataclass(frozen=True, slots=True)
class PhoneWebOrders:
    """The requests to make next, and whether the session goes on."""

    goes_on: bool
    requests: tuple[PhoneWebRequest, ...] = ()


def why_not_asked(asked: PhoneWebRequest, *, with_changes: bool) -> str:
    """Return why a request may not be made, in words; empty if it may."""
    if asked.method not in (READING | CHANGING if with_changes else READING):
        return f"{asked.method[:10]!r} is not allowed in this session"
    if len(asked.target) > LONGEST_TARGET or _TARGET.fullmatch(asked.target) is None or asked.target.startswith("//"):
        return f"{asked.target[:60]!r} is no path at the phone"
    if not with_changes and _CHANGES.search(asked.target):
        return f"{asked.target[:60]!r} may change something at the phone, and this session only reads"
    if len(asked.body) > LARGEST_BODY_BYTES or (asked.body and asked.method in READING):
        return f"the request has {len(asked.body)} bytes"
    return "" if are_headers(asked.headers, TO_PHONES) else "the request has a header that phones do not get"


def is_answer(answer: PhoneWebAnswer) -> bool:
    """Return whether an answer keeps what answers have to keep."""
    return (
        (answer.status == 0 or 200 <= answer.status <= 599)  # noqa: PLR2004 - RFC 9110, section 15
        and len(answer.body) <= LARGEST_ANSWER_BYTES
        and are_headers(answer.headers, FROM_PHONES)
        and len(answer.problem) <= LONGEST_TARGET
    )


def are_headers(headers: tuple[tuple[str, str], ...], known: frozenset[str]) -> bool:
    """Return whether these are headers of a known name, in lower case, of printable characters."""
    return len(headers) <= MOST_HEADERS and all(
        name in known and len(value) <= LONGEST_HEADER and _HEADER_VALUE.fullmatch(value) is not None
        for name, value in headers
    )
