"""What a change did to rows, as the audit log keeps it: what was in them before and after, each row once, bounded."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Table

from ringfence.hub.store import told_values

MOST_ROWS = 50
"""Rows that one entry tells of; further ones are counted."""
_LONGEST = 16_000
"""Characters of all that one entry tells of rows."""

Values = Mapping[str, Any]
"""Any: a row's values, by its columns' names."""


@dataclass(slots=True)
class RowChange:
    """What was in a row before a change and after it; None where there was no row."""

    table: Table
    key: Values
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    def then(self, other: "RowChange") -> None:
        """Take a later change of the same row in; of a row that is gone, only that it is there again."""
        if self.after is None and other.before is not None:
            return
        if self.before is not None and other.before is not None:
            self.before = {**other.before, **self.before}
        if other.after is None or self.after is None:
            self.after = other.after
        else:
            self.after |= other.after

    def told(self) -> dict[str, object] | None:
        """Return what the audit log says of it; None if all is as it was before."""
        if self.before is None or self.after is None:
            if self.before is self.after:
                return None
            names = set(self.before or self.after or ())
        else:
            names = {name for name, value in self.after.items() if value != self.before.get(name)}
        columns = {column.name: column for column in self.table.columns if column.name in names - set(self.key)}
        if not columns and self.before is not None and self.after is not None:
            return None
        sides = [None if side is None else _told_side(columns, side) for side in (self.before, self.after)]
        entry: dict[str, object] = {
            "table": self.table.name,
            "key": {name: told_values.told(self.table.columns[name], value) for name, value in self.key.items()},
        }
        entry |= {"before": sides[0], "after": sides[1]}
        if self.before is not None and self.after is not None:
            diffs = {
                name: text
                for name, column in columns.items()
                if (text := told_values.difference(column, self.before.get(name), self.after.get(name)))
            }
            entry |= {"diff": diffs} if diffs else {}
        return entry


@dataclass(slots=True)
class RowChanges:
    """The rows that were changed since this was empty, each once."""

    rows: dict[tuple[str, str], RowChange] = field(default_factory=dict)
    more: int = 0
    """How many changes are not among them, because they are too many."""

    def add(self, change: RowChange) -> None:
        """Take a change in."""
        key = (change.table.name, repr(change.key))
        if key in self.rows:
            self.rows[key].then(change)
        elif len(self.rows) < MOST_ROWS:
            self.rows[key] = change
        else:
            self.more += 1

    def join(self, others: "RowChanges") -> None:
        """Take later changes in."""
        for each in others.rows.values():
            self.add(each)
        self.more += others.more

    def to_text(self) -> str:
        """Return them as the log keeps them: JSON, empty where nothing was changed."""
        told: list[dict[str, object]] = []
        more, left = self.more, _LONGEST
        for each in self.rows.values():
            if (entry := each.told()) is None:
                continue
            left -= len(json.dumps(entry, ensure_ascii=False))
            if left >= 0:
                told.append(entry)
            else:
                more += 1
        if not told and not more:
            return ""
        return json.dumps({"rows": told, "more": more}, ensure_ascii=False)


# Any: columns of any type.
def _told_side(columns: Mapping[str, Column[Any]], side: Values) -> dict[str, object]:
    return {name: told_values.told(column, side[name]) for name, column in columns.items() if name in side}
