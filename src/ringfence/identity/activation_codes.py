"""Activation codes: nine characters that somebody reads out, with which one prepared phone is adopted, once.

No two of the alphabet are read as each other: it has no 0, 1, I, L and O. Its length, 31, is a prime, so the last
character, a weighted sum of the eight others, tells of every character that is mistyped and of every two that are
swapped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from ringfence.identity.errors import BadActivationCode
from ringfence.secret import Secret

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
RANDOM_CHARACTERS = 8
"""39 bits and more, for somebody who has to sign in before each guess."""
_CHARACTERS = RANDOM_CHARACTERS + 1
_GROUP = 3
_ENDING = 2
_BETWEEN = str.maketrans("", "", "- \t\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}\N{NO-BREAK SPACE}")
_FORM = f"It has {_CHARACTERS} characters, as in 7KM-X3P-9QA, and no 0, 1, I, L or O."


@dataclass(frozen=True, slots=True)
class ActivationCode:
    """A code as it was made or typed; its check character is right."""

    secret: Secret

    @classmethod
    def of(cls, numbers: Sequence[int]) -> Self:
        """Return the code of eight random numbers, each below the length of ``ALPHABET``."""
        if len(numbers) != RANDOM_CHARACTERS:
            raise ValueError(f"{len(numbers)} numbers")
        missing = -_weighted(numbers) * pow(_CHARACTERS, -1, len(ALPHABET))
        return cls(Secret("".join(ALPHABET[number] for number in (*numbers, missing % len(ALPHABET)))))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a code that a person typed, in any case, with blanks and hyphens anywhere.

        Raises:
            BadActivationCode: It is none, or one of its characters is mistyped.
        """
        typed = text.upper().translate(_BETWEEN)
        if len(typed) != _CHARACTERS or not set(typed) <= set(ALPHABET):
            raise BadActivationCode("this is not an activation code", to_do=_FORM)
        if _weighted([ALPHABET.index(character) for character in typed]) % len(ALPHABET):
            raise BadActivationCode("a character of the activation code is mistyped", to_do="Ask for it once more.")
        return cls(Secret(typed))

    def to_text(self) -> str:
        """Return the code as it is read out; whoever has it adopts the phone."""
        text = self.secret.reveal()
        return "-".join(text[at : at + _GROUP] for at in range(0, _CHARACTERS, _GROUP))

    @property
    def ending(self) -> str:
        """Its last characters, by which people tell codes apart."""
        return self.secret.reveal()[-_ENDING:]


def _weighted(numbers: Sequence[int]) -> int:
    return sum(weight * number for weight, number in enumerate(numbers, 1))
