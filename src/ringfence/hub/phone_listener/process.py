"""The hub's side of the process that listens to phones: it is started, answered, and followed by another one."""

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from ringfence.hub import logs
from ringfence.hub.child_process import ChildKind, ConfinedChild
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
    ToListener,
)

_KIND = ChildKind("ringfence.hub.phone_listener.child", "phone-listener", "listens to phones", CHANNEL)

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
        self._child: ConfinedChild[ToListener, FromListener] = ConfinedChild(_KIND, self._dispatch)
        if why := self._child.start(partial(self._begin, bound)):
            raise PhoneListenerUnfit(why, to_do="Correct `phones_certificate` and `phones_key` in hub.toml.")

    @property
    def pid(self) -> int:
        """The process's number, 0 while there is none."""
        return self._child.pid

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and another one is needed."""
        return self._child.is_over

    def retire(self) -> None:
        """Have it accept no more, and end once its phones have gone."""
        with suppress(OSError):
            self._child.send(RetireListener())

    def end(self) -> None:
        """End the process, and every connection with it."""
        self._child.end()

    def _begin(self, bound: socket.socket) -> str:
        for pem in self.material.authorities:
            self._child.send(AddAuthority(pem))
        self._child.send(self.material.listen, bound.fileno())
        said = self._child.hear()
        if isinstance(said, ListenerReady):
            _log.info("phones are listened to", held_by=said.held_by, old=self.material.listen.is_for_old)
            return ""
        return f"phones can't be listened to: {said.why if isinstance(said, ListenerUnfit) else 'it ended'}"

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
            self._child.send(DenyFile(number))
            return
        try:
            self._child.send(given.deliver, given.descriptor)
        finally:
            os.close(given.descriptor)
