"""`ringfence serve` as a real process on loopback, with what it says."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

SOON_S = 60.0

# Takes descriptors over as a service manager does: numbered from 3, and meant for this very process.
_ACTIVATE = """
import os, sys
count, command = int(sys.argv[1]), sys.argv[3:]
fds = [int(fd) for fd in sys.argv[2].split(",")]
for number, fd in enumerate(fds):
    os.dup2(fd, 100 + number)
for number in range(count):
    os.dup2(100 + number, 3 + number)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(count)
os.execv(command[0], command)
"""
COMMAND = (sys.executable, "-I", "-m", "ringfence.server")

MAC = "001122334455"
OWN = f"SEP{MAC}.cnf.xml"


class StandaloneServer:
    """Started with ``with``; stopped, if it still runs, at the end."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        listen: Sequence[str] = ("127.0.0.1:0",),
        fds: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        arguments = [str(folder), *options, *(part for text in listen for part in ("--listen", text))]
        self._command = [*command, *arguments]
        if fds:
            joined = ",".join(str(fd) for fd in fds)
            self._command = [sys.executable, "-c", _ACTIVATE, str(len(fds)), joined, *self._command]
        self._fds = fds
        self._environment = {**os.environ, **(environment or {})}
        self.lines: list[str] = []

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, pass_fds=self._fds, env=self._environment, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for(lambda: self.find(r"serving .* over TFTP") or self.process.poll() is not None)
        if self.process.poll() is not None:
            self._reader.join()
            raise AssertionError(self.lines)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it serves TFTP."""
        found = self.find(r"over TFTP on ([^;]*);")
        assert found is not None
        return [_address(text) for text in found[1].split(", ")]

    @property
    def address(self) -> tuple[str, int]:
        """Where it serves TFTP first."""
        return self.addresses[0]

    @property
    def metrics_address(self) -> tuple[str, int]:
        """Where its metrics are."""
        self.wait_for(lambda: self.find("metrics on"))
        found = self.find(r"metrics on ([^,\"]*)")
        assert found is not None
        return _address(found[1])

    def find(self, pattern: str) -> re.Match[str] | None:
        """Return the first line that has ``pattern`` in it."""
        return next((found for line in list(self.lines) if (found := re.search(pattern, line))), None)

    def wait_for_line(self, pattern: str) -> re.Match[str]:
        """Wait until it says ``pattern``."""
        self.wait_for(lambda: self.find(pattern))
        found = self.find(pattern)
        assert found is not None
        return found

    def wait_for(self, condition: Callable[[], object], timeout_s: float = SOON_S) -> None:
        """Wait until ``condition`` holds."""
        until = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < until, self.lines
            time.sleep(0.005)

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def stop(self) -> int:
        """Stop it as a service manager does; return its exit status."""
        self.tell(signal.SIGTERM)
        status = self.process.wait(SOON_S)
        self._reader.join()
        return status

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self.lines.append(line.rstrip("\n"))


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def phones_folder(at: Path) -> Path:
    """Make a folder with one phone's file, and one of four blocks and an empty one that ends it."""
    at.mkdir()
    (at / OWN).write_bytes(b"<device/>")
    (at / "big").write_bytes(bytes(range(256)) * 8)
    return at
