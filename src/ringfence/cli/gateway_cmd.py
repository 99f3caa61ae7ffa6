"""``ringfence gateway``: the server that faces the internet, for phones without an edge next to them."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.output import AsJson, field
from ringfence.cli.support.serving import (
    Freebind,
    Http,
    Listen,
    User,
    become,
    joined,
)

app = typer.Typer(help="The gateway: serves sites without an edge over the internet, if allowed.", no_args_is_help=True)

Folder = Annotated[
    Path,
    typer.Option(envvar="RINGFENCE_GATEWAY_FOLDER", help="Where the gateway keeps its keys and files, site by site."),
]
DEFAULT_FOLDER = Path("/var/lib/ringfence-gateway")


@app.command()
def enrol(
    token: Annotated[str, typer.Argument(help="From `ringfence site token SITE`; - reads it from standard input.")],
    folder: Folder = DEFAULT_FOLDER,
    user: User = None,
) -> None:
    """Make this machine the gateway of one more site.

    The site must allow it first: ringfence guard policy SITE --gateway windows.

    Example: ringfence site token branch-9 | ringfence gateway enrol - --folder /var/lib/ringfence-gateway
    """
    from ringfence.edge.gateway.site_folders import join

    who = joined(lambda text: join(folder, text), token, folder, user)
    output.say(f"Enrolled as edge {who.edge_id} of site {who.site_name}. Next: ringfence gateway run --folder {folder}")


@app.command()
def run(
    folder: Folder = DEFAULT_FOLDER,
    listen: Listen = None,
    http: Http = None,
    user: User = None,
    freebind: Freebind = False,
    firewall: Annotated[
        bool, typer.Option(help="Drop banned addresses with nftables, if permitted; otherwise the gateway drops them.")
    ] = True,
) -> None:
    """Serve phones over the internet, until stopped.

    It serves every site that it is enrolled at and that allows a gateway. A phone's file with a secret in it goes out
    only within a window: ringfence guard open MAC. See docs/gateway.md for what this protects, and what it does not.

    Example: ringfence gateway run --listen 203.0.113.7:69
    """
    more = ["--firewall"] if firewall else []
    become("ringfence.edge.gateway.main", folder, listen, http, user, *more, freebind=freebind)


@app.command()
def status(folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Show which sites this gateway serves, and which release of each.

    Example: ringfence gateway status --folder /var/lib/ringfence-gateway
    """
    from ringfence.edge.gateway.site_states import site_states

    rows = [asdict(state) for state in site_states(folder)]
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("SITE", field("site")),
        ("NAME", field("name")),
        ("EDGE", field("edge")),
        ("RUNS", lambda row: "yes" if row["running"] else "no"),
        ("RELEASE", field("release")),
        ("PROBLEM", field("problem")),
    ]
    output.show_table(rows, columns, empty="Not enrolled at any site yet. Enrol: ringfence gateway enrol TOKEN.")
