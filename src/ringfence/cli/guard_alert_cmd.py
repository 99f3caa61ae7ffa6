"""``ringfence guard alerts``: things that need a person's attention."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.output import (
    AsJson,
    field,
    moment,
)

app = typer.Typer()


@app.command()
def alerts(
    site: Annotated[str | None, typer.Option(help="Only this site.")] = None,
    with_closed: Annotated[bool, typer.Option("--all", help="Show closed ones too.")] = False,
    close: Annotated[
        int | None, typer.Option(metavar="ID", help="Close this alert; somebody has looked at it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the alerts, newest first, or close one.

    Example: ringfence guard alerts --close 7
    """
    if close is not None:
        row = hub().post(f"/guard/alerts/{close}/close")
        if as_json:
            output.show_json(row)
        else:
            output.say(f"Alert {row['id']} closed. A new alert opens if the same happens again.")
        return
    rows = hub().items("/guard/alerts", site=site, closed_too=str(with_closed).lower())
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("ID", field("id")),
        ("SITE", field("site")),
        ("WHAT", field("kind")),
        ("SINCE", moment("first_at")),
        ("LAST", moment("last_at")),
        ("TIMES", field("count")),
        ("CLOSED", moment("closed_at")),
        ("IN WORDS", field("sentence")),
    ]
    output.show_table(rows, columns, empty="No open alerts." if not with_closed else "No alerts.")
