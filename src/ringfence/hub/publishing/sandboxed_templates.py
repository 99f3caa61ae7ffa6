"""Operators' own templates, run in a process that may be killed.

The template sandbox keeps a template from everything but its values, and bounds neither time nor memory. So phones of
families with own templates are rendered by a child with limits on both, and with nothing of the hub in it: it gets the
templates and one phone at a time on its standard input, and answers with JSON.
"""

import base64
import json
import os
import resource
import select
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any, BinaryIO, Self

from ringfence.content.release import Reload, TargetKind
from ringfence.errors import BadInput
from ringfence.phones import errors
from ringfence.phones.errors import RenderFault
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile, Renderer
from ringfence.secret import Secret

LONGEST_S = 10.0
"""How long one phone's files may take; a built-in template takes less than a millisecond."""
MOST_MEMORY_BYTES = 1 << 30
_MOST_FAILURES = 3
"""After so many phones for which a family's templates took too much, its other phones are not tried."""
_CPU_S = 3600
_LENGTH = struct.Struct("!Q")
_LARGEST_ANSWER_BYTES = 64 << 20

Json = dict[str, Any]
"""Any: JSON."""


class LimitedRenderer:
    """Renders phones; those with own templates in a child, the others with ``built_in``. A context manager."""

    def __init__(self, own: OwnTemplates, built_in: Renderer, *, longest_s: float = LONGEST_S) -> None:
        self._own, self._built_in, self._longest_s = own, built_in, longest_s
        self._child: subprocess.Popen[bytes] | None = None
        self._failures: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end()

    def render(self, phone: PhoneToRender) -> tuple[RenderedFile, ...]:
        """Return the files of ``phone``; as Renderer.render, and RenderFault where a template takes too much."""
        family, _model = model_of(phone.model)
        if family.id not in self._own.sources:
            return self._built_in.render(phone)
        if self._failures[family.id] >= _MOST_FAILURES:
            raise RenderFault(
                f"the template can't be used: it took too much for {_MOST_FAILURES} other phones",
                where=f"own templates of {family.id}",
                to_do="Look for a growing loop.",
            )
        answer = self._ask(phone)
        if "fault" in answer:
            raise _fault(answer["fault"])
        return tuple(_file(each) for each in answer["files"])

    def _ask(self, phone: PhoneToRender) -> Json:
        child = self._child or self._start()
        if child.stdin is None or child.stdout is None:
            raise AssertionError("the child was made with pipes")
        try:
            _send(child.stdin, json.dumps(_to_json(phone)).encode())
            return dict(json.loads(_receive(child.stdout, self._longest_s)))
        except (OSError, ValueError, EOFError) as fault:
            took_too_long = isinstance(fault, TimeoutError)
            self._end()
            self._failures[model_of(phone.model)[0].id] += 1
            what = f"it took longer than {self._longest_s:g} s" if took_too_long else "it took more memory than allowed"
            raise RenderFault(
                f"the template can't be used: {what}",
                where=f"own templates of {model_of(phone.model)[0].id}; phone {phone.mac}",
                to_do="Look for a growing loop.",
            ) from None

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", __name__]
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        child = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        self._child = child
        if child.stdin is not None:
            sources = {family: dict(files) for family, files in self._own.sources.items()}
            _send(child.stdin, json.dumps(sources).encode())
        return child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()


def _to_json(phone: PhoneToRender) -> Json:
    """Return ``phone`` for the pipe to the child, secrets in the clear: nobody else reads there."""
    return {
        "mac": phone.mac.bare,
        "model": phone.model,
        "description": phone.description,
        "settings": dict(phone.settings),
        "patches": {key: dict(patch) for key, patch in phone.patches.items()},
        "lines": [
            {
                "index": line.index,
                "label": line.label,
                "name": line.name,
                "display_name": line.display_name,
                "auth_name": line.auth_name,
                "password": line.password.reveal(),
                "settings": dict(line.settings),
            }
            for line in phone.lines
        ],
    }


def _from_json(said: Mapping[str, Any]) -> PhoneToRender:
    lines = tuple(LineAccount(**{**line, "password": Secret(line["password"])}) for line in said["lines"])
    return PhoneToRender(Mac(said["mac"]), said["model"], said["description"], said["settings"], lines, said["patches"])


def _send(pipe: BinaryIO | Any, data: bytes) -> None:  # noqa: ANN401 - a pipe of Popen's
    pipe.write(_LENGTH.pack(len(data)) + data)
    pipe.flush()


def _receive(pipe: Any, longest_s: float) -> bytes:  # noqa: ANN401 - a pipe of Popen's
    """Return the next message; TimeoutError, EOFError, or ValueError where it is too large."""
    deadline = time.monotonic() + longest_s
    data = b""
    wanted = _LENGTH.size
    while len(data) < wanted:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise TimeoutError
        part = os.read(pipe.fileno(), 1 << 20)
        if not part:
            raise EOFError
        data += part
        if len(data) >= _LENGTH.size:
            wanted = _LENGTH.size + _LENGTH.unpack_from(data)[0]
            if wanted > _LARGEST_ANSWER_BYTES:
                raise ValueError("the answer is too large")
    return data[_LENGTH.size :]


def _file(said: Mapping[str, Any]) -> RenderedFile:
    owner, reload = said["owner"], said["reload"]
    return RenderedFile(
        str(said["name"]),
        base64.b64decode(said["data"]),
        Mac(owner) if owner else None,
        TargetKind(said["kind"]),
        Reload(reload["method"], int(reload["port"]), reload["minute"]) if reload else None,
    )


def _fault(said: Mapping[str, str]) -> BadInput:
    kind = getattr(errors, said["kind"], RenderFault)
    if not (isinstance(kind, type) and issubclass(kind, BadInput)):
        kind = RenderFault
    return kind(str(said["what"]), where=str(said["where"]), to_do=str(said["to_do"]))


def _work(incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """The child's life: templates once, then phones until the pipe ends."""
    renderer = Renderer(OwnTemplates(json.loads(_read(incoming))))
    while True:
        try:
            phone = _from_json(json.loads(_read(incoming)))
        except EOFError:
            return
        _send(outgoing, json.dumps(_answer(renderer, phone)).encode())


def _answer(renderer: Renderer, phone: PhoneToRender) -> Json:
    try:
        files = renderer.render(phone)
    except BadInput as fault:
        said = {"kind": type(fault).__name__, "what": fault.what, "where": fault.where, "to_do": fault.to_do}
        return {"fault": said}
    return {
        "files": [
            {
                "name": file.name,
                "data": base64.b64encode(file.data).decode(),
                "owner": file.owner.bare if file.owner else None,
                "kind": str(file.kind),
                "reload": {"method": file.reload.method, "port": file.reload.port, "minute": file.reload.minute}
                if file.reload
                else None,
            }
            for file in files
        ]
    }


def _read(pipe: BinaryIO) -> bytes:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    return pipe.read(_LENGTH.unpack(head)[0])


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _limit()
    _work(sys.stdin.buffer, sys.stdout.buffer)
