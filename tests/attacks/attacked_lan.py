"""What the places of attacks have in common: namespaces that end with the test, and what the log said there."""

import itertools
import os
import subprocess
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from ringfence.edge.phones.event_reports import EventReports
from ringfence.edge.reporting.journal import Journal
from ringfence.edge.storage.disk import Disk
from ringfence.server.events import Banned, RequestRefused, WindowChanged, WorkerEvent

FORGED_PORT = 20_000
"""From here on attackers forge ports: below those that Linux gives to programs, or by chance one would be the phone's,
and the guard would hear two machines ask from it."""

_serial = itertools.count(1)


def ip(*words: str) -> None:
    """Run ``ip``."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


class AttackedLan(ABC):
    """Namespaces for ``machines``, in their order; sentences are those that an edge writes into its log."""

    def __init__(self, machines: Sequence[str]) -> None:
        number = f"{os.getpid()}-{next(_serial)}"
        self.names = tuple(f"rf-{machine}-{number}" for machine in machines)
        self._made: list[str] = []
        self._said: list[str] = []
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
            journal = Journal(self._folder / "reports", Disk())
            self._reports = EventReports(lambda _level, sentence: self._say(sentence), journal, lambda: ())
            for name in self.names:
                ip("netns", "add", name)
                self._made.append(name)
                ip("-n", name, "link", "set", "lo", "up")
            self._connect()
            self._serve()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_fault: object) -> None:
        self._stack.close()
        for name in self._made:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def said(self) -> list[str]:
        """Return what the log said since the last time."""
        with self._lock:
            told, self._said = self._said, []
        return told

    @abstractmethod
    def _connect(self) -> None:
        """Join the namespaces, which are there, to each other."""

    @abstractmethod
    def _serve(self) -> None:
        """Start what is attacked."""

    def _on_event(self, event: WorkerEvent) -> None:
        if isinstance(event, RequestRefused | WindowChanged | Banned):
            self._reports.note(event)

    def _say(self, sentence: str) -> None:
        with self._lock:
            self._said.append(sentence)
