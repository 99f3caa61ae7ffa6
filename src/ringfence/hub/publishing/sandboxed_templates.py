"""Operators' own templates: what becomes of them in the process that may be killed, for phones and for those who edit.

The template sandbox keeps a template from everything but its values, and bounds neither time nor memory. So it is
compiled and rendered by a confined child (``template_child``), which lives as long as a publish does.
"""

import threading
from collections import Counter
from types import TracebackType
from typing import Self

from ringfence.errors import BadInput
from ringfence.hub.errors import NameRefused
from ringfence.hub.publishing.template_messages import CompileTemplate, InputRefused, PhoneRendered, RenderPhone
from ringfence.hub.publishing.template_process import LONGEST_S, Died, TemplateProcess
from ringfence.phones import errors
from ringfence.phones.errors import RenderFault
from ringfence.phones.families import model as model_of
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile, Renderer

_MOST_FAILURES = 3
"""After so many phones for which a family's templates took too much, its other phones are not tried."""
_MOST_CHECKS = 2
_CHECKS = threading.BoundedSemaphore(_MOST_CHECKS)
_TO_DO = "Look for a growing loop, or for a huge number or text; `ringfence template show` shows your template."


class LimitedRenderer:
    """Renders phones; those with own templates in a child, the others with ``built_in``. A context manager."""

    def __init__(self, own: OwnTemplates, built_in: Renderer, *, longest_s: float = LONGEST_S) -> None:
        self._own, self._built_in = own, built_in
        self._process = TemplateProcess(own, longest_s=longest_s)
        self._failures: Counter[str] = Counter()
        self._died_of: dict[str, Died] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.end()

    def render(self, phone: PhoneToRender) -> tuple[RenderedFile, ...]:
        """Return the files of ``phone``; as Renderer.render, and RenderFault where a template takes too much."""
        family, _model = model_of(phone.model)
        if family.id not in self._own.sources:
            return self._built_in.render(phone)
        if self._failures[family.id] >= _MOST_FAILURES:
            raise _too_much(self._died_of[family.id], family.id, phone)
        answer = self._process.ask(RenderPhone.of(phone))
        match answer:
            case PhoneRendered(files):
                return tuple(_own_file(file.file(), phone) for file in files)
            case InputRefused():
                raise _fault(answer)
            case Died():
                # What can't even be compiled, or not run at all, is so for every phone.
                self._failures[family.id] += 1 if answer.template and not answer.is_compiling else _MOST_FAILURES
                self._died_of[family.id] = answer
                raise _too_much(answer, family.id, phone)
            case _:
                raise RenderFault("the template's process did not render", where=f"own templates of {family.id}")


def check(family_id: str, name: str, source: str) -> None:
    """Compile a template in a process of its own, a few at a time.

    Raises:
        NameRefused: It is none, and the error names the line; or compiling it takes too much.
    """
    with _CHECKS, TemplateProcess() as process:
        answer = process.ask(CompileTemplate(f"own template {family_id}/{name}", source))
    match answer:
        case InputRefused(_, what, where, to_do):
            raise NameRefused(what, where=where, to_do=to_do)
        case Died(template, _, why):
            where = f"template {template}" if template else f"template {family_id}/{name}"
            raise NameRefused(f"the template can't be used: {why}", where=where, to_do=f"{_TO_DO} Nothing was stored.")


def _own_file(file: RenderedFile, phone: PhoneToRender) -> RenderedFile:
    """Return the file, which is the phone's or everybody's, whatever came over the process that ran the template."""
    if file.owner not in {None, phone.mac}:
        raise RenderFault(f"a file is another phone's: {file.name[:80]!r}", where=f"phone {phone.mac}")
    return file


def _too_much(died: Died, family_id: str, phone: PhoneToRender) -> RenderFault:
    named = f"template {died.template}" if died.template else f"own templates of {family_id}"
    return RenderFault(f"the template can't be used: {died.why}", where=f"{named}; phone {phone.mac}", to_do=_TO_DO)


def _fault(said: InputRefused) -> BadInput:
    kind = getattr(errors, said.kind, RenderFault)
    if not (isinstance(kind, type) and issubclass(kind, BadInput)):
        kind = RenderFault
    return kind(said.what, where=said.where, to_do=said.to_do)
