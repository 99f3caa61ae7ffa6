"""The launcher, ``python -I -m ringfence.server.processes.launcher FD``: started by the supervisor alone, while it can.

It immediately gives up everything that no worker may have, and then forks a worker whenever it is told to. So no
process has to keep root's rights to start the next worker as confined as the first (docs/adr/0015), and a worker starts
within milliseconds. The phone relay comes from it in the same way. It reads only its maker's messages, never a
stranger's packet. It ends when the other end of the pair closes, and what it started ends with it.
"""

# ruff: noqa: E402 - as in worker.py, which says why
from ringfence.left_out import HASHES, TYPING, leave_out

leave_out(HASHES, TYPING)

import contextlib
import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence

from ringfence.server.confinement import capabilities
from ringfence.server.confinement.steps import Confined, confine
from ringfence.server.errors import ConfinementFailed
from ringfence.server.processes import phone_relay, worker
from ringfence.server.processes.launcher_messages import (
    Ended,
    Kill,
    NotStarted,
    Prepared,
    Start,
    Started,
    StartRelay,
    Unfit,
    receive,
    send,
)

_STDERR = 2


class Launcher:
    """Starts workers and tells how they ended; starts phone relays."""

    def __init__(self, channel: socket.socket, confined: Confined) -> None:
        self._channel = channel
        self._confined = confined
        self._workers: set[int] = set()
        self._relays: set[int] = set()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # its number comes over the wake-up socket

    def run(self) -> None:
        """Do as told until the supervisor is gone."""
        while True:
            ready, _, _ = select.select([self._channel, self._wake_reader], [], [])
            if self._wake_reader in ready:
                with contextlib.suppress(BlockingIOError):
                    self._wake_reader.recv(64)
                self._tell_of_the_dead()
            if self._channel in ready and not self._obey():
                return

    def _obey(self) -> bool:
        received = receive(self._channel)
        match received:
            case None:
                return False
            case Start(), [channel_fd, stderr_fd]:
                self._start(channel_fd, stderr_fd)
            case StartRelay(), [channel_fd]:
                self._start_relay(channel_fd)
            case Kill(pid), _:
                if pid in self._workers:  # else it has ended in the meantime
                    os.kill(pid, signal.SIGKILL)
        return True

    def _start(self, channel_fd: int, stderr_fd: int) -> None:
        try:
            pid = self._fork(lambda: worker.serve(channel_fd, self._confined), stderr_fd)
        except OSError as fault:
            send(self._channel, NotStarted(fault.strerror or ""))
        else:
            self._workers.add(pid)
            send(self._channel, Started(pid))
        os.close(channel_fd)
        os.close(stderr_fd)

    def _start_relay(self, channel_fd: int) -> None:
        with contextlib.suppress(OSError):  # the closed pair tells it
            self._relays.add(self._fork(lambda: phone_relay.serve(channel_fd, self._confined)))
        os.close(channel_fd)

    def _fork(self, be: Callable[[], int], stderr_fd: int | None = None) -> int:
        """Return the number of a process that goes on as another, and has nothing of the launcher's. OSError."""
        launcher = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            capabilities.end_with_parent(signal.SIGKILL)
            if os.getppid() == launcher:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for own in (self._channel, self._wake_reader, self._wake_writer):
                    own.close()
                if stderr_fd is not None:
                    os.dup2(stderr_fd, _STDERR)
                    os.close(stderr_fd)
                status = be()
        except BaseException:  # noqa: BLE001 - as at an interpreter's end: it is told, and the process is over
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)

    def _tell_of_the_dead(self) -> None:
        for pid in tuple(self._relays):
            if os.waitpid(pid, os.WNOHANG)[0]:
                self._relays.discard(pid)
        for pid in tuple(self._workers):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._workers.discard(pid)
                with contextlib.suppress(OSError):  # the supervisor is gone, and next this is told
                    send(self._channel, Ended(pid, os.waitstatus_to_exitcode(status)))


def main(arguments: Sequence[str]) -> int:
    """Confine this process and launch; return the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor, which then closes the pair
    channel = socket.socket(fileno=int(arguments[0]))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        try:
            confined = confine()
        except ConfinementFailed as fault:
            send(channel, Unfit(str(fault)))
            return worker.CONFINEMENT_FAILED
        gc.collect()
        gc.freeze()  # what is here is every worker's, and stays in common as long as nobody writes to it
        send(channel, Prepared())
        Launcher(channel, confined).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
