"""Runs templates in a sandbox, and traces their errors to the template's own lines.

The sandbox gives a template access to its values only. It limits neither time nor memory, so an operator's template
must be rendered in a process that may be killed.
"""

import html  # noqa: F401 - Jinja2 would import this and the next when they are first needed
import pprint  # noqa: F401
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from importlib import resources
from types import TracebackType
from typing import Any

import jinja2.debug  # noqa: F401 - as pprint: where templates of others are run, no file can be read any more
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.sandbox import ImmutableSandboxedEnvironment

# Marks that no value can hold (settings and lines refuse control characters) and no well-formed file either.
_MARK_OPENS = "\x01"
_MARK_CLOSES = "\x02"

_COMPILED_NAME = "<template>"  # the file name that Jinja2 gives to a template made from a string


class TemplateFault(ValueError):  # noqa: N818 - reads as what happened
    """A template could not be read or run; ``line`` is in the template, 0 if unknown."""

    def __init__(self, reason: str, line: int) -> None:
        self.reason = reason
        self.line = line
        super().__init__(reason, line)


class _LineMarks(Extension):
    """Writes the template's line number before every piece of output, so that output can be traced back."""

    def filter_stream(self, stream: TokenStream) -> Iterable[Token]:
        for token in stream:
            if token.type == "data":
                yield Token(token.lineno, "data", _marked(token.value, token.lineno))
            else:
                if token.type == "variable_begin":
                    yield Token(token.lineno, "data", _mark(token.lineno))
                yield token


def _mark(line: int) -> str:
    return f"{_MARK_OPENS}{line}{_MARK_CLOSES}"


def _marked(text: str, first_line: int) -> str:
    return "".join(_mark(line) + part for line, part in enumerate(text.splitlines(keepends=True), first_line))


class _Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox, for which ``settings.name`` is first of all an entry of the values that it was given."""

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - the signature is Jinja2's
        # A setting may be called like a dict's method, and this is twice as fast as asking for the method first.
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def _environment(*extensions: type[Extension], escapes: bool) -> ImmutableSandboxedEnvironment:
    return _Sandbox(
        autoescape=escapes,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=extensions,
    )


class PhoneTemplate:
    """One template: compiled once, rendered for many phones."""

    def __init__(self, name: str, source: str, *, escapes: bool = True) -> None:
        """Compile ``source``, which writes values as XML has them if it ``escapes``; TemplateFault for no template."""
        self.name = name
        self._source = source
        self._escapes = escapes
        self._template = _compile(_environment(escapes=escapes), source)

    def render(self, values: Mapping[str, object]) -> str:
        """Return the text for ``values``.

        Raises:
            TemplateFault: The template fails; the error names the line.
        """
        return _render(self._template, values)

    def line_behind(self, values: Mapping[str, object], line: int, column: int = 0) -> int:
        """Return the template line that produced the output at ``line`` and ``column`` (from 1).

        Without a column: the output at the line's end.

        It renders once more with a mark before every piece; 0 if the marks themselves changed the output (a filter
        over a whole block can do that), so that a wrong line is never named.
        """
        try:
            plain = self.render(values)
            marked = _render(_compile(_environment(_LineMarks, escapes=self._escapes), self._source), values)
        except TemplateFault:
            return 0
        text, starts, lines = _unmarked(marked)
        if text != plain:
            return 0
        rows = plain.split("\n")  # as XML counts lines
        before = sum(len(row) + 1 for row in rows[: line - 1])
        row = len(rows[line - 1]) if 0 < line <= len(rows) else 0
        # The parser points just behind what it could not take.
        at = bisect_right(starts, max(before + (min(column - 1, row) if column else row) - 1, 0)) - 1
        return lines[at] if at >= 0 else 0


def _unmarked(marked: str) -> tuple[str, list[int], list[int]]:
    """Return the text without marks, the offset where each marked piece begins, and the line of each piece."""
    head, *pieces = marked.split(_MARK_OPENS)
    texts, starts, lines = [head], [], []
    at = len(head)
    for piece in pieces:
        number, _closed, text = piece.partition(_MARK_CLOSES)
        if not text:
            continue
        starts.append(at)
        lines.append(int(number) if number.isdecimal() else 0)
        texts.append(text)
        at += len(text)
    return "".join(texts), starts, lines


def _compile(environment: ImmutableSandboxedEnvironment, source: str) -> Template:
    try:
        return environment.from_string(source)
    except TemplateSyntaxError as fault:
        raise TemplateFault(fault.message or "not a template", fault.lineno) from None
    except RecursionError:
        raise TemplateFault("it is nested too deeply", 0) from None
    except Exception as fault:  # noqa: BLE001 - constants are calculated, and what they make is written as Python
        raise TemplateFault(f"it can't be compiled: {type(fault).__name__}", 0) from None


def _render(template: Template, values: Mapping[str, object]) -> str:
    try:
        return template.render(values)
    except TemplateError as fault:
        raise TemplateFault(fault.message or type(fault).__name__, _line_of(fault.__traceback__)) from None
    except Exception as fault:  # noqa: BLE001 - an operator's template can fail in any way that Python can
        # Its message may quote a value, and values may be secret: only its kind is told.
        raise TemplateFault(f"it fails with a {type(fault).__name__}", _line_of(fault.__traceback__)) from None


def _line_of(trace: TracebackType | None) -> int:
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _COMPILED_NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def built_in_template(package: str, name: str) -> str:
    """Return the source of a template that is in the folder ``templates`` of a package."""
    return (resources.files(package) / "templates" / name).read_text(encoding="utf-8")
