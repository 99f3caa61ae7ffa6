"""One line for each transfer and refusal, as ``key=value`` for people or JSON for machines.

Nothing in a line is taken as it came: names are escaped (``events.printable``), and the writer never waits for its
reader.
"""

import json
import os
import select
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import assert_never

from ringfence.guard.findings import Finding
from ringfence.server.access.refusal_log import OTHER_NAMES
from ringfence.server.events import (
    Banned,
    DecisionsCounted,
    EventsDropped,
    RequestRefused,
    TransferFailed,
    TransferFinished,
    WindowChanged,
    WorkersOwnEvent,
    printable,
)

MOST_WAITING = 1000
LONGEST_REASON = 400
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/:@+,%[]()<>")

Line = Mapping[str, str | int | float]
"""The parts of a line; ``at`` (Unix time) and ``event`` come first."""

_NO_SUCH_FILE = frozenset({Finding.NOT_IN_RELEASE, Finding.UNKNOWN_PHONE, Finding.OPTIONAL_FILE, Finding.SIGNED_ONLY})
_BESIDES = {
    Finding.OPTIONAL_FILE: "; this is harmless, phones work without it",
    Finding.SIGNED_ONLY: "; the phone accepts signed files only, so it has another system's trust list: erase it on "
    "the phone",
}
_OF_A_FOLDER = {Finding.NOT_IN_RELEASE.value: "no-such-file"}


def finding_here(finding: str) -> str:
    """Return the word for a finding where there is no release."""
    return _OF_A_FOLDER.get(finding, str(finding))


def line_of(event: WorkersOwnEvent, why_not: Callable[[str], str]) -> Line | None:
    """Return an event as a line, None for one that says nothing to people; ``why_not`` says why a name is not given."""
    match event:
        case TransferFinished():
            told = {"seconds": round(event.duration_s, 4), "retransmissions": event.retransmissions}
            return {**_who(event, "sent"), "protocol": event.protocol, "bytes": event.size_bytes, **told}
        case TransferFailed():
            told_of = {"cause": str(event.cause), "reason": event.reason[:LONGEST_REASON]}
            return {**_who(event, "failed"), "protocol": event.protocol, **told_of}
        case RequestRefused():
            reason = _why_refused(event, why_not)[:LONGEST_REASON]
            told_of = {"finding": finding_here(event.finding), "reason": reason}
            return {**_who(event, "refused"), **told_of, "count": event.count}
        case Banned():
            return notice(f"{event.peer_host} gets no answer for a while: {event.reason}")
        case EventsDropped():
            return notice(f"{event.count} lines more could not be written; the transfers were not affected")
        case DecisionsCounted() | WindowChanged():
            return None  # a number for the metrics; and a folder has no windows
        case _:
            assert_never(event)


def notice(message: str) -> Line:
    """Return a line that is about the server itself."""
    return {"at": time.time(), "event": "notice", "message": message}


def _who(event: TransferFinished | TransferFailed | RequestRefused, what: str) -> dict[str, str | int | float]:
    host = f"[{event.peer_host}]" if ":" in event.peer_host else event.peer_host
    return {"at": event.at, "event": what, "file": event.name, "client": f"{host}:{event.peer_port}"}


def _why_refused(event: RequestRefused, why_not: Callable[[str], str]) -> str:
    if event.name == OTHER_NAMES:
        return "too many names to report one by one"
    if event.finding in _NO_SUCH_FILE:
        return why_not(event.name) + _BESIDES.get(Finding(event.finding), "")
    if event.finding == Finding.OUTSIDE_NETWORKS:
        return "its address is outside the allowed networks"
    return event.reason


def as_text(line: Line) -> str:
    """Return a line for people: the time, what happened, then ``key=value``, quoted where a value needs it."""
    seconds, fraction = divmod(float(line["at"]), 1)
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(fraction * 1000):03d}Z"
    if line["event"] == "notice":
        return f"{at} {printable(str(line['message']))}"
    rest = " ".join(f"{key}={_quoted(value)}" for key, value in line.items() if key not in {"at", "event"})
    return f"{at} {line['event']} {rest}"


def as_json(line: Line) -> str:
    """Return a line as one JSON object."""
    return json.dumps({**line, "at": round(float(line["at"]), 3)}, ensure_ascii=False)


FORMATS: Mapping[str, Callable[[Line], str]] = {"text": as_text, "json": as_json}


def _quoted(value: str | float) -> str:
    text = printable(str(value))
    if text and _PLAIN.issuperset(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class LineWriter:
    """Writes lines to ``fd`` when it accepts them; other lines wait, and are later dropped and counted.

    A pipe is not made non-blocking, because others may share it. It is polled first, and is only writable if PIPE_BUF
    (4096) bytes fit, which is more than a line has.
    """

    LONGEST_BYTES = select.PIPE_BUF

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waiting: deque[bytes] = deque()
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self.dropped = 0

    def write(self, text: str) -> None:
        """Write a line, or keep it for ``flush``."""
        if len(self._waiting) >= MOST_WAITING:
            self.dropped += 1
            return
        self._waiting.append(text.encode("utf-8", "backslashreplace")[: self.LONGEST_BYTES - 1] + b"\n")
        self.flush()

    def flush(self) -> None:
        """Write what is waiting and is taken; to be called now and then."""
        while self._waiting:
            ready = self._poll.poll(0)
            if not ready or not ready[0][1] & select.POLLOUT:
                return
            try:
                os.write(self._fd, self._waiting[0])
            except BlockingIOError:
                return
            except OSError:
                self.dropped += 1  # the reader has gone, or the disk is full; serving goes on
            self._waiting.popleft()
