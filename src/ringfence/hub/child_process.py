"""A confined process of the hub's: it is started, given what it needs, listened to, and ended."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.child_channel import ChildChannel, News, Order

_LONGEST_START_S = 60.0
_BUFFER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ChildKind:
    """A kind of confined process.

    Attributes:
        module: What it runs, as ``python -m`` takes it.
        name: Its name in the log and among the hub's threads.
        does: What it does, as in "the process that listens to phones".
        channel: What it and the hub say to each other.
    """

    module: str
    name: str
    does: str
    channel: ChildChannel[Any, Any]


class ConfinedChild(Generic[Order, News]):
    """One process, from its start to its end.

    Args:
        kind: What it is.
        take: Is given each message of it.
        over: Is called once it has ended.
    """

    def __init__(self, kind: ChildKind, take: Callable[[News], None], over: Callable[[], None] = lambda: None) -> None:
        self._kind, self._take, self._over = kind, take, over
        self._log = logs.get(kind.name)
        self._channel, self._childs_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._channel, self._childs_end):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        self._child: subprocess.Popen[bytes] | None = None
        self._is_over = False
        self._started = threading.Event()
        self._why_unfit = ""

    @property
    def pid(self) -> int:
        """The process's number, 0 while there is none."""
        return 0 if self._child is None else self._child.pid

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and another one is needed."""
        return self._is_over

    def start(self, begin: Callable[[], str]) -> str:
        """Start it, once.

        Args:
            begin: Sends its first orders, and returns why it is unfit, by its answer; empty when it is at work.

        Returns:
            Why it does not work, as a sentence: then it has been ended. Empty when it does.
        """
        threading.Thread(target=self._run, args=(begin,), name=self._kind.name, daemon=True).start()
        self._started.wait()
        if self._why_unfit:
            self.end()
        return self._why_unfit

    def send(self, order: Order, descriptor: int | None = None) -> None:
        """Send an order, and with it a descriptor, which stays the caller's.

        Raises:
            OSError: It has ended.
            ValueError: The order is too large.
        """
        self._kind.channel.send(self._channel, order, descriptor)

    def hear(self) -> News | None:
        """Return the process's next message; None if it has ended. For ``begin``; BadMessage, OSError."""
        said: News | None = self._kind.channel.receive_news(self._channel)
        return said

    def end(self) -> None:
        """End the process, and every connection with it."""
        self._is_over = True
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        self._channel.close()

    def _run(self, begin: Callable[[], str]) -> None:
        """Start the process and listen to it: Linux ends it with the thread that starts it, so that is this one."""
        try:
            self._start()
            self._channel.settimeout(_LONGEST_START_S)
            self._why_unfit = begin()
            self._channel.settimeout(None)
        except (OSError, RingfenceError, ValueError) as fault:
            self._why_unfit = f"the process that {self._kind.does} does not start: {fault}"
        finally:
            self._started.set()
        if not self._why_unfit:
            self._listen()

    def _start(self) -> None:
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with self._childs_end as childs:
            self._child = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", self._kind.module],
                stdin=childs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
            )

    def _listen(self) -> None:
        try:
            while (message := self.hear()) is not None:
                self._take(message)
        except (OSError, RingfenceError, ValueError) as fault:
            if not self._is_over:
                self._log.warning(f"the process that {self._kind.does} ended", problem=str(fault))
        self._is_over = True
        self._over()
