"""``ringfence access audit``: who did what."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.output import AsJson, field, moment

app = typer.Typer()


@app.command()
def audit(limit: Annotated[int, typer.Option(help="How many, newest first.")] = 50, as_json: AsJson = False) -> None:
    """Show who did what at the hub."""
    rows = hub().items("/audit", limit=limit)
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("WHEN", moment("at")),
        ("WHO", field("who")),
        ("ACTION", field("action")),
        ("WHAT", field("object")),
        ("DETAIL", field("detail")),
    ]
    output.show_table(rows, columns, empty="Nothing has been done yet.")
