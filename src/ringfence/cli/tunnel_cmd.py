"""``ringfence tunnel``: tunnels of boxes to the PBX."""

import typer

from ringfence.cli import concentrator_cmd

app = typer.Typer(help="Tunnels of boxes: the concentrators beside the PBX where they end.", no_args_is_help=True)
app.add_typer(concentrator_cmd.app)
