"""The value of a setting that stands behind what a phone's file says."""

from ringfence.errors import BadInput
from ringfence.phones.settings.types import Setting, Value


def value_of(setting: Setting, text: str) -> Value | None:
    """Return the value that the phone's own ``text`` stands for, None if the setting has none for exactly that."""
    if setting.secret and not text:
        return None
    for value, written in setting.wire.items():
        if written == text:
            return value
    if setting.wire:
        return None
    try:
        value = setting.parse(text)
    except BadInput:
        return None
    return value if setting.on_wire(value) == text else None
