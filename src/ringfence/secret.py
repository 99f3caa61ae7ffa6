"""A string that does not show itself."""

import hmac
from typing import Never


class Secret:
    """A secret text: hidden by ``repr``, ``str`` and ``format``, compared in constant time, never pickled.

    ``reveal()`` is the only way to its text, so that a search for that word finds every place that uses one.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret text itself; the caller must not log it or put it into arguments or URLs."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        raise TypeError("a Secret is not hashable: a hash table of secrets would leak them by timing")

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> Never:
        raise TypeError("a Secret is not pickled: it would be stored in clear text")
