"""The worker's process as its supervisor sees it, and the launcher's, which started it.

Of a worker: the control socket, its last words, and how it ended.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from ringfence.server.access.evidence_wait import Heard, Question
from ringfence.server.access.reload_tokens import ReloadToken
from ringfence.server.confinement.steps import Confined
from ringfence.server.errors import ControlBroken, WorkerFault
from ringfence.server.events import WorkerEvent, printable
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.launcher_messages import (
    Ended,
    Kill,
    LauncherMessage,
    NotStarted,
    Prepared,
    Start,
    Started,
    StartRelay,
    Unfit,
    receive,
    send,
)
from ringfence.server.processes.messages import (
    LONGEST_MESSAGE_BYTES,
    Accepted,
    Admit,
    AskParent,
    Begin,
    CatalogueEntry,
    CataloguePart,
    Commit,
    EventsTold,
    FromWorker,
    Listen,
    Ready,
    Rejected,
    TakeRules,
    TakeTlsLine,
    TellWorker,
    ToWorker,
    WorkerSettings,
    decode_from_worker,
    parts_of,
    send_to_worker,
)

ANSWER_TIMEOUT_S = 10.0
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 3.0
_LAST_WORDS_BYTES = 4096


class LauncherProcess:
    """The child that starts workers (``processes/launcher.py``), as confined as this process's rights allow now.

    So it is to be made while there are rights. It gets an empty environment and its end of the pair. Made by one
    thread, used by one; another may start phone relays.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._is_prepared = False
        self._ended: dict[int, int] = {}
        self._channel, child_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with child_end:
            try:
                self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
                    [sys.executable, "-I", "-m", "ringfence.server.processes.launcher", str(child_end.fileno())],
                    pass_fds=[child_end.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env={"LC_ALL": "C.UTF-8"},
                    start_new_session=True,
                )
            except OSError:
                self._channel.close()
                raise

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._child.poll() is None

    def prepare(self, timeout_s: float) -> None:
        """Wait until it has given up what no worker may have. Raise WorkerFault if it can't, OSError if it died."""
        if self._is_prepared:
            return
        match self._receive(timeout_s):
            case Prepared():
                self._is_prepared = True
            case Unfit(why):
                raise WorkerFault(why)
            case other:
                raise ConnectionAbortedError(f"the launcher started with the message {type(other).__name__}")

    def start(self, channel_fd: int, stderr_fd: int, timeout_s: float) -> int:
        """Return the number of a new worker. WorkerFault, OSError."""
        self.prepare(timeout_s)
        send(self._channel, Start(), (channel_fd, stderr_fd))
        while True:
            match self._receive(timeout_s):
                case Started(pid):
                    return pid
                case NotStarted(why):
                    raise WorkerFault("the machine can't start a process", where=why)
                case other:
                    self._note(other)

    def start_relay(self, channel_fd: int) -> None:
        """Start a phone relay (``processes/phone_relay.py``) on its end of a pair, closed if there is none. OSError."""
        send(self._channel, StartRelay(), (channel_fd,))

    def begin_again(self) -> None:
        """Replace a launcher that died by one that is as confined as this process's rights allow now. OSError."""
        self.close()
        self._begin()

    def wait(self, pid: int, timeout_s: float) -> int:
        """Return how a worker ended, as subprocess does; after ``timeout_s`` it is killed. OSError."""
        try:
            self._wait(pid, time.monotonic() + timeout_s)
        except TimeoutError:
            send(self._channel, Kill(pid))
            self._wait(pid, time.monotonic() + timeout_s)
        return self._ended.pop(pid)

    def close(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End it, and the workers that there still are. May be called twice."""
        self._channel.close()
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(PermissionError):  # it has another account by now; the closed pair ends it
                self._child.kill()
                self._child.wait()

    def _wait(self, pid: int, until: float) -> None:
        while pid not in self._ended:
            self._note(self._receive(until - time.monotonic()))

    def _note(self, message: LauncherMessage) -> None:
        if isinstance(message, Ended):
            self._ended[message.pid] = message.status

    def _receive(self, timeout_s: float) -> LauncherMessage:
        if timeout_s <= 0:
            raise TimeoutError("the launcher does not answer")
        self._channel.settimeout(timeout_s)
        received = receive(self._channel)
        if received is None:
            raise ConnectionResetError("the launcher ended")
        return received[0]


class WorkerProcess:
    """A process that a launcher made, to serve; used by one thread."""

    def __init__(
        self,
        launcher: LauncherProcess,
        *,
        on_event: Callable[[WorkerEvent], None],
        on_log: Callable[[str], None],
        hear: Callable[[Sequence[Question]], Sequence[Heard]] | None = None,
    ) -> None:
        self._launcher = launcher
        self._on_event = on_event
        self._hear_wire = hear
        self._on_log = on_log
        self._serial = 0
        self._last_words = b""
        self._channel, child_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._stderr, stderr_writer = os.pipe()
        os.set_blocking(self._stderr, False)
        try:
            self._pid = launcher.start(child_end.fileno(), stderr_writer, START_TIMEOUT_S)
        except BaseException:
            self._channel.close()
            os.close(self._stderr)
            raise
        finally:
            child_end.close()
            os.close(stderr_writer)

    @property
    def pid(self) -> int:
        """The process number."""
        return self._pid

    @property
    def descriptors(self) -> tuple[int, int]:
        """What to wait for: the control socket and the child's last words."""
        return self._channel.fileno(), self._stderr

    def greet(self, settings: WorkerSettings, listeners: Sequence[socket.socket], timeout_s: float) -> Confined:
        """Wait until the worker is confined, hand it its sockets, and return what holds it. OSError or WorkerFault."""
        self._channel.settimeout(timeout_s)
        began_with = self._receive()
        if not isinstance(began_with, Ready):
            raise WorkerFault("the worker's first message was not that it is ready")
        self._ask(Listen(0, settings), [listener.fileno() for listener in listeners])
        return began_with.confined

    def rule(self, site: str, name: str, rules_fd: int) -> None:
        """Give the worker a site's rules, as a file. WorkerFault: refused; OSError: died."""
        self._ask(TakeRules(0, site, name), [rules_fd])

    def take_tls_line(self, line_fd: int) -> None:
        """Give the worker a line over which connections by TLS come. WorkerFault: refused; OSError: died."""
        self._ask(TakeTlsLine(0), [line_fd])

    def hand_over(self, site: str, release: int, offers: Sequence[Offer]) -> None:
        """Give the worker a site's catalogue; returns once it serves it. WorkerFault: refused; OSError: died."""
        self._ask(Begin(0, release, site))
        entries = [
            CatalogueEntry(offer.name, offer.length, offer.kind, offer.owner, offer.secret, offer.sealed)
            for offer in offers
        ]
        for start, stop in parts_of(entries):
            part = CataloguePart(0, tuple(entries[start:stop]))
            self._ask(part, [o.fd for o in offers[start:stop]])
        self._ask(Commit(0, len(entries)))

    def admit(self, token: ReloadToken) -> None:
        """Have the worker confirm an order to a phone. WorkerFault: refused; OSError: died."""
        self._ask(Admit(0, token))

    def on_ready(self, fd: int) -> bool:
        """Read what came on ``fd``; False once the worker has closed its end."""
        if fd == self._stderr:
            return self._hear()
        try:
            message = self._receive()
        except OSError:
            return False
        self._on_unasked(message)
        return True

    def end(self, timeout_s: float) -> str:
        """Close the pair, which ends the worker; after ``timeout_s`` kill it. Return how it ended, for people."""
        self._channel.close()
        status: int | None = None
        with contextlib.suppress(OSError):  # the launcher died; the kernel ends its workers then
            status = self._launcher.wait(self._pid, timeout_s)
        self._hear()
        os.close(self._stderr)
        if status is None:
            return "it ended together with the launcher, which starts workers"
        how = f"exit status {status}"
        if status < 0:
            with contextlib.suppress(ValueError):
                how = f"killed by {signal.Signals(-status).name}"
        words = printable(self._last_words.decode("utf-8", "replace").strip().rpartition("\n")[2])
        return f"{how}; its last output: {words}" if words else how

    def _ask(self, message: ToWorker, descriptors: Sequence[int] = ()) -> None:
        """Number ``message``, send it, and wait for its answer; events that come before it are passed on."""
        self._serial += 1
        self._channel.settimeout(ANSWER_TIMEOUT_S)
        send_to_worker(self._channel, replace(message, serial=self._serial), descriptors)
        until = time.monotonic() + ANSWER_TIMEOUT_S
        while True:
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the worker does not answer")
            self._channel.settimeout(left_s)
            match self._receive():
                case Accepted(serial) if serial == self._serial:
                    return
                case Rejected(serial, why) if serial == self._serial:
                    raise WorkerFault("the worker refused it", where=why)
                case other:
                    self._on_unasked(other)

    def _receive(self) -> FromWorker:
        data = self._channel.recv(2 * LONGEST_MESSAGE_BYTES)
        if not data:
            raise ConnectionResetError("the worker closed the connection")
        try:
            return decode_from_worker(data)
        except ControlBroken as fault:
            # A worker that talks nonsense is broken or taken over: it is ended like one that died.
            raise ConnectionAbortedError(str(fault)) from fault

    def _on_unasked(self, message: FromWorker) -> None:
        if isinstance(message, EventsTold):
            for event in message.events:
                self._on_event(event)
        elif isinstance(message, AskParent) and self._hear_wire is not None:
            send_to_worker(self._channel, TellWorker(tuple(self._hear_wire(message.questions))))

    def _hear(self) -> bool:
        """Keep the end of what the child writes to its standard error; it writes when it crashes."""
        try:
            words = os.read(self._stderr, _LAST_WORDS_BYTES)
        except BlockingIOError:
            return True
        if not words:
            return False
        self._last_words = (self._last_words + words)[-_LAST_WORDS_BYTES:]
        self._on_log(f"worker {self.pid} says: {printable(words.decode('utf-8', 'replace').strip())}")
        return True
