"""One worker process as its supervisor sees it: the control socket, its last words, and how it ended."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ringfence.guard.evidence import OnTheWire
from ringfence.server.catalogue import Offer
from ringfence.server.control import (
    LONGEST_MESSAGE_BYTES,
    Accepted,
    Admit,
    Ask,
    Begin,
    Commit,
    FromWorker,
    Heard,
    Listen,
    Part,
    PartEntry,
    Ready,
    Rejected,
    Rule,
    Settings,
    Told,
    ToWorker,
    decode_from_worker,
    parts_of,
    send_to_worker,
)
from ringfence.server.errors import ControlBroken, WorkerFault
from ringfence.server.events import WorkerEvent, printable
from ringfence.server.passes import Pass

ANSWER_TIMEOUT_S = 10.0
_LAST_WORDS_BYTES = 4096


class WorkerProcess:
    """A child that runs ``ringfence.server.worker``; used by one thread.

    The child gets an empty environment and nothing but its end of the control pair.
    """

    def __init__(
        self,
        *,
        on_event: Callable[[WorkerEvent], None],
        on_log: Callable[[str], None],
        hear: Callable[[str, int], OnTheWire] | None = None,
    ) -> None:
        self._on_event = on_event
        self._hear_wire = hear
        self._on_log = on_log
        self._serial = 0
        self._last_words = b""
        self._channel, child_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with child_end:
            try:
                self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
                    [sys.executable, "-I", "-m", "ringfence.server.worker", str(child_end.fileno())],
                    pass_fds=[child_end.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    cwd="/",
                    env={"LC_ALL": "C.UTF-8"},
                    start_new_session=True,
                )
            except OSError:
                self._channel.close()
                raise
        if self._child.stderr is None:
            raise AssertionError("a pipe was asked for")
        self._stderr = self._child.stderr
        os.set_blocking(self._stderr.fileno(), False)

    @property
    def pid(self) -> int:
        """The process number."""
        return self._child.pid

    @property
    def descriptors(self) -> tuple[int, int]:
        """What to wait for: the control socket and the child's last words."""
        return self._channel.fileno(), self._stderr.fileno()

    def greet(self, settings: Settings, listeners: Sequence[socket.socket], timeout_s: float) -> None:
        """Wait until the worker is confined, and hand it its sockets. OSError or WorkerFault where it isn't."""
        self._channel.settimeout(timeout_s)
        if not isinstance(self._receive(), Ready):
            raise WorkerFault("the worker began with something else than its readiness")
        self._ask(Listen(0, settings), [listener.fileno() for listener in listeners])

    def rule(self, site: str, name: str, rules_fd: int) -> None:
        """Give the worker a site's rules, as a file. WorkerFault: refused; OSError: died."""
        self._ask(Rule(0, site, name), [rules_fd])

    def hand_over(self, site: str, release: int, offers: Sequence[Offer]) -> None:
        """Give the worker a site's catalogue; returns once it serves it. WorkerFault: refused; OSError: died."""
        self._ask(Begin(0, release, site))
        entries = [PartEntry(offer.name, offer.length, offer.kind, offer.owner, offer.secret) for offer in offers]
        for start, stop in parts_of(entries):
            part = Part(0, tuple(entries[start:stop]))
            self._ask(part, [o.fd for o in offers[start:stop]])
        self._ask(Commit(0, len(entries)))

    def admit(self, pass_: Pass) -> None:
        """Have the worker confirm an order to a phone. WorkerFault: refused; OSError: died."""
        self._ask(Admit(0, pass_))

    def on_ready(self, fd: int) -> bool:
        """Read what came on ``fd``; False once the worker has closed its end."""
        if fd == self._stderr.fileno():
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
        try:
            status = self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            status = self._child.wait()
        self._hear()
        self._stderr.close()
        how = f"exit status {status}"
        if status < 0:
            with contextlib.suppress(ValueError):
                how = f"killed by {signal.Signals(-status).name}"
        words = printable(self._last_words.decode("utf-8", "replace").strip().rpartition("\n")[2])
        return f"{how}; its last words: {words}" if words else how

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
            raise ConnectionResetError("the worker closed its end")
        try:
            return decode_from_worker(data)
        except ControlBroken as fault:
            # A worker that talks nonsense is broken or taken over: it is ended like one that died.
            raise ConnectionAbortedError(str(fault)) from fault

    def _on_unasked(self, message: FromWorker) -> None:
        if isinstance(message, Told):
            for event in message.events:
                self._on_event(event)
        elif isinstance(message, Ask) and self._hear_wire is not None:
            heard = self._hear_wire(message.host, message.port)
            send_to_worker(self._channel, Heard(message.serial, heard))

    def _hear(self) -> bool:
        """Keep the end of what the child writes to its standard error; it writes when it crashes."""
        try:
            words = os.read(self._stderr.fileno(), _LAST_WORDS_BYTES)
        except BlockingIOError:
            return True
        if not words:
            return False
        self._last_words = (self._last_words + words)[-_LAST_WORDS_BYTES:]
        self._on_log(f"worker {self.pid} says: {printable(words.decode('utf-8', 'replace').strip())}")
        return True
