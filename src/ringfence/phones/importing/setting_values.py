"""The value of a setting that stands behind what a phone's file says."""

from ringfence.errors import BadInput
from ringfence.phones.settings.types import Setting, Value

_MOST_DIGITS = 4
"""Of a number in a file: a button, a feature or a count of calls."""


def number_of(text: str) -> int:
    """Return the whole number that a file writes, 0 if it is none or longer than phones have them."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else 0


def value_of(setting: Setting, text: str) -> Value | None:
    """Return the value that the phone's own ``text`` stands for, None if the setting has none for exactly that."""
    if setting.secret and not text:
        return None
    for value, written in setting.wire.items():
        if written == text:
            return value
    return None if setting.wire else parsed_exactly(setting, text)


def parsed_exactly(setting: Setting, text: str) -> Value | None:
    """Return a text as a setting's value, None if it is none or would be written otherwise."""
    try:
        value = setting.parse(text)
    except BadInput:
        return None
    return value if setting.on_wire(value) == text else None
