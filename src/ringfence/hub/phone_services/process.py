"""The hub's side of the process that speaks CAPF and TVS: it is started, given phones' connections, and answered."""

import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from typing import Protocol

from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.certificate_errors import PhoneServicesUnfit
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

_CHILD = "ringfence.hub.phone_services.child"
_LONGEST_START_S = 60.0
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
        self._channel, self._childs_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._child: subprocess.Popen[bytes] | None = None
        self._conversations: dict[int, Conversation] = {}
        self._lock = threading.Lock()
        self._last = 0
        self._is_over = False
        self.used_at = time.monotonic()
        self._started = threading.Event()
        self._why_unfit = ""
        threading.Thread(target=self._run, args=(keys,), name="phone-services", daemon=True).start()
        self._started.wait()
        if self._why_unfit:
            self.end()
            raise PhoneServicesUnfit(self._why_unfit)

    @property
    def pid(self) -> int:
        """The process's number, 0 while there is none."""
        return 0 if self._child is None else self._child.pid

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and another one is needed."""
        return self._is_over

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
                if self._is_over:
                    raise BrokenPipeError
                CHANNEL.send(self._channel, OpenConnection(number, service, conversation.session), childs.fileno())
            except OSError as fault:
                del self._conversations[number]
                ours.close()
                raise PhoneServicesUnfit("the process that talks to phones has ended") from fault
        return ours

    def end(self) -> None:
        """End the process, and every connection with it."""
        self._is_over = True
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        self._channel.close()

    def _run(self, keys: UseKeys) -> None:
        """Start the process and listen to it: Linux ends it with the thread that starts it, so that is this one."""
        try:
            self._start(keys)
        except (OSError, RingfenceError, ValueError) as fault:
            self._why_unfit = f"the process that talks to phones does not start: {fault}"
        finally:
            self._started.set()
        if not self._why_unfit:
            self._listen()

    def _start(self, keys: UseKeys) -> None:
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
        CHANNEL.send(self._channel, keys)
        said = CHANNEL.receive_news(self._channel)
        if isinstance(said, ServicesReady):
            self._channel.settimeout(None)
            _log.debug("CAPF and TVS run in a process of their own", held_by=said.held_by)
        else:
            why = said.why if isinstance(said, ServicesUnfit) else "it ended"
            self._why_unfit = f"phones can't be talked to on this machine: {why}"

    def _listen(self) -> None:
        try:
            while (message := CHANNEL.receive_news(self._channel)) is not None:
                self._dispatch(message)
        except (OSError, RingfenceError) as fault:
            if not self._is_over:
                _log.warning("the process that talks to phones ended", problem=str(fault))
        self._is_over = True
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
            CHANNEL.send(self._channel, order)
