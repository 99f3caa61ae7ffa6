"""``ringfence report``: events that edges reported."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.phones.mac import Mac

app = typer.Typer(help="Reports: what phones and edges did.", no_args_is_help=True)


@app.command("list")
def list_reports(
    site: Annotated[str | None, typer.Option(help="Only this site.")] = None,
    phone: Annotated[str | None, typer.Option(metavar="MAC", help="Only this phone.")] = None,
    limit: Annotated[int, typer.Option(help="How many to show, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what happened at edges, newest first.

    Among the events are files taken and refused, releases served, and phones reloaded.
    """
    owner = Mac.parse(phone).bare if phone else None
    rows = hub().items("/reports", site=site, phone=owner, limit=limit)
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("WHEN", moment("at")),
        ("EDGE", field("edge")),
        ("WHAT", field("kind")),
        ("IN WORDS", field("sentence")),
    ]
    output.show_table(rows, columns, empty="No reports yet. Is an edge running? ringfence edge list")
