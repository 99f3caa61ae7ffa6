"""What the worker's guard tells, as log lines and as reports to the hub."""

import time
from collections.abc import Callable
from typing import assert_never

from ringfence.edge.reporting.journal import Journal
from ringfence.guard.findings import DELAYED
from ringfence.phones.filenames import owner_of
from ringfence.phones.mac import Mac
from ringfence.server.events import (
    Banned,
    DecisionsCounted,
    RequestRefused,
    WindowChanged,
)

GuardEvent = RequestRefused | DecisionsCounted | WindowChanged | Banned


def note(event: GuardEvent, log: Callable[[str, str], None], journal: Journal) -> None:
    """Write an event of the guard into the log and into the journal."""
    match event:
        case RequestRefused():
            log("warning", event.reason)
            owner = owner_of(event.name)
            journal.add(
                event.at,
                "file-held-back" if event.finding in DELAYED else "file-refused",
                event.reason,
                name=event.name,
                owner=owner.bare if owner is not None else "",
                peer=event.peer_host,
                finding=event.finding,
                decision=event.decision,
                count=event.count,
            )
        case DecisionsCounted():
            sentence = f"{event.count} requests: {event.verdict} at {event.level}."
            journal.add(
                event.at, "decisions-counted", sentence, finding=event.verdict, level=event.level, count=event.count
            )
        case WindowChanged():
            what = "was used up by" if event.used else "belongs to"
            sentence = f"The window for phone {Mac.parse(event.owner)} {what} {event.peer_host}."
            log("info", sentence)
            kind = "window-used" if event.used else "window-bound"
            journal.add(event.at, kind, sentence, name=event.window, owner=event.owner, peer=event.peer_host)
        case Banned():
            until = time.strftime("%H:%M", time.gmtime(event.until))
            sentence = f"Shut {event.peer_host} out until {until} UTC: {event.reason}."
            log("warning", sentence)
            lasts_s = event.until - event.at
            journal.add(event.at, "banned", sentence, peer=event.peer_host, duration_s=lasts_s)
        case _ as never:
            assert_never(never)
