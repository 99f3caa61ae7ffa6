"""What happened at the listener, kept for some moments and stored together: a report, a certificate, an alert.

A thousand phones that come within seconds cost a few transactions. What a crash of the hub loses are reports of the
last second. Refusals of one sender are told once a minute, with their number.

Invariants:

- In a minute so many files of one phone are told, and so many new refusals of one site, and the rest by their number.
- Whoever has an IPv6 network of 64 bits is one sender.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from cachetools import FIFOCache

from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.fleet.guard import report_intake
from ringfence.hub.publishing import release_traces
from ringfence.hub.source_address import one_caller
from ringfence.hub.store.change import Change
from ringfence.wire.messages import Report, ReportKind

AT_ONCE = 200
MOST_WAITING = 5000
TOLD_AGAIN_S = 60.0
MOST_OF_PHONE, MOST_REFUSALS_OF_SITE = 120, 120
"""In a minute: a phone that starts takes some dozen files."""
_MOST_COUNTED = 2048
_WHO = "phone listener"

_log = logs.get("phone-listener")

Note = Callable[[Change], None]
"""Stores something beside the reports of its site."""


@dataclass(frozen=True, slots=True)
class _WaitingReport:
    hub: Hub
    site_id: str
    report: Report | None = None
    note: Note | None = None


@dataclass(slots=True)
class _CountedRefusal:
    since: float
    report: Report
    hub: Hub
    site_id: str
    more: int = 0


@dataclass(slots=True)
class _ToldLately:
    since: float
    count: int = 0


@dataclass(slots=True)
class _LeftOutReports:
    since: float
    hub: Hub
    site_id: str
    count: int = 0

    def report(self, now: float) -> Report:
        sentence = f"{self.count:,} more reports of the listener for phones were left out, as they were too many."
        return Report(0, now, ReportKind.REPORTS_DROPPED, sentence, count=self.count)


class ToldOfPhones:
    """What waits to be stored; ``flush`` stores it."""

    def __init__(self) -> None:
        self._lock, self._storing = threading.Lock(), threading.Lock()
        self._waiting: deque[_WaitingReport] = deque(maxlen=MOST_WAITING)
        self._counted: FIFOCache[tuple[str, str, str, str, str], _CountedRefusal] = FIFOCache(_MOST_COUNTED)
        self._lately: FIFOCache[tuple[str, str, str], _ToldLately] = FIFOCache(_MOST_COUNTED)
        self._left_out: FIFOCache[tuple[str, str], _LeftOutReports] = FIFOCache(_MOST_COUNTED)

    def tell(self, hub: Hub, site_id: str, report: Report | None, note: Note | None = None) -> None:
        """Have a report stored, and with it what is to be stored beside it."""
        with self._lock:
            who = report.owner or one_caller(report.peer) if report is not None else ""
            if report is not None and not self._has_room(hub, site_id, who, report, MOST_OF_PHONE):
                return
            self._waiting.append(_WaitingReport(hub, site_id, report, note))

    def tell_refusal(self, hub: Hub, site_id: str, report: Report, note: Note | None = None) -> None:
        """Have a refusal stored, the first of its kind at once, others of the same sender by their number."""
        key = (hub.organisation_id, site_id, one_caller(report.peer), report.owner, report.finding)
        with self._lock:
            before = self._counted.get(key)
            if before is not None and report.at - before.since < TOLD_AGAIN_S:
                before.more += 1
                before.report = report
                return
            if not self._has_room(hub, site_id, "", report, MOST_REFUSALS_OF_SITE):
                return
            self._counted[key] = _CountedRefusal(report.at, report, hub, site_id)
            self._waiting.append(_WaitingReport(hub, site_id, report, note))

    def flush(self, now: float) -> None:
        """Store what waits, each site's in a transaction of its own; all of it is stored when this returns."""
        with self._storing:
            for of_site in self._taken(now).values():
                for start in range(0, len(of_site), AT_ONCE):
                    self._store(of_site[start : start + AT_ONCE])

    def _taken(self, now: float) -> dict[tuple[str, str], list[_WaitingReport]]:
        with self._lock:
            for key, counted in list(self._counted.items()):
                if now - counted.since >= TOLD_AGAIN_S:
                    del self._counted[key]
                    if counted.more:
                        told = replace(counted.report, count=counted.more)
                        self._waiting.append(_WaitingReport(counted.hub, counted.site_id, told))
            for place, left in list(self._left_out.items()):
                if now - left.since >= TOLD_AGAIN_S:
                    del self._left_out[place]
                    self._waiting.append(_WaitingReport(left.hub, left.site_id, left.report(now)))
            taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        sites: dict[tuple[str, str], list[_WaitingReport]] = {}
        for each in taken:
            sites.setdefault((each.hub.organisation_id, each.site_id), []).append(each)
        return sites

    def _has_room(self, hub: Hub, site_id: str, who: str, report: Report, most: int) -> bool:
        """Return whether another report is stored in this minute; one that is not is counted."""
        key = (hub.organisation_id, site_id, who)
        lately = self._lately.get(key)
        if lately is None or not 0 <= report.at - lately.since < TOLD_AGAIN_S:
            lately = self._lately[key] = _ToldLately(report.at)
        lately.count += 1
        if lately.count <= most:
            return True
        place = key[:2]
        left = self._left_out.get(place) or _LeftOutReports(report.at, hub, site_id)
        left.count += 1
        self._left_out[place] = left
        return False

    def _store(self, some: list[_WaitingReport]) -> None:
        hub, site_id = some[0].hub, some[0].site_id
        try:
            with hub.change(_WHO) as change:
                reports = [each.report for each in some if each.report is not None]
                stored = report_intake.take_own(change, site_id, reports)
                release_traces.tell(hub, change.session, site_id, stored)
                for each in some:
                    if each.note is not None:
                        each.note(change)
        except RingfenceError as fault:
            _log.warning("reports of the phone listener could not be stored", site=site_id, problem=str(fault))
        except Exception:  # noqa: BLE001 - other sites' are stored; the log has the trace
            _log.exception("internal error in reports of the phone listener")
