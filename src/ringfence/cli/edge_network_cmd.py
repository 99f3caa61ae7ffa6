"""``ringfence edge network``: what a phone box leaves in this machine's network, and taking it away."""

from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.output import AsJson
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer(help="The phone's port of a box on this machine.", no_args_is_help=True)
_FOLDER = "/run/ringfence-box"


@app.command()
def clear(
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where the edge keeps the port's files.")] = Path(_FOLDER),
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take the fence away once no edge runs any more, and the phone's port down. Needs root.

    The fence outlives the edge on purpose. This machine is then as open as its other firewall rules leave it.

    Example: ringfence edge network clear --yes
    """
    from ringfence.edge.network.clearing import clear as clear_port

    confirm("Take the fence away", yes=yes)
    cleared = clear_port(folder)
    if as_json:
        output.show_json({"cleared": cleared.had_fence, "port": cleared.port})
    elif cleared.had_fence:
        output.say("The fence is gone." + (f" The port {cleared.port} is down." if cleared.port else ""))
    else:
        output.say("There was no fence.")
