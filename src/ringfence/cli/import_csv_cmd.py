"""``ringfence import csv``: import a table of phones and lines."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import csv_table, output
from ringfence.cli.support.bulk import DryRun, Json, raise_refusals, refusal, say_outcome
from ringfence.cli.support.connection import hub
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.files import read_text
from ringfence.cli.support.output import AsJson
from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac

app = typer.Typer()

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

_PHONE_COLUMNS = ("site", "model", "description", "group")

LARGEST_TABLE_BYTES = 16 << 20


_LARGEST_LINE = 1000
_LINE_PARTS = ("label", "name", "display_name", "auth_name", "password")
_EXACT = frozenset({"label", "display_name", "description", "password"})
"""Columns whose cells are taken with the blanks around them."""


@app.command("csv")
def import_csv(
    file: Annotated[Path, typer.Argument(help=f"A table whose first row names its columns: {', '.join(COLUMNS)}.")],
    dry_run: DryRun = False,
    make_sites: Annotated[
        bool, typer.Option("--make-sites", help="Create the sites and groups of the table that do not exist.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add or change phones and lines from a CSV table, all or none.

    Every error is listed with its row and column. An existing phone needs only its mac; a new phone also needs site and
    model, and a new line needs a name. Empty passwords are generated. A site or group that does not exist is an error,
    as it may be a typing error, unless you say --make-sites.

    Example: ringfence import csv phones.csv --dry-run
    """
    phones, refused = _phones(csv_table.from_text(read_text(file, LARGEST_TABLE_BYTES), str(file)), file)
    order = {"phones": phones, "dry_run": dry_run or bool(refused), "make_sites": make_sites}
    done = hub().post("/phones/bulk", order)
    done["refusals"] = sorted([*refused, *done["refusals"]], key=lambda each: each["row"])
    if as_json:
        output.show_json(done)
    else:
        say_outcome(done, dry_run=dry_run)
    raise_refusals(done, str(file))


def _phones(table: csv_table.CsvTable, file: Path) -> tuple[list[Json], list[Json]]:
    """Return the phones of a table, and what can't be used of it; BadArgument says what is wrong with its heading."""
    _check_heading(table.heading, file)
    refused = [
        refusal(row, "", f"it has {cells} cells, but there are {len(table.heading)} columns")
        for row, cells in table.too_long
    ]
    phones: dict[str, Json] = {}
    for number, cells in table.rows:
        row = {name: cell if name in _EXACT else cell.strip() for name, cell in zip(table.heading, cells, strict=True)}
        refused += _add_row(phones, row, number)
    return list(phones.values()), refused


def _check_heading(heading: tuple[str, ...], file: Path) -> None:
    unknown = [name for name in heading if name not in COLUMNS]
    if unknown:
        near = {name: difflib.get_close_matches(name, COLUMNS, n=1) for name in unknown}
        said = ", ".join(f"{name!r}" + (f" ({near[name][0]!r}?)" if near[name] else "") for name in unknown)
        what = f"the column {said} is unknown" if len(unknown) == 1 else f"the columns {said} are unknown"
    elif "mac" not in heading or len(set(heading)) != len(heading):
        what = "the first row must name the columns, once each"
    else:
        return
    raise BadArgument(what, where=str(file), to_do=f"Columns: {', '.join(COLUMNS)}; mac is needed.")


def _add_row(phones: dict[str, Json], row: Mapping[str, str], number: int) -> list[Json]:
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
            refused.append(refusal(number, column, what))
    index = row.get("line", "")
    parts = {name: row[name] for name in _LINE_PARTS if row.get(name)}
    if index and not (index.isascii() and index.isdecimal() and 1 <= int(index[:9]) <= _LARGEST_LINE):
        refused.append(refusal(number, "line", f"{index!r} is not a line number"))
    elif index or parts:
        phone["lines"].append({"index": int(index or 1), "row": number, **parts})
    return refused
