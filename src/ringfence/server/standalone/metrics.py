"""Counters of a server as a page for Prometheus (text format 0.0.4).

No label's value is ever chosen by a stranger: protocols, findings and causes are short lists of ours.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ringfence import __version__
from ringfence.server.events import (
    PROTOCOLS,
    Cause,
    TransferFailed,
    TransferFinished,
    WorkersOwnEvent,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)

FAMILIES: Mapping[str, tuple[str, str]] = {
    "ringfence_build_info": ("gauge", "Always 1; the label shows the running version."),
    "ringfence_requests_total": ("counter", "Requests for a file that were decided on."),
    "ringfence_refusals_total": ("counter", "Requests that were not granted, by finding."),
    "ringfence_transfers_finished_total": ("counter", "Transfers that the client received completely."),
    "ringfence_transfers_failed_total": ("counter", "Transfers that started and failed, by cause."),
    "ringfence_sent_bytes_total": ("counter", "Bytes of file content in finished transfers."),
    "ringfence_retransmissions_total": ("counter", "Datagrams or windows that finished transfers had to send again."),
    "ringfence_sessions": ("gauge", "Transfers (TFTP) and connections (HTTP) in progress."),
    "ringfence_open_files": ("gauge", "Files that are open for sending."),
    "ringfence_log_lines_dropped_total": ("counter", "Log lines that were dropped because nobody read them in time."),
    "ringfence_transfer_duration_seconds": ("histogram", "Time from request to last acknowledgement."),
    "process_start_time_seconds": ("gauge", "Start time of the server, in Unix time."),
    "process_cpu_seconds_total": ("counter", "Processor time that the server has used."),
}
"""Each metric with its type and what it says; docs/man/ringfence-serve.1 lists them too."""


@dataclass(slots=True)
class _OfProtocol:
    finished: int = 0
    sent_bytes: int = 0
    retransmissions: int = 0
    duration_s: float = 0.0
    in_bucket: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    failed: dict[Cause, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Now:
    """What is asked at the moment of the page, not counted from events."""

    requests: int
    refusals: Mapping[str, int]
    sessions: Mapping[str, int]
    open_files: int
    lines_dropped: int


class Metrics:
    """Counts events; ``page`` writes them down."""

    def __init__(self) -> None:
        self._started_at = time.time()
        self._protocols = {name: _OfProtocol() for name in PROTOCOLS}

    def note(self, event: WorkersOwnEvent) -> None:
        """Count an event."""
        if isinstance(event, TransferFinished):
            counted = self._protocols[event.protocol]
            counted.finished += 1
            counted.sent_bytes += event.size_bytes
            counted.retransmissions += event.retransmissions
            counted.duration_s += event.duration_s
            bucket = next((index for index, le in enumerate(BUCKETS_S) if event.duration_s <= le), len(BUCKETS_S))
            counted.in_bucket[bucket] += 1
        elif isinstance(event, TransferFailed):
            failed = self._protocols[event.protocol].failed
            failed[event.cause] = failed.get(event.cause, 0) + 1

    def page(self, now: Now) -> bytes:
        """Return the page."""
        samples = {
            "ringfence_build_info": [f'{{version="{__version__}"}} 1'],
            "ringfence_requests_total": [f" {now.requests}"],
            "ringfence_refusals_total": [
                f'{{finding="{finding}"}} {count}' for finding, count in sorted(now.refusals.items())
            ],
            "ringfence_transfers_failed_total": [
                f'{{protocol="{name}",cause="{cause}"}} {counted.failed.get(cause, 0)}'
                for name, counted in self._protocols.items()
                for cause in Cause
            ],
            "ringfence_transfers_finished_total": self._each("finished"),
            "ringfence_sent_bytes_total": self._each("sent_bytes"),
            "ringfence_retransmissions_total": self._each("retransmissions"),
            "ringfence_sessions": [f'{{protocol="{name}"}} {count}' for name, count in now.sessions.items()],
            "ringfence_open_files": [f" {now.open_files}"],
            "ringfence_log_lines_dropped_total": [f" {now.lines_dropped}"],
            "ringfence_transfer_duration_seconds": list(self._durations()),
            "process_start_time_seconds": [f" {self._started_at:.3f}"],
            "process_cpu_seconds_total": [f" {time.process_time():.3f}"],
        }
        lines = []
        for name, (kind, meaning) in FAMILIES.items():
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
            lines += [f"{name}{sample}" for sample in samples[name]]
        return ("\n".join(lines) + "\n").encode()

    def _each(self, what: str) -> list[str]:
        return [f'{{protocol="{name}"}} {getattr(counted, what)}' for name, counted in self._protocols.items()]

    def _durations(self) -> Iterator[str]:
        for name, counted in self._protocols.items():
            total = 0
            for le, count in zip((*BUCKETS_S, "+Inf"), counted.in_bucket, strict=True):
                total += count
                yield f'_bucket{{protocol="{name}",le="{le}"}} {total}'
            yield f'_sum{{protocol="{name}"}} {counted.duration_s:.6f}'
            yield f'_count{{protocol="{name}"}} {total}'
