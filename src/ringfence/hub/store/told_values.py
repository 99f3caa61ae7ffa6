"""What the audit log says of a value: no secret, and never much."""

import difflib
import hashlib
import json
import re
from typing import Any, Final

from sqlalchemy import Column, LargeBinary

from ringfence.hub.store.guard_models import AlertChannelRow
from ringfence.hub.store.setting_models import OwnTemplateRow

LONGEST = 200
"""Characters of a text that is told as it is."""
_LONGEST_DIFF = 1000
_LONGEST_COMPARED = 20_000
_SECRET_NAMES = re.compile(r"(?:^|_)(?:password|secret|hash|hashes|sealed|private|token|seed|totp|cookie)(?:_|$)")
_MAY_HOLD_SECRETS: Final = frozenset({
    (OwnTemplateRow.__tablename__, "source"),
    (AlertChannelRow.__tablename__, "url"),
})  # fmt: skip
"""Texts in which somebody may have written a secret: of them nothing is told but how long they are."""

Told = None | bool | int | float | str | dict[str, Any]
"""Any: JSON."""


# Any: a column of any type, and what it holds.
def is_secret(column: Column[Any]) -> bool:
    """Return whether a column holds secrets, by its type or its name."""
    return isinstance(column.type, LargeBinary) or _SECRET_NAMES.search(column.name) is not None


def told(column: Column[Any], value: Any) -> Told:  # noqa: ANN401 - what any column may hold
    """Return what is said of a value.

    Returns:
        The value; for a secret only that there is one; for a long text its length and its digest.
    """
    if value is None or isinstance(value, bool):
        return value
    if is_secret(column):
        return {"secret": bool(value)}
    if (column.table.name, column.name) in _MAY_HOLD_SECRETS:
        return {"length": len(value)}
    if isinstance(value, int | float):
        return value
    text = as_text(value)
    if len(text) <= LONGEST:
        return text
    return {"length": len(text), "sha256": hashlib.sha256(text.encode(errors="replace")).hexdigest()}


def difference(column: Column[Any], before: object, after: object) -> str:
    """Return how a long text has changed, as the beginning of a unified diff; empty where both are told as they are."""
    if is_secret(column) or (column.table.name, column.name) in _MAY_HOLD_SECRETS:
        return ""
    was, is_now = as_text(before), as_text(after)
    if not LONGEST < max(len(was), len(is_now)) <= _LONGEST_COMPARED:
        return ""
    lines = difflib.unified_diff(was.splitlines(), is_now.splitlines(), n=0, lineterm="")
    return "\n".join(list(lines)[2:])[:_LONGEST_DIFF]


def as_text(value: object) -> str:
    """Return a value of a column as a text."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
