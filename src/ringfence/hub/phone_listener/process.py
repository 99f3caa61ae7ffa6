"""The hub's side of the process that listens to phones: it is started, answered, and followed by another one."""

import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.phone_listener.errors import PhoneListenerUnfit
from ringfence.hub.phone_listener.messages import (
    CHANNEL,
    AddAuthority,
    DeliverFile,
    DenyFile,
    FileAsked,
    FileSent,
    FromListener,
    HandshakeFailed,
    ListenerReady,
    ListenerUnfit,
    ListenToPhones,
    RetireListener,
)

_CHILD = "ringfence.hub.phone_listener.child"
_LONGEST_START_S = 60.0
_BUFFER_BYTES = 1024 * 1024

_log = logs.get("phone-listener")


@dataclass(frozen=True, slots=True)
class ListenerMaterial:
    """What a listener's process holds: certificate and key (PEM), and the CAs of phones (PEM)."""

    listen: ListenToPhones
    authorities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file that goes out: its descriptor is closed once it is passed on."""

    deliver: DeliverFile
    descriptor: int


class DecidingDesk(Protocol):
    """What the hub decides of a phone's request."""

    def on_asked(self, asked: FileAsked, *, at_old: bool) -> GivenFile | None:
        """Return the file that a phone gets; None for nothing."""
        ...

    def on_sent(self, sent: FileSent, *, at_old: bool) -> None:
        """Note what became of a file."""
        ...

    def on_failed(self, failed: HandshakeFailed) -> None:
        """Note that TLS with somebody came to nothing."""
        ...


class PhoneListenerProcess:
    """One process that listens at one socket.

    Args:
        bound: The listening socket, which stays the caller's.
        material: What it is given.
        desk: What decides.

    Raises:
        PhoneListenerUnfit: The process can't be started, can't be confined, or can't use the certificate.
    """

    def __init__(self, bound: socket.socket, material: ListenerMaterial, desk: DecidingDesk) -> None:
        self.material = material
        self._desk = desk
        self._channel, self._childs_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._channel, self._childs_end):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        self._child: subprocess.Popen[bytes] | None = None
        self._is_over = False
        self._started = threading.Event()
        self._why_unfit = ""
        threading.Thread(target=self._run, args=(bound,), name="phone-listener", daemon=True).start()
        self._started.wait()
        if self._why_unfit:
            self.end()
            raise PhoneListenerUnfit(
                self._why_unfit, to_do="Correct `phones_certificate` and `phones_key` in hub.toml."
            )

    @property
    def pid(self) -> int:
        """The process's number, 0 while there is none."""
        return 0 if self._child is None else self._child.pid

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and another one is needed."""
        return self._is_over

    def retire(self) -> None:
        """Have it accept no more, and end once its phones have gone."""
        with suppress(OSError):
            CHANNEL.send(self._channel, RetireListener())

    def end(self) -> None:
        """End the process, and every connection with it."""
        self._is_over = True
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        self._channel.close()

    def _run(self, bound: socket.socket) -> None:
        """Start the process and listen to it: Linux ends it with the thread that starts it, so that is this one."""
        try:
            self._start(bound)
        except (OSError, RingfenceError, ValueError) as fault:
            self._why_unfit = f"the process that listens to phones does not start: {fault}"
        finally:
            self._started.set()
        if not self._why_unfit:
            self._listen()

    def _start(self, bound: socket.socket) -> None:
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with self._childs_end as childs:
            self._child = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", _CHILD],
                stdin=childs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        self._channel.settimeout(_LONGEST_START_S)
        for pem in self.material.authorities:
            CHANNEL.send(self._channel, AddAuthority(pem))
        CHANNEL.send(self._channel, self.material.listen, bound.fileno())
        said = CHANNEL.receive_news(self._channel)
        if isinstance(said, ListenerReady):
            self._channel.settimeout(None)
            _log.info("phones are listened to", held_by=said.held_by, old=self.material.listen.is_for_old)
        else:
            why = said.why if isinstance(said, ListenerUnfit) else "it ended"
            self._why_unfit = f"phones can't be listened to: {why}"

    def _listen(self) -> None:
        try:
            while (message := CHANNEL.receive_news(self._channel)) is not None:
                self._dispatch(message)
        except (OSError, RingfenceError, ValueError) as fault:
            if not self._is_over:
                _log.warning("the process that listens to phones ended", problem=str(fault))
        self._is_over = True

    def _dispatch(self, message: FromListener) -> None:
        at_old = self.material.listen.is_for_old
        try:
            match message:
                case FileAsked():
                    self._answer(message.number, self._desk.on_asked(message, at_old=at_old))
                case FileSent():
                    self._desk.on_sent(message, at_old=at_old)
                case HandshakeFailed():
                    self._desk.on_failed(message)
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - one phone's trouble is no other's; the log has the trace
            _log.exception("internal error in a phone's request")
            if isinstance(message, FileAsked):
                self._answer(message.number, None)

    def _answer(self, number: int, given: GivenFile | None) -> None:
        if given is None:
            CHANNEL.send(self._channel, DenyFile(number))
            return
        try:
            CHANNEL.send(self._channel, given.deliver, given.descriptor)
        finally:
            os.close(given.descriptor)
