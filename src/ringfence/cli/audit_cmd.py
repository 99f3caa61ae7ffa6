"""``ringfence access audit``: the audit log."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.output import AsJson, field, moment

app = typer.Typer()


@app.command()
def audit(
    limit: Annotated[int, typer.Option(help="How many to show, newest first.")] = 50, as_json: AsJson = False
) -> None:
    """Show the audit log: every change at the hub and who made it.

    Example: ringfence access audit --limit 20
    """
    rows = hub().items("/audit", limit=limit)
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("WHEN", moment("at")),
        ("WHO", field("who")),
        ("TOKEN", field("token")),
        ("FROM", field("address")),
        ("ACTION", field("action")),
        ("WHAT", field("object")),
        ("DETAIL", field("detail")),
    ]
    output.show_table(rows, columns, empty="The audit log is empty.")
