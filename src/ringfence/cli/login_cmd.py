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
from ringfence.secret import Secret


def login(
    url: Annotated[str, typer.Argument(help="The hub's address for people, such as https://hub.example.org:8443.")],
    ca: Annotated[Path | None, typer.Option(help="The hub's CA certificate, authority.pem in its data folder.")] = None,
) -> None:
    """Log in to a hub with an API token.

    The token is read from the terminal or from standard input, never from an argument.

    Example: ringfence login https://hub.example.org:8443 --ca authority.pem
    """
    text = typer.prompt("API token", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    entry = Login(url, Secret(text.strip()), read_authority(ca) if ca else "")
    who = PeoplesApi(entry).get("/whoami")
    path = save_login(entry)
    output.say(f"Logged in to {url} as {who['name']}. Login saved in {path}.")
