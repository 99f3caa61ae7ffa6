"""Reading settings: a text becomes a value, and layers of values become what one phone gets."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ringfence.phones.errors import UnknownSetting
from ringfence.phones.families import FAMILIES, Family
from ringfence.phones.families import family as family_of
from ringfence.phones.setting_types import Mark, Scope, Setting, SettingType, Value

__all__ = [
    "BUILT_IN",
    "Mark",
    "Resolved",
    "Scope",
    "Setting",
    "SettingType",
    "Value",
    "parse_value",
    "resolve",
    "settings_named",
]

BUILT_IN = "built-in"
"""The scope of a value that nobody has set."""

_NEAREST = 3


@dataclass(frozen=True, slots=True)
class Resolved:
    """A setting's value for one phone, and the scope that it comes from."""

    value: Value
    scope: str


def settings_named(family_ids: Collection[str], name: str) -> tuple[Setting, ...]:
    """Return the setting of that name of each family that has it; all families where ``family_ids`` is empty.

    UnknownSetting where none has it; it names the nearest ones. UnknownFamily for an id that is none.
    """
    families = [family_of(family_id) for family_id in sorted(family_ids)] or list(FAMILIES.values())
    found = tuple(family.settings[name] for family in families if name in family.settings)
    if found:
        return found
    known = sorted({known for family in families for known in family.settings})
    near = difflib.get_close_matches(name.strip().lower().replace("-", "_"), known, n=_NEAREST, cutoff=0.5)
    elsewhere = [family.id for family in FAMILIES.values() if name in family.settings]
    advice = f"Near it: {', '.join(near)}." if near else "`ringfence set --list` shows all of them."
    if elsewhere:
        advice = f"{', '.join(elsewhere)} has it."
    whose = ", ".join(family.id for family in families)
    raise UnknownSetting(f"there is no setting {name[:60]!r}", where=whose, to_do=advice)


def parse_value(family_ids: Collection[str], name: str, text: str) -> Value:
    """Return the value that ``text`` writes for the setting ``name`` of the families in question.

    Every family that has the setting must take the value. UnknownSetting names the nearest settings; ValueOutOfRange
    names limits and unit.
    """
    values = [setting.parse(text) for setting in settings_named(family_ids, name)]
    return values[0]


def resolve(layers: Sequence[tuple[str, Mapping[str, Value]]], family: Family | str) -> Mapping[str, Resolved]:
    """Return each setting of ``family`` with its value and scope: later layers win, built-in defaults come first.

    ``layers`` are (scope, values) from the widest to the nearest. Values of settings that this family lacks are other
    families' business and left out.
    """
    settings = (family_of(family) if isinstance(family, str) else family).settings
    resolved = {name: Resolved(setting.default, BUILT_IN) for name, setting in settings.items()}
    for scope, values in layers:
        for name, value in values.items():
            if name in settings:
                resolved[name] = Resolved(value, scope)
    return resolved
