"""Reading settings: a text becomes a value, and layers of values become what one phone gets."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ringfence.phones.errors import UnknownSetting, ValueOutOfRange
from ringfence.phones.families import families
from ringfence.phones.families import model as model_of
from ringfence.phones.family import Model
from ringfence.phones.rendering.patches import is_patch, patch_setting
from ringfence.phones.rendering.protection import FOLLOWS, following
from ringfence.phones.settings.types import (
    Mark,
    Scope,
    Setting,
    SettingType,
    Value,
)

__all__ = [
    "BUILT_IN",
    "FOLLOWS",
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


def settings_named(kinds: Collection[str], name: str) -> tuple[Setting, ...]:
    """Return the setting with that name, in each form that it has among these models.

    Args:
        name: The setting's name.
        kinds: Names of models and ids of families; all models if it is empty.

    Raises:
        UnknownSetting: No model has it; the error names the nearest settings.
        UnknownModel: A kind is neither a model nor a family.
    """
    if is_patch(name):
        return (patch_setting(name),)
    models = _chosen(kinds)
    found = _forms(models, name)
    if found:
        return found
    known = sorted({known for model in models for known in model.settings})
    near = difflib.get_close_matches(name.strip().lower().replace("-", "_"), known, n=_NEAREST, cutoff=0.5)
    elsewhere = [family.id for family in families().values() if name in family.settings]
    advice = f"Near it: {', '.join(near)}." if near else "`ringfence setting list` shows all of them."
    if elsewhere:
        advice = f"{', '.join(elsewhere)} has it."
    raise UnknownSetting(f"there is no setting {name[:60]!r}", where=", ".join(sorted(kinds)), to_do=advice)


def parse_value(kinds: Collection[str], name: str, text: str) -> Value:
    """Return the value of ``text`` for the setting ``name`` of these models and families.

    Each of them that has the setting must accept the value; if ``kinds`` is empty, at least one model must.

    Raises:
        UnknownSetting: No model has it; the error names the nearest settings.
        UnknownModel: A kind is neither a model nor a family.
        ValueOutOfRange: The value is not accepted; the error names limits and unit.
    """
    forms = settings_named(kinds, name)
    values: list[Value] = []
    refused: ValueOutOfRange | None = None
    for setting in forms:
        try:
            values.append(setting.parse(text))
        except ValueOutOfRange as fault:
            refused = fault
            if kinds:
                raise
    if not values and refused is not None:
        raise refused
    return values[0]


def resolve(layers: Sequence[tuple[str, Mapping[str, Value]]], model: Model | str) -> Mapping[str, Resolved]:
    """Return each setting of ``model`` with its value and scope: later layers win, built-in defaults come first.

    ``layers`` are (scope, values) from the widest to the nearest. Values of settings that this model lacks are other
    models' business and left out. What follows from ``protect_calls`` has ``FOLLOWS`` as its scope.
    """
    of = model_of(model)[1] if isinstance(model, str) else model
    resolved = {name: Resolved(setting.default, BUILT_IN) for name, setting in of.settings.items()}
    for scope, values in layers:
        resolved |= {name: Resolved(value, scope) for name, value in values.items() if name in of.settings}
    follows = following({name: found.value for name, found in resolved.items()}, nearness(layers), of)
    return resolved | {name: Resolved(value, FOLLOWS) for name, value in follows.items() if name in of.settings}


def nearness(layers: Sequence[tuple[str, Mapping[str, Value]]]) -> dict[str, int]:
    """Return how near to the phone each setting was set: a larger number is nearer. One that nobody set has none."""
    return {name: at for at, (_scope, values) in enumerate(layers) for name in values}


def _chosen(kinds: Collection[str]) -> list[Model]:
    if not kinds:
        return [model for family in families().values() for model in family.models.values()]
    found: list[Model] = []
    for kind in sorted(kinds):
        family = families().get(kind)
        found.extend(family.models.values() if family is not None else (model_of(kind)[1],))
    return found


def _forms(models: Sequence[Model], name: str) -> tuple[Setting, ...]:
    """Return the forms of a setting, each once."""
    found: list[Setting] = []
    for model in models:
        setting = model.settings.get(name)
        if setting is not None and setting not in found:
            found.append(setting)
    return tuple(found)
