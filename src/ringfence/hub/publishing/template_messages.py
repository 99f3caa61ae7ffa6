"""The messages between the hub and the process that runs operators' templates: JSON over a socket pair.

The hub sends ``UseTemplate`` for each template and ``ConfineNow``, and gets ``ChildReady``, or ``ChildUnfit`` if the
child can't give up what it must not keep. Then each ``RenderPhone`` gets ``PhoneRendered`` or ``InputRefused``, and
each ``CompileTemplate`` gets ``TemplateCompiled`` or ``InputRefused``. Before any of these, ``WorksOn`` tells what the
child is about to do, so that its death has a name.
"""

import socket
import struct
import time
from typing import Self

from msgspec import Struct

from ringfence.content.release import Reload, TargetKind
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret
from ringfence.wire import codec

_LENGTH = struct.Struct("!I")
_PART_BYTES = 1 << 20


class UseTemplate(Struct, frozen=True, tag=True):
    """Render a file of a family by this source."""

    family: str
    name: str
    source: str


class ConfineNow(Struct, frozen=True, tag=True):
    """There are no more templates: give up all rights."""


class CompileTemplate(Struct, frozen=True, tag=True):
    """Say whether this is a template."""

    name: str
    source: str


class LineToRender(Struct, frozen=True):
    """A LineAccount."""

    index: int
    label: str
    name: str
    display_name: str
    auth_name: str
    password: Secret
    settings: dict[str, Value]


class RenderPhone(Struct, frozen=True, tag=True):
    """A PhoneToRender. Its secrets are in the clear: nobody else reads there."""

    mac: str
    model: str
    description: str
    settings: dict[str, Value]
    patches: dict[str, dict[str, str]]
    lines: tuple[LineToRender, ...]
    credential: Secret

    @classmethod
    def of(cls, phone: PhoneToRender) -> Self:
        """Return the order to render ``phone``."""
        lines = tuple(
            LineToRender(
                each.index, each.label, each.name, each.display_name, each.auth_name, each.password, {**each.settings}
            )
            for each in phone.lines
        )
        patches = {key: {**patch} for key, patch in phone.patches.items()}
        return cls(phone.mac.bare, phone.model, phone.description, {**phone.settings}, patches, lines, phone.credential)

    def phone(self) -> PhoneToRender:
        """Return the phone."""
        lines = tuple(
            LineAccount(
                each.index, each.label, each.name, each.display_name, each.auth_name, each.password, each.settings
            )
            for each in self.lines
        )
        return PhoneToRender(
            Mac(self.mac), self.model, self.description, self.settings, lines, self.patches, credential=self.credential
        )


class ChildReady(Struct, frozen=True, tag=True):
    """The child has given up its rights; ``held_by`` says in words what holds it."""

    held_by: str


class ChildUnfit(Struct, frozen=True, tag=True):
    """The child could not give up its rights, and has ended."""

    why: str


class WorksOn(Struct, frozen=True, tag=True):
    """The child begins to compile a template, or to run it."""

    template: str
    is_compiling: bool


class FileOfPhone(Struct, frozen=True):
    """A RenderedFile."""

    name: str
    data: bytes
    owner: str | None
    kind: TargetKind
    reload: Reload | None
    template: str

    @classmethod
    def of(cls, file: RenderedFile) -> Self:
        """Return the form of ``file`` that can be sent."""
        return cls(file.name, file.data, file.owner.bare if file.owner else None, file.kind, file.reload, file.template)

    def file(self) -> RenderedFile:
        """Return the file; BadMac."""
        return RenderedFile(
            self.name, self.data, Mac(self.owner) if self.owner else None, self.kind, self.reload, self.template
        )


class PhoneRendered(Struct, frozen=True, tag=True):
    """One phone's files."""

    files: tuple[FileOfPhone, ...]


class TemplateCompiled(Struct, frozen=True, tag=True):
    """It is a template."""


class InputRefused(Struct, frozen=True, tag=True):
    """A BadInput: its class, and its words."""

    kind: str
    what: str
    where: str
    to_do: str


Order = UseTemplate | ConfineNow | CompileTemplate | RenderPhone
Answer = ChildReady | ChildUnfit | WorksOn | PhoneRendered | TemplateCompiled | InputRefused

# Any: a union is no type to a type checker.
ORDERS: codec.Reader[Order] = codec.Reader(Order, "template order")
ANSWERS: codec.Reader[Answer] = codec.Reader(Answer, "template answer")


def send(channel: socket.socket, message: Order | Answer, longest_s: float | None = None) -> None:
    """Send a message, within ``longest_s``; OSError, among them TimeoutError."""
    _wait_at_most(channel, longest_s)
    data = codec.to_json(message)
    channel.sendall(_LENGTH.pack(len(data)) + data)


def receive(channel: socket.socket, longest_s: float | None = None) -> bytes:
    """Return the next message's bytes, within ``longest_s``.

    Raises:
        EOFError: The other side has ended.
        ValueError: The message is too large.
        OSError: Among them TimeoutError.
    """
    deadline = None if longest_s is None else time.monotonic() + longest_s
    (length,) = _LENGTH.unpack(_exactly(channel, _LENGTH.size, deadline))
    if length > codec.LARGEST_BYTES:
        raise ValueError("a message is too large")
    return _exactly(channel, length, deadline)


def _wait_at_most(channel: socket.socket, longest_s: float | None) -> None:
    if channel.gettimeout() != longest_s:  # the child may not even ask for this: it waits for as long as it takes
        channel.settimeout(longest_s)


def _exactly(channel: socket.socket, count: int, deadline: float | None) -> bytes:
    data = bytearray()
    while len(data) < count:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        _wait_at_most(channel, left)
        part = channel.recv(min(count - len(data), _PART_BYTES))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
