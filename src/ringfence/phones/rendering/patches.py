"""Patches: single elements of a family's files, set by name where no setting exists for them.

A patch is a setting called ``patch:FAMILY:ELEMENT``, or ``patch:FAMILY.FILE:ELEMENT`` for another file than the phone's
main one, such as ``patch:cisco-99xx:vendorConfig/webAccess``. It is given at the same scopes as settings, and the
nearest wins, element by element.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ringfence.phones.errors import BadPatch
from ringfence.phones.families import family as family_of
from ringfence.phones.family import Family, FileTemplate
from ringfence.phones.settings.types import Setting, SettingType, Value

PREFIX = "patch:"
LONGEST_NAME = 200
LONGEST_TEXT = 4000
# The rules of profiles may hold a user's password and the key of an encrypted file (PHONES.md section 8).
_SECRET = re.compile(
    r"(?:password|passwd|passphrase|(?<![a-z])pass(?![a-z])|secret|psk|pin|key|ikm_|(?:profile|upgrade|report)_rule)[^/]*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Patch:
    """What a patch's name says: of which file of which family it sets which element."""

    family: Family
    file: FileTemplate
    element: str


def is_patch(name: str) -> bool:
    """Return whether a setting's name is a patch's."""
    return name.startswith(PREFIX)


def parse_name(name: str) -> Patch:
    """Return what the name of a patch says.

    Raises:
        BadPatch, UnknownFamily: It says nothing.
    """
    whose, colon, element = name.removeprefix(PREFIX).partition(":")
    family_id, dot, key = whose.partition(".")
    if not colon or not element or len(name) > LONGEST_NAME:
        raise BadPatch(
            f"{name[:80]!r} is not a patch",
            to_do=f"Write patch:FAMILY:ELEMENT, at most {LONGEST_NAME} characters, such as "
            "patch:cisco-99xx:vendorConfig/webAccess.",
        )
    family = family_of(family_id)
    files = {file.key: file for file in family.files}
    if not files:
        raise BadPatch(f"{family.id} does not have a file to patch", to_do="Change its template.")
    if dot and key not in files:
        raise BadPatch(f"{family.id} has no file {key!r}", to_do=f"It has: {', '.join(files)}.")
    file = files[key] if dot else family.files[-1]
    file.format.check_patch(element)
    return Patch(family, file, element)


def patch_setting(name: str) -> Setting:
    """Return a patch as a setting; elements that hold secrets are kept sealed."""
    patch = parse_name(name)
    return Setting(
        name=name,
        type=SettingType.TEXT,
        default="",
        help=f"The text of {patch.element} in {patch.file.name} of a {patch.family.id}.",
        maximum=LONGEST_TEXT,
        element=patch.element,
        secret=_SECRET.search(patch.element) is not None,
        source="set by hand",
    )


def patches_of(layers: Sequence[tuple[str, Mapping[str, Value]]], family: Family) -> dict[str, dict[str, str]]:
    """Return the patches for phones of ``family``, by file and element; later layers win."""
    found: dict[str, dict[str, str]] = {}
    for _scope, values in layers:
        for name, value in values.items():
            if is_patch(name):
                patch = parse_name(name)
                if patch.family.id == family.id:
                    found.setdefault(patch.file.key, {})[patch.element] = str(value)
    return found
