"""What a worker tells, as log lines and as reports to the hub."""

import time
from collections.abc import Callable, Sequence
from typing import assert_never

from ringfence.counted import counted
from ringfence.edge.reporting.journal import Journal
from ringfence.edge.reporting.log import Log
from ringfence.guard.findings import DELAYED, Finding
from ringfence.phones.filenames import owner_of
from ringfence.phones.mac import Mac
from ringfence.server.events import (
    HTTP,
    Banned,
    CatalogueActive,
    DecisionsCounted,
    EventsDropped,
    RequestRefused,
    TransferFailed,
    TransferFinished,
    WindowChanged,
    WorkerDied,
    WorkerEvent,
    WorkerStarted,
)
from ringfence.wire.messages import ReportKind


class EventReports:
    """Writes a worker's events into the log and into the journal.

    ``addresses`` tells where the worker serves, as ``host:port``.
    """

    def __init__(self, log: Log, journal: Journal, addresses: Callable[[], Sequence[str]]) -> None:
        self._log = log
        self._journal = journal
        self._addresses = addresses

    def note(self, event: WorkerEvent) -> None:
        """Write one event down."""
        match event:
            case TransferFinished():
                self._finished(event)
            case TransferFailed():
                self._failed(event)
            case RequestRefused():
                self._refused(event)
            case DecisionsCounted():
                self._counted(event)
            case WindowChanged():
                self._window_changed(event)
            case Banned():
                self._banned(event)
            case WorkerStarted() | WorkerDied() | EventsDropped() | CatalogueActive():
                self._of_worker(event)
            case _ as never:
                assert_never(never)

    def _of_worker(self, event: WorkerStarted | WorkerDied | EventsDropped | CatalogueActive) -> None:
        """Note what befell the worker itself."""
        match event:
            case WorkerStarted():
                self._log("info", f"Worker {event.pid} serves {', '.join(self._addresses())}; it is {event.confined}.")
            case WorkerDied():
                sentence = f"Worker {event.pid} died ({event.how}); a new one replaces it."
                self._log("warning", sentence)
                self._journal.add(event.at, ReportKind.WORKER_DIED, sentence)
            case EventsDropped():
                self._log(
                    "warning",
                    f"Worker events that were not reported, because there were too many at once: {event.count}.",
                )
            case CatalogueActive():
                self._log("info", f"Release {event.release} is served: {counted(event.files, 'file')}.")
            case _ as never:
                assert_never(never)

    def _finished(self, event: TransferFinished) -> None:
        size = counted(event.size_bytes, "byte")
        sentence = f"{event.peer_host} took {event.name}{_by(event)}, {size} in {event.duration_s:.3f} s."
        self._log("info", sentence)
        self._journal.add(
            event.at,
            ReportKind.FILE_SERVED,
            sentence,
            name=event.name,
            owner=event.owner or "",
            peer=event.peer_host,
            release=event.release,
            size_bytes=event.size_bytes,
            duration_s=event.duration_s,
            level=event.level,
            decision=event.decision,
        )

    def _failed(self, event: TransferFailed) -> None:
        sentence = f"{event.name} did not reach {event.peer_host}{_by(event)}: {event.reason}."
        self._log("warning", sentence)
        self._journal.add(
            event.at,
            ReportKind.TRANSFER_FAILED,
            sentence,
            name=event.name,
            owner=event.owner or "",
            peer=event.peer_host,
        )

    def _refused(self, event: RequestRefused) -> None:
        # Phones ask at each boot for files that they do without; that is nothing to warn of.
        self._log("info" if event.finding == Finding.OPTIONAL_FILE else "warning", event.reason)
        owner = owner_of(event.name)
        self._journal.add(
            event.at,
            ReportKind.FILE_HELD_BACK if event.finding in DELAYED else ReportKind.FILE_REFUSED,
            event.reason,
            name=event.name,
            owner=owner.bare if owner is not None else "",
            peer=event.peer_host,
            finding=event.finding,
            decision=event.decision,
            count=event.count,
        )

    def _counted(self, event: DecisionsCounted) -> None:
        self._journal.add(
            event.at,
            ReportKind.DECISIONS_COUNTED,
            f"{counted(event.count, 'request')}: {event.verdict} at {event.level}.",
            finding=event.verdict,
            level=event.level,
            count=event.count,
        )

    def _banned(self, event: Banned) -> None:
        until = time.strftime("%H:%M", time.gmtime(event.until))
        sentence = f"Banned {event.peer_host} until {until} UTC: {event.reason}."
        self._log("warning", sentence)
        lasts_s = event.until - event.at
        self._journal.add(event.at, ReportKind.BANNED, sentence, peer=event.peer_host, duration_s=lasts_s)

    def _window_changed(self, event: WindowChanged) -> None:
        what = "was used up by" if event.used else "belongs to"
        sentence = f"The window for phone {Mac.parse(event.owner)} {what} {event.peer_host}."
        self._log("info", sentence)
        kind = ReportKind.WINDOW_USED if event.used else ReportKind.WINDOW_BOUND
        self._journal.add(event.at, kind, sentence, name=event.window, owner=event.owner, peer=event.peer_host)


def _by(event: TransferFinished | TransferFailed) -> str:
    return " over HTTP" if event.protocol == HTTP else ""
