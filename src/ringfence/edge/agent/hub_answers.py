"""What the hub answers over HTTPS, read within its bounds."""

from collections.abc import Iterator, Sequence

import urllib3

from ringfence.content.errors import EndlessData
from ringfence.wire import codec
from ringfence.wire.messages import Event

_LARGEST_EVENT_BYTES = 65_536


def is_page(response: urllib3.BaseHTTPResponse) -> bool:
    """Return whether an answer is a page for people, which no hub gives to an edge."""
    return response.headers.get("Content-Type", "").lower().startswith("text/html")


def limited(response: urllib3.BaseHTTPResponse, largest: int, what: str) -> bytes:
    """Return an answer's body. EndlessData if it is larger."""
    data = response.read(largest + 1)
    if len(data) > largest:
        raise EndlessData(f"{what} has more than {largest} bytes", to_do="The last good release stays in use.")
    return data


def whole_lines(chunks: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Return the lines that end with each chunk."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LARGEST_EVENT_BYTES:
            raise EndlessData("an event does not end", to_do="The edge connects again.")
        yield lines


def events_in(lines: Sequence[bytes]) -> Iterator[Event]:
    """Return the events in lines of the stream."""
    for line in lines:
        if line.startswith(b"data:"):
            yield codec.from_json(Event, line.removeprefix(b"data:").strip())
