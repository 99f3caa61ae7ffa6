"""Numbered reports of what happened here, kept until the hub has stored them.

Reports are numbered from 1 without gaps. A report is sent only once it is durable, so that a number is never given
twice; it is removed only once the hub has acknowledged it. The hub stores each number once, so no report is lost or
duplicated.
"""

import threading
from pathlib import Path

from ringfence.counted import counted
from ringfence.edge.errors import FolderBroken
from ringfence.edge.storage.disk import Disk
from ringfence.errors import EnvironmentFault
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage
from ringfence.wire.messages import Report, ReportBatch, ReportKind

MOST_WAITING = 20_000
"""How many reports wait for a hub that is away; later ones are counted, and the count is reported."""
COMPACT_BYTES = 256 * 1024
BATCH = 500


class Journal:
    """The reports that wait for the hub; safe to use from several threads.

    Raises:
        FolderBroken: Its files contain something else.
        DiskFull, DiskFault: Its files can't be read or written.
    """

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._disk = disk
        self._file = folder / "journal.jsonl"
        self._acknowledged_file = folder / "acknowledged"
        self._condition = threading.Condition()
        disk.make_folder(folder)
        self._acknowledged = self._read_acknowledged()
        self._waiting, whole = self._read()
        if not whole:
            disk.replace(self._file, _lines(self._waiting))
        last = self._waiting[-1].seq if self._waiting else 0
        self._next = max(self._acknowledged, last) + 1
        self._unsynced = False
        self._dropped = 0
        self._closing = False

    @property
    def waiting(self) -> int:
        """How many reports the hub has not acknowledged."""
        with self._condition:
            return len(self._waiting)

    def add(self, at: float, kind: ReportKind, sentence: str, **parts: str | float) -> None:
        """Note one thing that happened.

        A full disk raises nothing: reports that could not be stored are counted, and the count is reported later.

        Args:
            at: When, in Unix seconds.
            kind: What kind of thing.
            sentence: What happened, for people.
            **parts: Further fields of ``Report``.
        """
        with self._condition:
            if len(self._waiting) >= MOST_WAITING:
                self._dropped += 1
                return
            if self._dropped and self._append(
                Report(
                    self._next,
                    at,
                    ReportKind.REPORTS_DROPPED,
                    self._dropped_sentence(),
                )
            ):
                self._dropped = 0
            report = Report(self._next, at, kind, sentence, **parts)  # type: ignore[arg-type]  # the parts are Report's
            if not self._append(report):
                self._dropped += 1
            self._condition.notify_all()

    def next_batch(self, timeout_s: float) -> ReportBatch:
        """Wait for reports and return the oldest, made durable; an empty batch where the time ran out."""
        with self._condition:
            self._condition.wait_for(lambda: self._waiting or self._closing, timeout_s)
            if self._waiting and self._unsynced:
                self._disk.sync(self._file)
                self._unsynced = False
            return ReportBatch(tuple(self._waiting[:BATCH]), self._acknowledged)

    def acknowledge(self, seq: int) -> None:
        """Delete every report up to and including ``seq``: the hub has stored them."""
        with self._condition:
            if seq <= self._acknowledged or seq >= self._next:
                return
            self._disk.replace(self._acknowledged_file, str(seq).encode())
            self._acknowledged = seq
            self._waiting = [report for report in self._waiting if report.seq > seq]
            if not self._waiting or self._disk.size(self._file) > COMPACT_BYTES:
                self._disk.replace(self._file, _lines(self._waiting))
                self._unsynced = False

    def close(self) -> None:
        """Let a waiting reader return, and no later one wait."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()

    def _dropped_sentence(self) -> str:
        return f"{counted(self._dropped, 'report')} dropped: there was no room"

    def _append(self, report: Report) -> bool:
        try:
            self._disk.append(self._file, _lines([report]))
        except EnvironmentFault:
            return False
        self._unsynced = True
        self._waiting.append(report)
        self._next += 1
        return True

    def _read_acknowledged(self) -> int:
        try:
            return int(self._disk.read(self._acknowledged_file) or b"0")
        except ValueError:
            raise FolderBroken(
                "this file does not contain the number of the last report that the hub stored",
                where=str(self._acknowledged_file),
                to_do="Restore it, or remove the edge's folder and enrol again with a new token: ringfence site token "
                "SITE.",
            ) from None

    def _read(self) -> tuple[list[Report], bool]:
        """Return the reports that wait, and whether the file is whole: a cut of the power may tear its last line."""
        waiting: list[Report] = []
        for line in (self._disk.read(self._file) or b"").splitlines(keepends=True):
            try:
                report = codec.from_json(Report, line)
            except BadMessage:
                return waiting, False
            if not line.endswith(b"\n"):
                return waiting, False
            if report.seq > self._acknowledged:
                waiting.append(report)
        return waiting, True


def _lines(reports: list[Report]) -> bytes:
    return b"".join(codec.to_json(report) + b"\n" for report in reports)
