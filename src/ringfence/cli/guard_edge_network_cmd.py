"""``ringfence guard accept-edge``: where edges may stand."""

from typing import Annotated
from urllib.parse import quote

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.output import AsJson

app = typer.Typer()


@app.command("accept-edge")
def accept_edge(
    edge: Annotated[str, typer.Argument(metavar="EDGE", help="Its id, as ringfence edge list shows it.")],
    as_json: AsJson = False,
) -> None:
    """Let an edge stand where it connects from now; what it held back for that, it gives out again."""
    found = hub().post(f"/edges/{quote(edge, safe='')}/accept")
    if as_json:
        output.show_json(found)
    else:
        output.say(f"Edge {edge} may stand in {', '.join(found['networks']) or 'every network that it came from'}.")
