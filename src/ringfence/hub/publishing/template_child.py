"""The process that runs operators' templates: ``python -I -m ringfence.hub.publishing.template_child``.

Nothing of a template is lexed, parsed, compiled or run anywhere else. The process has a socket pair to the hub as its
standard input, and nothing else of the hub's. Before it looks into the first template it is confined as a server's
worker is: no file, no network, no other process, no capability, limited memory, and a short list of system calls. The
hub ends it when it takes too long; how much it may take of everything else is limited here.
"""

import encodings.idna
import encodings.punycode
import encodings.raw_unicode_escape
import encodings.unicode_escape
import encodings.utf_16  # noqa: F401 - these are read when they are first used, and there are no files then
import os
import resource
import signal
import socket
from typing import assert_never

from ringfence.errors import BadInput
from ringfence.hub.publishing.template_messages import (
    ORDERS,
    Answer,
    ChildReady,
    ChildUnfit,
    CompileTemplate,
    ConfineNow,
    FileOfPhone,
    InputRefused,
    PhoneRendered,
    RenderPhone,
    TemplateCompiled,
    UseTemplate,
    WorksOn,
    receive,
    send,
)
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.rendering.sandbox import PhoneTemplate, TemplateFault
from ringfence.server.confinement import capabilities
from ringfence.server.confinement.allowed_calls import CALCULATION
from ringfence.server.confinement.steps import Confined, confine, seal
from ringfence.server.errors import ConfinementFailed
from ringfence.wire.errors import BadMessage

_MOST_CPU_S = 3600
_MOST_DESCRIPTORS = 16


class _Child:
    """Answers the hub's orders."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._renderer = Renderer()

    def run(self) -> None:
        """Work until the hub closes its end."""
        self._renderer = Renderer(self._templates(), on_template=self._tell)
        self._renderer.read_built_in()
        try:
            confined = _give_up_rights()
        except ConfinementFailed as fault:
            send(self._channel, ChildUnfit(str(fault)))
            return
        send(self._channel, ChildReady(confined.in_words()))
        while True:
            order = ORDERS.read(receive(self._channel))
            match order:
                case RenderPhone():
                    answer = self._rendered(order)
                case CompileTemplate(name, source):
                    answer = self._compiled(name, source)
                case UseTemplate() | ConfineNow():
                    return
                case _ as never:
                    assert_never(never)
            send(self._channel, answer)

    def _templates(self) -> OwnTemplates:
        sources: dict[str, dict[str, str]] = {}
        while isinstance(order := ORDERS.read(receive(self._channel)), UseTemplate):
            sources.setdefault(order.family, {})[order.name] = order.source
        return OwnTemplates(sources)

    def _tell(self, template: str, is_compiling: bool) -> None:
        send(self._channel, WorksOn(template, is_compiling))

    def _rendered(self, order: RenderPhone) -> Answer:
        try:
            return PhoneRendered(tuple(FileOfPhone.of(file) for file in self._renderer.render(order.phone())))
        except BadInput as fault:
            return InputRefused(type(fault).__name__, fault.what, fault.where, fault.to_do)

    def _compiled(self, name: str, source: str) -> Answer:
        self._tell(name, is_compiling=True)
        try:
            PhoneTemplate(name, source)
        except TemplateFault as fault:
            where = f"line {fault.line}" if fault.line else ""
            to_do = "Correct it; nothing was stored."
            return InputRefused("", f"this is not a template: {fault.reason}", where, to_do)
        return TemplateCompiled()


def _give_up_rights() -> Confined:
    parent = os.getppid()
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_CPU_S, _MOST_CPU_S))
    confined = confine()
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST_DESCRIPTORS, _MOST_DESCRIPTORS))
    capabilities.end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        raise ConfinementFailed("the hub has ended")  # before its end could end this process
    return seal(confined, CALCULATION)


def main() -> None:
    """Work for the process at the other end of standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the hub, which then closes its end
    try:
        _Child(socket.socket(fileno=0)).run()
    except (EOFError, OSError, ValueError, BadMessage):
        return  # the hub is gone, or says what it never says


if __name__ == "__main__":
    main()
