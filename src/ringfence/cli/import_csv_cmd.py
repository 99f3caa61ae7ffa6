"""``ringfence import csv``: import a table of phones and lines."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.bulk import DryRun, Json, raise_refusals, say_outcome
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


@app.command("csv")
def import_csv(
    file: Annotated[Path, typer.Argument(help=f"A table whose first row names its columns: {', '.join(COLUMNS)}.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add or change phones and lines from a CSV table, all or none.

    Every error is listed with its row and column. An existing phone needs only its mac; a new phone also needs site and
    model, and a new line needs a name. Empty passwords are generated.

    Example: ringfence import csv phones.csv --dry-run
    """
    order = {"phones": _table(read_text(file, LARGEST_TABLE_BYTES), file), "dry_run": dry_run}
    done = hub().post("/phones/bulk", order)
    if as_json:
        output.show_json(done)
    else:
        say_outcome(done, dry_run=dry_run)
    raise_refusals(done, str(file))


def _table(text: str, file: Path) -> list[Json]:
    """Return the phones of a table; BadArgument says what is wrong with its heading."""
    try:
        dialect: type[csv.Dialect] | str = csv.Sniffer().sniff(text.partition("\n")[0], ",;\t")
    except csv.Error:
        dialect = "excel"
    reader = csv.reader(io.StringIO(text), dialect)
    try:
        rows = list(reader)
    except csv.Error as fault:
        raise BadArgument(f"the table can't be read: {fault}", where=f"{file}, line {reader.line_num}") from None
    heading = [cell.strip().lower() for cell in rows[0]] if rows else []
    unknown = [name for name in heading if name not in COLUMNS]
    if "mac" not in heading or unknown or len(set(heading)) != len(heading):
        what = f"the column {unknown[0]!r} is unknown" if unknown else "the first row must name the columns, once each"
        raise BadArgument(what, where=str(file), to_do=f"Columns: {', '.join(COLUMNS)}; mac is needed.")
    phones: dict[str, Json] = {}
    for number, cells in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(heading):
            raise BadArgument(
                f"row {number} has {len(cells)} cells, but there are {len(heading)} columns", where=str(file)
            )
        row = dict(zip(heading, (cell.strip() for cell in cells), strict=False))
        _add_row(phones, row, number, file)
    return list(phones.values())


def _add_row(phones: dict[str, Json], row: Mapping[str, str], number: int, file: Path) -> None:
    try:
        key = Mac.parse(row["mac"]).bare
    except BadMac:
        key = f"row {number}"  # the hub says what is wrong with it, together with all other errors
    phone = phones.setdefault(key, {"mac": row["mac"], "row": number, "lines": []})
    for column in _PHONE_COLUMNS:
        said = row.get(column, "")
        if said and phone.setdefault(column, said) != said:
            raise BadArgument(
                f"row {number}, column {column}: {said!r}, but row {phone['row']} has {phone[column]!r} for this phone",
                where=str(file),
            )
    index = row.get("line", "")
    parts = {name: row[name] for name in ("label", "name", "display_name", "auth_name", "password") if row.get(name)}
    if not index and not parts:
        return
    if index and not (index.isascii() and index.isdecimal() and 1 <= int(index) <= 1000):  # noqa: PLR2004 - the API's
        raise BadArgument(f"row {number}, column line: {index!r} is not a line number", where=str(file))
    phone["lines"].append({"index": int(index or 1), "row": number, **parts})
