"""``ringfence guard alerts``: things that need a person's attention."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import OnlySite
from ringfence.cli.support.connection import hub
from ringfence.cli.support.listing import Choice, Filters, Limit, Listing, Sort, show
from ringfence.cli.support.output import (
    AsJson,
    field,
    moment,
)

app = typer.Typer()


@app.command()
def alerts(
    site: OnlySite = None,
    with_closed: Annotated[bool, typer.Option("--all", help="Show closed ones too.")] = False,
    close: Annotated[
        int | None, typer.Option(metavar="ID", help="Close this alert; somebody has looked at it.")
    ] = None,
    filters: Filters = None,
    sort: Sort = None,
    limit: Limit = None,
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
    none = "No open alerts." if not with_closed else "No alerts."
    query = {"site": site, "closed_too": str(with_closed).lower()}
    show(
        Listing("/guard/alerts", columns, empty=none, query=query), Choice(filters or (), sort, limit), as_json=as_json
    )
