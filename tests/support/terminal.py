"""A command on a terminal of its own, as a person sees and answers it."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support.command_line import CommandLine

_LONGEST_WAIT_S = 60.0
# Opening a terminal makes it that of a session which has none, so that Ctrl-C reaches the command.
_START = "import os, sys; os.open(os.ttyname(0), os.O_RDWR); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


@dataclass(slots=True)
class Terminal:
    """What a running command shows, and what is typed to it."""

    running: "subprocess.Popen[bytes]"
    ours: int
    _shown: bytearray = field(default_factory=bytearray)

    @property
    def shown(self) -> str:
        """All that it has shown so far."""
        return self._shown.decode(errors="replace").replace("\r\n", "\n")

    def wait_for(self, text: str) -> None:
        """Wait until it shows a text that it has not shown when ``type`` was called last."""
        while text not in self.shown:
            assert self._read(), f"it ended without {text!r}: {self.shown}"

    def type(self, text: str) -> None:
        """Type a text once it waits for one; what was shown until now is not looked at again.

        A Ctrl-C between the question and the read that waits for its answer is seen only when that read ends.
        """
        deadline = time.monotonic() + _LONGEST_WAIT_S
        while self._state() == "R":
            assert time.monotonic() < deadline, f"it waits for nothing: {self.shown}"
            time.sleep(0.01)
        self._shown.clear()
        os.write(self.ours, text.encode())

    def end(self) -> int:
        """Wait until it ends; return its status."""
        while self._read():
            pass
        return self.running.wait(_LONGEST_WAIT_S)

    def _state(self) -> str:
        """Return what the process does: ``R`` runs, ``S`` waits, and the others of proc(5)."""
        return Path(f"/proc/{self.running.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def _read(self) -> bool:
        """Read what there is; return False when nothing comes any more."""
        deadline = time.monotonic() + _LONGEST_WAIT_S
        while not select.select([self.ours], [], [], 0.1)[0]:
            assert time.monotonic() < deadline, f"it shows nothing more: {self.shown}"
        try:
            data = os.read(self.ours, 1 << 16)
        except OSError:  # the other end is closed
            return False
        self._shown += data
        return bool(data)


@contextlib.contextmanager
def on_terminal(ringfence: CommandLine, words: Sequence[str], columns: int = 80, lines: int = 24) -> Iterator[Terminal]:
    """Run ``ringfence`` with these words on a terminal of this size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    variables = {**os.environ, **ringfence.variables, "COLUMNS": str(columns), "LINES": str(lines), "TERM": "xterm"}
    command = [sys.executable, "-c", _START, "-m", "ringfence.cli.main", *words]
    with subprocess.Popen(
        command, env=variables, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as running:
        os.close(theirs)
        try:
            yield Terminal(running, ours)
        finally:
            running.kill()
            os.close(ours)
