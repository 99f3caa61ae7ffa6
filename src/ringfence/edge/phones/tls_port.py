"""Port 6971 at an edge, where phones get their configuration by HTTPS, and the process behind it.

Port and process are there only while the release that is served has such a phone's file, and the hub knows the edge's
key. Otherwise whoever connects is refused at once, and phones take their signed files.
"""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from ringfence.edge.errors import TlsUnfitToRun
from ringfence.edge.phones import tls_messages as messages
from ringfence.edge.phones.tls_messages import ServeTls, TlsFailed, TlsReady, TlsUnfit
from ringfence.edge.reporting.log import Log
from ringfence.errors import RingfenceError
from ringfence.server.io.sockets import listen_tcp
from ringfence.server.processes.supervisor import WorkerSupervisor

START_S = 30.0
FIRST_RESTART_S, LONGEST_RESTART_S = 0.5, 30.0
TELL_AGAIN_S = 600.0
"""How long the same trouble is not told again."""
_BUFFER_BYTES = 512 * 1024


class TlsPort:
    """The port, for as long as it is wanted; safe to use from several threads.

    Args:
        hosts: The addresses at which phones connect.
        port: The port, 0 for one of the kernel's choice.
        worker: What serves the phones' files.
        log: Is told what hinders it.
        freebind: Whether the addresses need not be this machine's yet.
    """

    def __init__(
        self, hosts: Sequence[str], port: int, worker: WorkerSupervisor, log: Log, *, freebind: bool = False
    ) -> None:
        self._hosts, self._port, self._worker, self._log, self._freebind = hosts, port, worker, log, freebind
        self._lock = threading.Lock()
        self._listeners: list[socket.socket] = []
        self._line: socket.socket | None = None
        self._running: _Running | None = None
        self._told_at: dict[str, float] = {}

    @property
    def addresses(self) -> Sequence[tuple[str, int]]:
        """Where phones connect; nothing while nobody is to."""
        with self._lock:
            bound = [each.getsockname() for each in self._listeners]
        return [(str(at[0]), int(at[1])) for at in bound]

    @property
    def pid(self) -> int:
        """The process's number, 0 while there is none."""
        running = self._running
        return 0 if running is None else running.pid

    def serve(self, wanted: ServeTls | None) -> None:
        """Meet phones so from now on, or not at all; what hinders it is logged, and tried again at the next call."""
        with self._lock:
            if self._running is not None:
                if self._running.order == wanted:
                    return
                self._running.end()
                self._running = None
            if wanted is None:
                self._shut()
                return
            try:
                self._open()
                assert self._line is not None  # noqa: S101 - `_open` has made it
                self._running = _Running(wanted, self._listeners, self._line, self._tell)
            except (OSError, RingfenceError) as fault:
                self._shut()
                self._tell(f"Phones can't get their configuration by HTTPS here: {fault}")

    def close(self) -> None:
        """Take no more phones, and end the process."""
        self.serve(None)
        with self._lock:
            if self._line is not None:
                self._line.close()
                self._line = None

    def _open(self) -> None:
        if self._line is None:
            ours, workers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._line = ours
            with workers:
                self._worker.take_tls_line(workers.fileno())
        for host in [] if self._listeners else list(dict.fromkeys(self._hosts))[: messages.MOST_LISTENERS]:
            self._listeners.append(listen_tcp(host, self._port, freebind=self._freebind))

    def _shut(self) -> None:
        for each in self._listeners:
            each.close()
        self._listeners = []

    def _tell(self, sentence: str) -> None:
        now = time.monotonic()
        if now - self._told_at.get(sentence, -TELL_AGAIN_S) >= TELL_AGAIN_S:
            self._told_at = {**dict(list(self._told_at.items())[-15:]), sentence: now}
            self._log("warning", sentence)


class _Running:
    """The process and those after it, by one order. Linux ends a process with the thread that starts it."""

    def __init__(
        self, order: ServeTls, listeners: Sequence[socket.socket], line: socket.socket, tell: Callable[[str], None]
    ) -> None:
        self.order = order
        self.pid = 0
        self._descriptors = [*(each.dup() for each in listeners), line.dup()]
        self._tell = tell
        self._stopping = threading.Event()
        self._channel: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="phones-tls", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End it, and wait for that."""
        self._stopping.set()
        channel = self._channel
        if channel is not None:
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _run(self) -> None:
        pause_s = FIRST_RESTART_S
        while not self._stopping.is_set():
            began_at = time.monotonic()
            try:
                self._run_one()
            except (OSError, RingfenceError) as fault:
                if not self._stopping.is_set():
                    self._tell(f"Phones can't get their configuration by HTTPS for now: {fault}")
            pause_s = FIRST_RESTART_S if time.monotonic() - began_at > LONGEST_RESTART_S else pause_s
            self._stopping.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_RESTART_S)
        for each in self._descriptors:
            each.close()

    def _run_one(self) -> None:
        channel, childs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for each in (channel, childs):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        with channel:
            with childs:
                child = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
                    [sys.executable, "-I", "-m", "ringfence.edge.phones.tls_child", str(childs.fileno())],
                    pass_fds=[childs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL, cwd="/", env={"LC_ALL": "C.UTF-8"},
                )  # fmt: skip
            self._channel = channel
            try:
                if self._stopping.is_set():  # `end` may have looked before there was one
                    return
                self._greet(channel)
                self.pid = child.pid
                while (received := messages.receive(channel)) is not None:
                    if isinstance(received[0], TlsFailed):
                        self._tell(f"TLS with {received[0].host} at port 6971 failed: {received[0].why}.")
            finally:
                self.pid = 0
                self._channel = None
                child.kill()
                child.wait()

    def _greet(self, channel: socket.socket) -> None:
        channel.settimeout(START_S)
        messages.send(channel, self.order, [each.fileno() for each in self._descriptors])
        received = messages.receive(channel)
        said = None if received is None else received[0]
        if not isinstance(said, TlsReady):
            raise TlsUnfitToRun(said.why if isinstance(said, TlsUnfit) else "the process for them ended")
        channel.settimeout(None)
