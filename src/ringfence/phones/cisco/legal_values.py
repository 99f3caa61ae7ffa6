"""What an element of a phone's file may hold: what is documented, and what phones are known to take besides."""

import re
from dataclasses import dataclass, field

_LONGEST_NUMBER = 9


@dataclass(frozen=True, slots=True)
class OneOf:
    """Fixed words, in any case if ``folds``; ``also`` are words that phones' files are known to hold."""

    words: tuple[str, ...]
    also: tuple[str, ...] = ()
    folds: bool = False

    @property
    def says(self) -> str:
        """What is documented, in words."""
        return " or ".join((", ".join(self.words[:-1]), self.words[-1])) if len(self.words) > 1 else self.words[0]

    def documented(self, text: str) -> bool:
        """Return whether a source says that phones take ``text``."""
        return text in self.words

    def taken(self, text: str) -> bool:
        """Return whether phones are known to take ``text``."""
        if self.folds:
            return text.lower() in {word.lower() for word in (*self.words, *self.also)}
        return text in self.words or text in self.also


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from ``least`` to ``most``; ``also`` are words that phones' files are known to hold."""

    least: int
    most: int
    also: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """What is documented, in words."""
        return f"a whole number from {self.least} to {self.most}"

    def documented(self, text: str) -> bool:
        """Return whether a source says that phones take ``text``."""
        plain = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
        return plain and self.least <= int(text) <= self.most

    def taken(self, text: str) -> bool:
        """Return whether phones are known to take ``text``."""
        return self.documented(text) or text in self.also


@dataclass(frozen=True, slots=True)
class Shaped:
    """A text of a certain shape; ``also`` is the wider shape of what phones' files are known to hold."""

    pattern: re.Pattern[str]
    says: str
    also: re.Pattern[str] | None = None

    def documented(self, text: str) -> bool:
        """Return whether a source says that phones take ``text``."""
        return self.pattern.fullmatch(text) is not None

    def taken(self, text: str) -> bool:
        """Return whether phones are known to take ``text``."""
        return self.documented(text) or (self.also is not None and self.also.fullmatch(text) is not None)


@dataclass(frozen=True, slots=True)
class FreeText:
    """Any text within its limit of characters (``limits.py``)."""

    says: str = field(default="any text")

    def documented(self, _text: str) -> bool:
        """Return True."""
        return True

    def taken(self, _text: str) -> bool:
        """Return True."""
        return True


LegalValues = OneOf | Whole | Shaped | FreeText
