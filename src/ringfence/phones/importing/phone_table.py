"""A table with a row for each line of a phone, as people keep it in a spreadsheet, read into what the API takes."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ringfence import csv_table
from ringfence.counted import some
from ringfence.csv_table import BadTable
from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac

COLUMNS = (
    "mac",
    "site",
    "model",
    "description",
    "group",
    "line",
    "label",
    "name",
    "display_name",
    "auth_name",
    "password",
)
"""The columns of a table with a row for each line; a phone's own columns may be empty after its first row."""

MOST_ROWS = 60_000
"""As many lines as the hub takes at once (``BulkOrder``)."""
_PHONE_COLUMNS = ("site", "model", "description", "group")
_LARGEST_LINE = 1000
_LONGEST_NAMED = 40
"""How much of an unknown column's name an error repeats."""
_LINE_PARTS = ("label", "name", "display_name", "auth_name", "password")
_EXACT = frozenset({"label", "display_name", "description", "password"})
"""Columns whose cells are taken with the blanks around them."""

Json = dict[str, Any]
"""Any: JSON of the API."""


@dataclass(frozen=True, slots=True)
class TableRefusal:
    """Why a cell can't be used, or a whole row where the column is empty."""

    row: int
    column: str
    what: str


@dataclass(frozen=True, slots=True)
class PhoneTable:
    """The phones of a table in the API's form, and what can't be used of it; the hub says what else is wrong."""

    phones: Sequence[Json]
    refused: Sequence[TableRefusal]


def read(text: str, where: str) -> PhoneTable:
    """Return the phones of a table.

    Args:
        text: The table.
        where: What it is called, for errors.

    Raises:
        BadTable: It is no table or too long, or its first row names no columns that phones have.
    """
    table = csv_table.from_text(text, where)
    _check_heading(table.heading, where)
    if len(table.rows) + len(table.too_long) > MOST_ROWS:
        raise BadTable(
            f"the table has more than {MOST_ROWS:,} rows, the most at once", where=where, to_do="Import it in parts."
        )
    refused = [
        TableRefusal(row, "", f"it has {cells} cells, but there are {len(table.heading)} columns")
        for row, cells in table.too_long
    ]
    phones: dict[str, Json] = {}
    for number, cells in table.rows:
        row = {name: cell if name in _EXACT else cell.strip() for name, cell in zip(table.heading, cells, strict=True)}
        refused += _add_row(phones, row, number)
    return PhoneTable(list(phones.values()), refused)


def _check_heading(heading: tuple[str, ...], where: str) -> None:
    unknown = [name for name in heading if name not in COLUMNS]
    if unknown:
        named = [name[:_LONGEST_NAMED] for name in unknown]
        near = {name: difflib.get_close_matches(name, COLUMNS, n=1) for name in named}
        said = some([f"{name!r}" + (f" ({near[name][0]!r}?)" if near[name] else "") for name in named])
        what = f"the column {said} is unknown" if len(unknown) == 1 else f"the columns {said} are unknown"
    elif "mac" not in heading or len(set(heading)) != len(heading):
        what = "the first row must name the columns, once each"
    else:
        return
    raise BadTable(what, where=where, to_do=f"Columns: {', '.join(COLUMNS)}; mac is needed.")


def _add_row(phones: dict[str, Json], row: Mapping[str, str], number: int) -> list[TableRefusal]:
    """Add a row to its phone; return what can't be used of it."""
    refused = []
    try:
        key = Mac.parse(row["mac"]).bare
    except BadMac:
        key = f"row {number}"  # the hub says what is wrong with it, together with all other errors
    phone = phones.setdefault(key, {"mac": row["mac"], "row": number, "lines": []})
    for column in _PHONE_COLUMNS:
        said = row.get(column, "")
        if said and phone.setdefault(column, said) != said:
            what = f"{said!r}, but row {phone['row']} has {phone[column]!r} for this phone"
            refused.append(TableRefusal(number, column, what))
    index = row.get("line", "")
    parts = {name: row[name] for name in _LINE_PARTS if row.get(name)}
    if index and not (index.isascii() and index.isdecimal() and 1 <= int(index[:9]) <= _LARGEST_LINE):
        refused.append(TableRefusal(number, "line", f"{index!r} is not a line number"))
    elif index or parts:
        phone["lines"].append({"index": int(index or 1), "row": number, **parts})
    return refused
