"""The families of phones that there are: the package's own, and those that others have added.

Another package adds one with an entry point of the group ``ringfence.phone_families`` that names a folder like those
here (``docs/families.md``).
"""

import difflib
import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType

from ringfence.phones.errors import BadFamily, UnknownFamily, UnknownModel
from ringfence.phones.family import Family, Model

ENTRY_POINTS = "ringfence.phone_families"
_OWN = (
    "cisco_894x",
    "cisco_99xx",
    "cisco_79xx",
    "cisco_78xx_88xx",
    "cisco_7940_7960",
    "cisco_spa",
    "cisco_mpp",
    "cisco_ata",
    "cisco_ata190",
    "yealink",
    "snom",
    "cisco_69xx",
    "cisco_any",
    "generic",
)
# How people and the phones themselves write a model's name: CP-9971, Cisco Unified IP Phone 7942G, Yealink SIP-T46S.
_BEFORE_NAME = re.compile(r"^(?:cisco|linksys|yealink|snom|systems|unified|ip|sip|phone|cp|[\s_-])+", re.IGNORECASE)


@cache
def families() -> Mapping[str, Family]:
    """Return every family by its id.

    Raises:
        BadFamily: One that was added does not fit.
    """
    found = {name: _load(f"{__name__}.{name}", "") for name in _OWN}
    table = {family.id: family for family in found.values()}
    owners = {model: family.id for family in table.values() for model in family.models}
    for entry in entry_points(group=ENTRY_POINTS):
        family = _load(entry.value, entry.name)
        clash = [name for name in family.models if name in owners]
        if family.id in table or clash:
            what = f"model {clash[0]}" if clash else f"family {family.id}"
            raise BadFamily(
                f"this {what} already exists", where=f"entry point {entry.name}", to_do="Give it another name."
            )
        table[family.id] = family
        owners.update(dict.fromkeys(family.models, family.id))
    return MappingProxyType(table)


def family(family_id: str) -> Family:
    """Return the family of that id.

    Raises:
        UnknownFamily: There is none; the error names the nearest ones.
    """
    found = families().get(family_id)
    if found is None:
        near = difflib.get_close_matches(family_id.lower(), families(), n=3, cutoff=0.4) or list(families())
        raise UnknownFamily(f"there is no phone family called {family_id[:60]!r}", to_do=f"Known: {', '.join(near)}.")
    return found


@cache
def _models() -> Mapping[str, tuple[Family, Model]]:
    return MappingProxyType({name: (of, model) for of in families().values() for name, model in of.models.items()})


def model(text: str) -> tuple[Family, Model]:
    """Return the model that ``text`` names, and its family: ``9971``, ``CP-9971``, ``Cisco 9971``, ``CP-8851-3PCC``.

    A family's id stands for its only model, where it has one.

    Raises:
        UnknownModel: There is none; the error names the nearest ones.
    """
    table = _models()
    if text in table:
        return table[text]
    by_lower = {name.lower(): name for name in table}
    short = _BEFORE_NAME.sub("", text.strip()).lower()
    for form in (text.strip().lower(), short, short.removesuffix("g")):
        if form in by_lower:
            return table[by_lower[form]]
    of = families().get(text.strip().lower())
    if of is not None and len(of.models) == 1:
        return of, next(iter(of.models.values()))
    if of is not None:
        raise UnknownModel(f"{of.id} is a family with several models", to_do=f"Name one: {', '.join(of.models)}.")
    near = difflib.get_close_matches(short, by_lower, n=4, cutoff=0.5)
    raise UnknownModel(
        f"there is no phone model called {text[:60]!r}",
        to_do=f"Near it: {', '.join(by_lower[name] for name in near)}."
        if near
        else "`ringfence phone models` lists all.",
    )


def family_or_model(text: str) -> tuple[Family, Model]:
    """Return the model that ``text`` names, or the first model of the family that it names."""
    of = families().get(text.strip().lower())
    return (of, next(iter(of.models.values()))) if of is not None else model(text)


def _load(module: str, entry: str) -> Family:
    try:
        found: object = getattr(import_module(module), "FAMILY", None)
    except ImportError as fault:
        raise BadFamily(
            f"the family can't be loaded: {fault}", where=f"entry point {entry or module}", to_do="Mend or remove it."
        ) from None
    if not isinstance(found, Family):
        raise BadFamily(
            "the entry point's module has no FAMILY", where=f"entry point {entry or module}",
            to_do="See docs/families.md.",
        )  # fmt: skip
    return found
