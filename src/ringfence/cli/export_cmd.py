"""``ringfence export``: export phones and lines as a table."""

from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support.arguments import OnlySite
from ringfence.cli.support.connection import hub
from ringfence.cli.support.files import write_table
from ringfence.phones.importing.phone_table import COLUMNS

app = typer.Typer(help="Export phones and lines as a table.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``csv`` a command of its own."""


@app.command("csv")
def export_csv(
    file: Annotated[Path | None, typer.Argument(help="The file to write; standard output by default.")] = None,
    site: OnlySite = None,
) -> None:
    """Export phones and lines as a CSV table, without passwords.

    There is a row for each line; ``ringfence import csv`` reads the same columns. A cell that a spreadsheet would run
    as a formula begins with an apostrophe, which the import removes.

    Example: ringfence export csv phones.csv
    """
    rows: list[list[object]] = [list(COLUMNS)]
    for phone in hub().items("/phones", site=site):
        own = [phone["mac"], phone["site"], phone["model"], phone["description"], phone["group"] or ""]
        for line in phone["lines"] or [{}]:
            parts = [line.get(name, "") for name in ("index", "label", "name", "display_name", "auth_name")]
            rows.append([*own, *parts, ""])
    write_table(file, rows)
