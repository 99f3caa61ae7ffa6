"""The hub's side of the process that runs operators' templates: it is started, asked, and ended in time."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.publishing.template_messages import (
    ANSWERS,
    Answer,
    ChildReady,
    ChildUnfit,
    CompileTemplate,
    ConfineNow,
    InputRefused,
    Order,
    PhoneRendered,
    RenderPhone,
    TemplateCompiled,
    UseTemplate,
    WorksOn,
    receive,
    send,
)
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.server.errors import ConfinementFailed

LONGEST_S = 10.0
"""How long one phone's files may take; a built-in template takes less than a millisecond."""
_LONGEST_START_S = 60.0
_NOTHING = WorksOn("", is_compiling=False)
_CHILD = "ringfence.hub.publishing.template_child"

_log = logs.get("templates")


@dataclass(frozen=True, slots=True)
class Died:
    """The process had to be ended, or ended by itself, while it worked on ``template``."""

    template: str
    is_compiling: bool
    why: str


class TemplateProcess:
    """Runs templates in a process of their own, which is started when it is first asked. A context manager.

    After each death it is started again with the next order.
    """

    def __init__(self, own: OwnTemplates | None = None, *, longest_s: float = LONGEST_S) -> None:
        self._own = own or OwnTemplates()
        self._longest_s = longest_s
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._at = _NOTHING

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def pid(self) -> int | None:
        """The process's number, None while there is none."""
        return self._running[0].pid if self._running else None

    def ask(self, order: RenderPhone | CompileTemplate) -> PhoneRendered | TemplateCompiled | InputRefused | Died:
        """Return the answer to an order, or how the process died of it."""
        try:
            channel = self._running[1] if self._running else self._start(time.monotonic() + _LONGEST_START_S)
            self._at = _NOTHING
            answer = self._answer_to(order, channel, time.monotonic() + self._longest_s)
        except TimeoutError:
            return self._died(f"it took longer than {self._longest_s:g} s")
        except (OSError, EOFError):
            return self._died("it took more memory than allowed, or is too deep")
        except (ValueError, RingfenceError) as fault:
            return self._died(fault.what if isinstance(fault, RingfenceError) else "what it produces is too large")
        if isinstance(answer, (ChildReady, ChildUnfit, WorksOn)):
            return self._died("its process answers what it was not asked")
        return answer

    def end(self) -> None:
        """End the process, if there is one."""
        running, self._running = self._running, None
        if running is not None:
            child, channel = running
            channel.close()
            child.kill()
            child.wait()

    def _start(self, deadline: float) -> socket.socket:
        ours, childs = socket.socketpair()
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with childs:
            child = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", _CHILD],
                stdin=childs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        self._running = (child, ours)
        for family, files in self._own.sources.items():
            for name, source in files.items():
                send(ours, UseTemplate(family, name, source), _left(deadline))
        answer = self._answer_to(ConfineNow(), ours, deadline)
        match answer:
            case ChildReady(held_by):
                _log.debug("templates run in a process of their own", held_by=held_by)
            case ChildUnfit(why):
                raise ConfinementFailed(f"templates can't be run on this machine: {why}")
            case _:
                raise ValueError("not ready")
        return ours

    def _answer_to(self, order: Order, channel: socket.socket, deadline: float) -> Answer:
        send(channel, order, _left(deadline))
        while isinstance(answer := ANSWERS.read(receive(channel, _left(deadline))), WorksOn):
            self._at = answer
        return answer

    def _died(self, why: str) -> Died:
        self.end()
        return Died(self._at.template, self._at.is_compiling, why)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
