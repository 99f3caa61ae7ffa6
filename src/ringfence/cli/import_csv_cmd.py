"""``ringfence import csv``: import a table of phones and lines."""

from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.bulk import DryRun, raise_refusals, refusal, say_outcome
from ringfence.cli.support.connection import hub
from ringfence.cli.support.files import read_text
from ringfence.cli.support.output import AsJson
from ringfence.phones.importing import phone_table
from ringfence.phones.importing.phone_table import COLUMNS

app = typer.Typer()

LARGEST_TABLE_BYTES = 16 << 20


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
    table = phone_table.read(read_text(file, LARGEST_TABLE_BYTES), str(file))
    refused = [refusal(each.row, each.column, each.what) for each in table.refused]
    order = {"phones": table.phones, "dry_run": dry_run or bool(refused), "make_sites": make_sites}
    done = hub().post("/phones/bulk", order)
    done["refusals"] = sorted([*refused, *done["refusals"]], key=lambda each: each["row"])
    if as_json:
        output.show_json(done)
    else:
        say_outcome(done, dry_run=dry_run)
    raise_refusals(done, str(file))
