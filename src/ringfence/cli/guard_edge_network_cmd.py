"""``ringfence guard accept-edge``: the networks that edges may connect from."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.output import AsJson

app = typer.Typer()


@app.command("accept-edge")
def accept_edge(
    edge: Annotated[str, typer.Argument(metavar="EDGE", help="Its id, as ringfence edge list shows it.")],
    as_json: AsJson = False,
) -> None:
    """Accept the network that an edge connects from now.

    The edge then serves the files again that it held back because of the new network.

    Example: ringfence guard accept-edge edge-1a2b3c
    """
    found = hub().post(f"/edges/{segment(edge)}/accept")
    if as_json:
        output.show_json(found)
    else:
        output.say(
            f"Edge {edge} may now connect from {', '.join(found['networks']) or 'every network that it has used'}."
        )
