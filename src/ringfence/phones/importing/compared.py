"""What makes a new file say what an old one said: patches for what differs, and names that the new one leaves out.

For files that are lists of names and texts. A phone keeps what its file does not name, so a name that only the new file
has would change it; and a name that only the old one has would be lost.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from ringfence.counted import counted
from ringfence.phones.importing.outcome import Fate, Remark
from ringfence.phones.settings.types import is_printable

_SPACES = re.compile(r" *\t[ \t]*")
_LONGEST_LIST = 4000
"""What ``leave_out`` takes, in characters."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says under one name, and on which line; ``access`` is the attribute ``ua``, None if it has none."""

    text: str
    line: int = 0
    access: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the two files are compared.

    ``derived`` names are the product's own: the new file's text holds. ``needed`` names stay though only the new file
    has them. ``is_same`` tells whether two texts mean the same under a name, ``refuses`` why a phone doesn't take a
    text, empty if it does, ``can_patch`` whether a patch can name it, and ``unsaid`` what a phone goes by where a file
    does not say something; None where it keeps what it has.
    """

    derived: Callable[[str], bool]
    needed: Collection[str]
    is_same: Callable[[str, str, str], bool]
    refuses: Callable[[str, str], str]
    can_patch: Callable[[str], bool]
    unsaid: Callable[[str], str | None] = lambda _name: None


@dataclass(frozen=True, slots=True)
class Settled:
    """Patches by name in the file, the names to leave out, and what became of the parts."""

    patches: Mapping[str, str] = field(repr=False)
    left_out: tuple[str, ...]
    remarks: tuple[Remark, ...]


def in_one_line(text: str) -> str:
    """Return a text with a space for each run of line ends, tabs, and what else no phone shows."""
    if is_printable(text):
        return text
    return _SPACES.sub(" ", "".join(letter if is_printable(letter) else "\t" for letter in text)).strip()


def settle(old: Mapping[str, Said], new: Mapping[str, Said], how: Comparison) -> Settled:
    """Return what makes ``new`` say what ``old`` said."""
    remarks: list[Remark] = []
    patches = _patches(old, new, how, remarks)
    left_out: list[str] = []
    characters = 0
    for name in new:
        if name in old or how.derived(name):
            continue
        if (meant := how.unsaid(name)) is not None:
            if not how.is_same(name, meant, new[name].text):
                patches[name] = meant
        elif name in how.needed or characters + len(name) > _LONGEST_LIST:
            remarks.append(Remark(Fate.ADDED, name, f"{name} is new in the file"))
        else:
            left_out.append(name)
            characters += len(name) + 1
    return Settled(patches, tuple(left_out), tuple(remarks))


def _patches(
    old: Mapping[str, Said], new: Mapping[str, Said], how: Comparison, remarks: list[Remark]
) -> dict[str, str]:
    """Return patches for all that ``new`` says otherwise, or not at all."""
    patches: dict[str, str] = {}
    for name, said in old.items():
        if how.derived(name):
            continue
        there = new.get(name)
        means = there.text if there is not None else how.unsaid(name)
        if means is None or not how.is_same(name, said.text, means):
            why = how.refuses(name, said.text)
            if not how.can_patch(name):
                remarks.append(Remark(Fate.LOST, name, f"{name} can't be set by its name", said.line))
                continue
            if why:
                remarks.append(Remark(Fate.LOST, name, why, said.line))
                continue
            patches[name] = said.text
            remarks.append(Remark(Fate.PATCH, name, f"{name} is kept as a patch", said.line))
        # What a patch makes has no attribute.
        access = there.access if there is not None else None
        if said.access is not None and said.access != access:
            patches[f"{name}/@ua"] = said.access
    return patches


def differences(old: Mapping[str, Said], new: Mapping[str, Said], how: Comparison) -> list[str]:
    """Return the names under which two files say different things, the product's own apart."""
    found = []
    for name in sorted({*old, *new}):
        if how.derived(name) or (name not in old and name in how.needed):
            continue
        before, after = old.get(name), new.get(name)
        texts = [how.unsaid(name) if each is None else each.text for each in (before, after)]
        if None in texts or not how.is_same(name, str(texts[0]), str(texts[1])):
            found.append(name)
        elif before is not None and before.access is not None and (after is None or before.access != after.access):
            found.append(f"{name}/@ua")
    return found


def not_read(lines: Collection[int], what: str) -> list[Remark]:
    """Return a remark about lines that say nothing, if there are any; ``what`` is why."""
    if not lines:
        return []
    return [Remark(Fate.LOST, "", f"{counted(len(lines), 'line')} {what}; the first is this one", min(lines))]
