"""The only codec: messages to JSON and back, between hub and edge, between an edge's processes, and in stored files.

A message is a frozen dataclass, a msgspec Struct, or a union of tagged Structs; the types of its fields say what is
accepted. Unknown fields are ignored unless the Struct forbids them; missing or badly typed ones are refused by name.
"""

import json
import re
from _thread import allocate_lock  # threading is more than the worker, which has no threads, should load
from typing import Any, Generic, TypeVar

import msgspec

from ringfence.secret import Secret
from ringfence.wire.errors import BadMessage

T = TypeVar("T")

LARGEST_BYTES = 4 * 1024 * 1024

_ILL_TYPED = re.compile(r"Expected `(.+?)`, got `(.+?)`")
_MISSING = re.compile(r"Object missing required field `(\w+)`")


def to_json(message: object) -> bytes:
    """Return a message as compact JSON.

    Raises:
        UnicodeEncodeError: a text of it has a lone surrogate.
    """
    return _ENCODER.encode(message)


def to_text(message: object) -> str:
    """Return a message as printable ASCII, whatever characters its texts have."""
    return json.dumps(msgspec.to_builtins(message, enc_hook=_plain), separators=(",", ":"))


def from_json(form: type[T], data: bytes | str) -> T:
    """Return the message of class ``form`` that ``data`` holds.

    Raises:
        BadMessage: it is not JSON, has more than LARGEST_BYTES, or a field is missing or of another type; it is named.
    """
    return _reader(form).read(data)


class Reader(Generic[T]):
    """Reads messages of one form, which may be a union of tagged Structs; ``called`` names it in errors."""

    def __init__(self, form: Any, called: str) -> None:  # noqa: ANN401 - a union is no type to a type checker
        with _MAKING:
            self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(form, dec_hook=_special)
        self._form = form
        self._called = called

    def read(self, data: bytes | str) -> T:
        """Return the message that ``data`` holds.

        Raises:
            BadMessage: as ``from_json``.
        """
        if len(data) > LARGEST_BYTES:
            raise BadMessage(f"a {self._called} message has more than {LARGEST_BYTES} bytes")
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError as fault:
            raise self._refusal(fault) from None
        except (ValueError, RecursionError):
            raise BadMessage(f"a {self._called} message is not JSON") from None

    def convert(self, value: object) -> T:
        """Return the message that JSON's types make.

        Raises:
            BadMessage: as ``from_json``.
        """
        try:
            message: T = msgspec.convert(value, self._form, dec_hook=_special)
        except (msgspec.ValidationError, RecursionError) as fault:
            raise self._refusal(fault) from None
        return message

    def _refusal(self, fault: Exception) -> BadMessage:
        what, _, path = str(fault).partition(" - at `$")
        where = self._called + path.removesuffix("`")
        if (missing := _MISSING.match(what)) is not None:
            return BadMessage("a field is missing", where=f"{where}.{missing[1]}")
        if (ill_typed := _ILL_TYPED.match(what)) is not None:
            return BadMessage(f"a field should be {ill_typed[1]} and is {ill_typed[2]}", where=where)
        return BadMessage(f"a field is refused: {what}", where=where)


def _reader(form: type[T]) -> Reader[T]:
    reader: Reader[T] | None = _READERS.get(form)
    if reader is None:
        reader = _READERS[form] = Reader(form, form.__name__)
    return reader


def _plain(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"{type(value).__name__} can't be part of a message")


def _special(form: type, value: object) -> Secret:
    if form is Secret and isinstance(value, str):
        return Secret(value)
    raise msgspec.ValidationError(f"Expected `{form.__name__}`, got `{type(value).__name__}`")


# Any: each form's reader is a reader of that form.
_READERS: dict[type, Reader[Any]] = {}
_MAKING = allocate_lock()
"""msgspec keeps what it knows of a form before it is whole; another thread that meets it then ends the process."""
_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
