"""The programs that a box's network is made of: where they are, how one is run, and how one is kept running."""

import contextlib
import os
import pwd
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from ringfence.edge.errors import PortRefused, ProgramMissing

FOLDERS = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin"
PACKAGES = {
    "nft": "nftables",
    "ip": "iproute2",
    "tc": "iproute2",
    "bridge": "iproute2",
    "hostapd": "hostapd",
    "setpriv": "util-linux",
    "nmcli": "network-manager",
    "dnsmasq": "dnsmasq-base",
    "chronyd": "chrony",
    "wg": "wireguard-tools",
    "wireguard-go": "wireguard-go",
}
_TIMEOUT_S = 10.0
_END_S = 3.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_WELL_AFTER_S = 60.0


def find(name: str) -> str:
    """Return a program's path, from the system's own folders.

    Raises:
        ProgramMissing: It is not installed.
    """
    path = next((path for folder in FOLDERS.split(":") if os.access(path := f"{folder}/{name}", os.X_OK)), None)
    if path is None:
        raise ProgramMissing(f"{name} is not installed", to_do=f"Install it: apt install {PACKAGES[name]}")
    return path


def user(*names: str) -> str:
    """Return whom a program becomes once it has its sockets: the first of these users that there is, or nobody."""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in names if name in known), "nobody")


def run(program: str, *arguments: str, text: str = "") -> bytes:
    """Run a program to its end and return what it printed.

    Raises:
        PortRefused: It did not do it; the sentence is its own.
    """
    name = Path(program).name
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system's folders, no shell
            [program, *arguments],
            input=text.encode(),
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            cwd="/",
            env={"PATH": FOLDERS, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise PortRefused(f"{name} can't be run: {fault}") from fault
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0] or f"status {done.returncode}"
        raise PortRefused(f"{name} says no: {said[:300]}")
    return done.stdout


class KeptProgram:
    """A program that is started again when it ends; one that ends at once is started ever more rarely.

    It becomes a user of its own, so that its end with us can't be asked of the kernel: what an earlier helper left
    behind is found by its number in ``pid_file``, and ended before another one starts. ``before`` is a program, with
    its arguments, that becomes this one after it has given up rights.
    """

    def __init__(self, name: str, arguments: Sequence[str], pid_file: Path, before: Sequence[str] = ()) -> None:
        self._name = name
        self._before = tuple(before)
        self._arguments = tuple(arguments)
        self._pid_file = pid_file
        self._child: subprocess.Popen[bytes] | None = None
        self._started_at = float("-inf")
        self._start_at = float("-inf")
        self._pause_s = _FIRST_PAUSE_S
        self._why = ""

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start it, in the place of one that runs.

        Raises:
            ProgramMissing: It is not installed.
            PortRefused: The machine does not start it.
        """
        self.end()
        program = find(self._name)
        before = [find(self._before[0]), *self._before[1:]] if self._before else []
        self._started_at = time.monotonic()
        try:
            self._child = subprocess.Popen(  # noqa: S603 - as in `run`
                [*before, program, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": FOLDERS, "LC_ALL": "C"},
                start_new_session=True,
            )
            self._pid_file.write_text(str(self._child.pid))
        except OSError as fault:
            raise PortRefused(f"{self._name} can't be started: {fault.strerror}") from fault

    def look_after(self) -> str:
        """Start it again if it has ended, and it is time; return a sentence while it does not run.

        Raises:
            ProgramMissing, PortRefused: As ``start``.
        """
        now = time.monotonic()
        if self.is_alive:
            if now - self._started_at > _WELL_AFTER_S:
                self._pause_s = _FIRST_PAUSE_S
            return ""
        if self._child is not None:
            status, self._child = self._child.returncode, None
            self._start_at, self._pause_s = now + self._pause_s, min(2 * self._pause_s, _LONGEST_PAUSE_S)
            self._why = f"{self._name} ended with status {status} and is started again."
        if now >= self._start_at:
            self.start()
        return self._why

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)

    def end(self) -> None:
        """End it, and what an earlier helper left of it."""
        if self._child is not None:
            _end(self._child)
            self._child = None
        self._end_stale()
        self._pid_file.unlink(missing_ok=True)

    def _end_stale(self) -> None:
        """End what the file names, if that is this program with these arguments and nothing else by now."""
        try:
            pid = int(self._pid_file.read_text())
            descriptor = os.pidfd_open(pid)
        except (OSError, ValueError):
            return
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if words[1:-1] != [word.encode() for word in self._arguments]:
                return
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, number)
                if _has_ended(descriptor):
                    return
        except OSError:
            return
        finally:
            os.close(descriptor)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _has_ended(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], _END_S)[0])
