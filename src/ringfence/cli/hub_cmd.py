"""``ringfence hub``: create a hub here, and run it."""

from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output

app = typer.Typer(help="The hub: the central server for sites, phones and settings.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The hub's data folder.")]


@app.command()
def init(
    folder: Folder,
    address: Annotated[str, typer.Option(help="The host name or IP address at which edges and people reach the hub.")],
    name: Annotated[str, typer.Option(help="Its name for people.")] = "Ringfence hub",
    listen: Annotated[
        str | None,
        typer.Option(help="The address to listen on; by default all, but only loopback for a loopback address."),
    ] = None,
    people_port: Annotated[int, typer.Option(help="Port for people and the command line; 0 takes a free one.")] = 8443,
    device_port: Annotated[int, typer.Option(help="Port for edges; 0 takes a free one.")] = 8444,
) -> None:
    """Create a new hub: keys, certificates, database and first API token.

    The token is shown only once.

    Example: ringfence hub init /var/lib/ringfence/hub --address hub.example.org
    """
    from ringfence.hub.data.config import default_listen, make_config
    from ringfence.hub.process.init import init as init_hub

    config = make_config(
        name=name,
        address=address,
        listen=listen or default_listen(address),
        people_port=people_port,
        device_port=device_port,
    )
    token = init_hub(folder, config)
    output.say(f"Hub created in {folder}. Its first API token, shown only once:\n\n  {token.reveal()}\n")
    output.say(f"Start it:  ringfence hub run {folder}")
    port = people_port or "PORT"  # a free port is known only when the hub runs; its first line shows it
    output.say(f"Log in:    ringfence login https://{address}:{port} --ca {folder / 'authority.pem'}")


@app.command()
def run(folder: Folder) -> None:
    """Run the hub in the foreground, until stopped.

    It logs JSON lines to standard error.

    Example: ringfence hub run /var/lib/ringfence/hub
    """
    from ringfence.hub.data.folder import DataFolder
    from ringfence.hub.process.run import run as run_hub

    run_hub(DataFolder(folder))
