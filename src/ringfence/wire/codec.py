"""Messages to JSON and back: unknown fields are passed over, missing or badly typed ones refused."""

import dataclasses
import json
import types
import typing
from typing import Any, TypeVar

from ringfence.secret import Secret
from ringfence.wire.errors import BadMessage

T = TypeVar("T")

LARGEST_BYTES = 4 * 1024 * 1024


def to_json(message: object) -> bytes:
    """Return a message of ``wire.messages`` as compact JSON."""
    return json.dumps(_plain(message), separators=(",", ":"), ensure_ascii=False).encode()


def from_json(form: type[T], data: bytes) -> T:
    """Return the message of class ``form`` that ``data`` holds; BadMessage names the field that is wrong."""
    if len(data) > LARGEST_BYTES:
        raise BadMessage(f"a {form.__name__} message has more than {LARGEST_BYTES} bytes")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise BadMessage(f"a {form.__name__} message is not JSON") from None
    return _message(form, value, form.__name__)


# Any: JSON values in their natural Python form, checked field by field below.
def _plain(value: object) -> Any:  # noqa: ANN401
    if isinstance(value, Secret):
        return value.reveal()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {part.name: _plain(getattr(value, part.name)) for part in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _message(form: type[T], value: object, where: str) -> T:
    if not isinstance(value, dict):
        raise BadMessage("a message is not an object", where=where)
    hints = typing.get_type_hints(form)
    parts: dict[str, Any] = {}
    for part in dataclasses.fields(form):  # type: ignore[arg-type]  # every form of wire.messages is a dataclass
        if part.name in value:
            parts[part.name] = _typed(hints[part.name], value[part.name], f"{where}.{part.name}")
        elif part.default is dataclasses.MISSING:
            raise BadMessage("a field is missing", where=f"{where}.{part.name}")
    return form(**parts)


def _typed(hint: Any, value: object, where: str) -> Any:  # noqa: ANN401 - a field's annotation and its JSON value
    origin = typing.get_origin(hint)
    if origin is tuple and isinstance(value, list):
        (item_hint, _ellipsis) = typing.get_args(hint)
        return tuple(_typed(item_hint, item, f"{where}[{index}]") for index, item in enumerate(value))
    if origin is types.UnionType:
        if value is None:
            return None
        (hint,) = (choice for choice in typing.get_args(hint) if choice is not type(None))
        return _typed(hint, value, where)
    if hint is Secret and isinstance(value, str):
        return Secret(value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint in {int, str, bool} and type(value) is hint:
        return value
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _message(hint, value, where)
    expected = getattr(hint, "__name__", str(hint))
    raise BadMessage(f"a field should be {expected} and is {type(value).__name__}", where=where)
