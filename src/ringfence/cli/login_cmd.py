"""``ringfence login``: log in to a hub."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.api import (
    Login,
    PeoplesApi,
    read_authority,
    save_login,
)
from ringfence.cli.support.hub_address import fetch_authority, read_address
from ringfence.secret import Secret


def login(
    url: Annotated[str, typer.Argument(metavar="HUB", help="The hub's address for people, such as hub.example.org.")],
    ca: Annotated[Path | None, typer.Option(help="The hub's CA certificate, authority.pem in its data folder.")] = None,
    fingerprint: Annotated[
        str,
        typer.Option(help="The SHA-256 of that certificate, as `ringfence hub init` prints it.", show_default=False),
    ] = "",
) -> None:
    """Log in to a hub with an API token.

    The token is read from the terminal or from standard input, never from an argument. Without --ca or --fingerprint
    the hub's certificate must be one that this machine trusts.

    Example: ringfence login hub.example.org --ca authority.pem
    """
    address = read_address(url)
    if ca is not None and fingerprint:
        raise typer.BadParameter("give the certificate or its fingerprint, not both", param_hint="--fingerprint")
    authority = read_authority(ca) if ca else fetch_authority(address, fingerprint) if fingerprint else ""
    text = typer.prompt("API token", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    entry = Login(address, Secret(text.strip()), authority)
    who = PeoplesApi(entry).get("/whoami")
    path = save_login(entry)
    output.say(f"Logged in to {address} as {who['name']}. Login saved in {path}.")
