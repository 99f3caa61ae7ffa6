"""``ringfence report``: events that edges reported."""

import typer

from ringfence.cli.support.arguments import OnlyPhone, OnlySite
from ringfence.cli.support.listing import Listing, lists_newest
from ringfence.cli.support.output import field, moment
from ringfence.phones.mac import Mac

app = typer.Typer(help="Reports: what phones and edges did.", no_args_is_help=True)


@app.command("list")
@lists_newest
def list_reports(
    site: OnlySite = None,
    phone: OnlyPhone = None,
) -> Listing:
    """List what happened at edges, newest first.

    Among the events are files taken and refused, releases served, and phones reloaded.

    Example: ringfence report list --site home-office-anna --limit 20
    """
    owner = Mac.parse(phone).bare if phone else None
    columns = [
        ("WHEN", moment("at")),
        ("EDGE", field("edge")),
        ("WHAT", field("kind")),
        ("IN WORDS", field("sentence")),
    ]
    return Listing(
        "/reports",
        columns,
        empty="No reports yet. Is an edge running? ringfence edge list",
        query={"site": site, "phone": owner},
    )
