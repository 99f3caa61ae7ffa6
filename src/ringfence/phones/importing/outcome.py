"""What an import makes of each entry of a folder: a phone, one with remarks, or nothing; and what became of its parts.

Nothing is lost without a remark that says what, where and why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from ringfence.phones.assets.kinds import Asset
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount
from ringfence.phones.settings.types import Value


class Fate(StrEnum):
    """What became of a part of somebody's file."""

    PATCH = "kept as a patch"
    """No setting can express it: the element is set by its name."""
    MENDED = "mended"
    """It was written so that it can't be kept as it is, and means something that can."""
    LOST = "lost"
    """It can't be kept: the new file is without it."""
    ADDED = "added"
    """The new file has it, and the old one had not."""
    NOTE = "note"
    """Nothing happened to it, but people should know."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to know about an entry.

    ``element`` is the element's or parameter's path, empty if the remark is about the whole file; ``line`` is the
    source's line, from 1, 0 if unknown. ``text`` never holds a secret.
    """

    fate: Fate
    element: str
    text: str
    line: int = 0

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.text}"


class Confidence(StrEnum):
    """How well a phone's model is known."""

    CERTAIN = "certain"
    """The file or a person names it."""
    LIKELY = "likely"
    """Several models fit, and one fits best."""
    UNKNOWN = "unknown"
    """Nothing in the file tells."""


@dataclass(frozen=True, slots=True)
class ModelGuess:
    """Which model a phone is, how well that is known, which others it may be, and by what."""

    model: str
    confidence: Confidence
    others: tuple[str, ...] = ()
    because: str = ""


@dataclass(frozen=True, slots=True)
class ImportedPhone:
    """One phone as it was read; ``patches`` are by their names as settings, such as ``patch:cisco-99xx:webAccess``."""

    mac: Mac
    guess: ModelGuess
    lines: tuple[LineAccount, ...]
    settings: Mapping[str, Value]
    patches: Mapping[str, str] = field(repr=False)
    remarks: tuple[Remark, ...] = ()
    uses: tuple[str, ...] = ()
    """The other files of the folder that were read for it, such as its dial plan."""
    assets: tuple[Asset, ...] = ()
    """Those of them that are kept as they are, under the names that its settings have."""

    @property
    def model(self) -> str:
        """The model's name."""
        return self.guess.model

    def with_fate(self, fate: Fate) -> list[Remark]:
        """Return the remarks of one kind."""
        return [remark for remark in self.remarks if remark.fate is fate]


class Outcome(StrEnum):
    """What became of one entry."""

    IMPORTED = "imported"
    WITH_REMARKS = "imported with remarks"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file that is a phone's: by its path in the folder, with its phone, or with why there is none."""

    path: str
    phone: ImportedPhone | None = None
    why: str = ""
    to_do: str = ""

    @property
    def outcome(self) -> Outcome:
        """What became of it; elements kept as patches need no remark."""
        if self.phone is None:
            return Outcome.LEFT_OUT
        changed = {Fate.MENDED, Fate.LOST, Fate.NOTE}
        return Outcome.WITH_REMARKS if any(each.fate in changed for each in self.phone.remarks) else Outcome.IMPORTED


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file that is about no phone alone: what of it becomes the site's settings, and what became of the rest."""

    path: str
    settings: Mapping[str, Value]
    remarks: tuple[Remark, ...] = ()
    where: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """The line that says a setting, where it is known."""


def common_settings(phones: Sequence[ImportedPhone]) -> dict[str, Value]:
    """Return the settings and patches that all of ``phones`` have with one value: they can be the site's."""
    if len(phones) < 2:  # noqa: PLR2004 - one phone has nothing in common
        return {}
    first, *others = ({**phone.settings, **phone.patches} for phone in phones)
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}
