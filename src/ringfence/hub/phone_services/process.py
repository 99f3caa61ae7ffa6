"""The hub's side of the process that speaks CAPF and TVS: it is started, given phones' connections, and answered."""

import secrets
import socket
import threading
import time
from functools import partial
from typing import Protocol

from ringfence.hub import logs
from ringfence.hub.certificate_errors import PhoneServicesUnfit
from ringfence.hub.child_process import ChildKind, ConfinedChild
from ringfence.hub.phone_services.messages import (
    CHANNEL,
    ConnectionOver,
    FromServices,
    OpenConnection,
    PhoneService,
    ServicesReady,
    ServicesUnfit,
    ToServices,
    UseKeys,
)

_KIND = ChildKind("ringfence.hub.phone_services.child", "phone-services", "talks to phones", CHANNEL)
_LARGEST_SESSION = 0xFFFFFFFF

_log = logs.get("phone-services")


class Conversation(Protocol):
    """What the hub decides of one phone's connection."""

    @property
    def session(self) -> int:
        """The number of CAPF's session, which nobody can have known before."""
        ...

    def answer(self, message: FromServices) -> ToServices | None:
        """Return what is to be done about a message; None: nothing more is."""
        ...

    def set_number(self, number: int) -> None:
        """Know the connection's number, by which orders name it."""
        ...


def new_session() -> int:
    """Return a number for a session that nobody can guess."""
    return secrets.randbelow(_LARGEST_SESSION) + 1


class PhoneServicesProcess:
    """CAPF and TVS of one organisation, in a process of their own.

    Args:
        keys: The organisation's.

    Raises:
        PhoneServicesUnfit: The process can't be started, can't be confined, or can't use the keys.
    """

    def __init__(self, keys: UseKeys) -> None:
        self._conversations: dict[int, Conversation] = {}
        self._lock = threading.Lock()
        self._last = 0
        self.used_at = time.monotonic()
        self._child: ConfinedChild[ToServices, FromServices] = ConfinedChild(_KIND, self._dispatch, self._end_all)
        if why := self._child.start(partial(self._begin, keys)):
            raise PhoneServicesUnfit(why)

    @property
    def pid(self) -> int:
        """The process's number, 0 while there is none."""
        return self._child.pid

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and another one is needed."""
        return self._child.is_over

    @property
    def is_idle(self) -> bool:
        """Whether no phone is connected."""
        return not self._conversations

    def connect(self, service: PhoneService, conversation: Conversation) -> socket.socket:
        """Begin with a phone; return the socket that takes and gives the phone's bytes.

        Raises:
            PhoneServicesUnfit: The process has ended.
        """
        ours, childs = socket.socketpair()
        with childs, self._lock:
            self._last += 1
            number = self._last
            conversation.set_number(number)
            self._conversations[number] = conversation
            self.used_at = time.monotonic()
            try:
                if self._child.is_over:
                    raise BrokenPipeError
                self._child.send(OpenConnection(number, service, conversation.session), childs.fileno())
            except OSError as fault:
                del self._conversations[number]
                ours.close()
                raise PhoneServicesUnfit("the process that talks to phones has ended") from fault
        return ours

    def end(self) -> None:
        """End the process, and every connection with it."""
        self._child.end()

    def _begin(self, keys: UseKeys) -> str:
        self._child.send(keys)
        said = self._child.hear()
        if isinstance(said, ServicesReady):
            _log.debug("CAPF and TVS run in a process of their own", held_by=said.held_by)
            return ""
        return (
            f"phones can't be talked to on this machine: {said.why if isinstance(said, ServicesUnfit) else 'it ended'}"
        )

    def _end_all(self) -> None:
        for conversation in list(self._conversations.values()):
            conversation.answer(ConnectionOver(0))

    def _dispatch(self, message: FromServices) -> None:
        number = getattr(message, "number", 0)
        conversation = self._conversations.get(number)
        if conversation is None:
            return
        if isinstance(message, ConnectionOver):
            with self._lock:
                del self._conversations[number]
                self.used_at = time.monotonic()
        try:
            order = conversation.answer(message)
        except Exception:  # noqa: BLE001 - one phone's trouble is no other's; the log has the trace
            _log.exception("internal error in a phone's session")
            return
        if order is not None:
            self._child.send(order)
