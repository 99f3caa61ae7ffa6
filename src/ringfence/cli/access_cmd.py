"""``ringfence login`` and ``ringfence access``: who may use the hub."""

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
from ringfence.cli.support.connection import hub
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.secret import Secret

app = typer.Typer(help="API tokens and the audit log: who may use the hub, and who did what.", no_args_is_help=True)


def login(
    url: Annotated[str, typer.Argument(help="The hub's address for people, such as https://hub.example.org:8443.")],
    ca: Annotated[Path | None, typer.Option(help="The hub's CA certificate, authority.pem in its data folder.")] = None,
) -> None:
    """Log in to a hub with an API token, which is read from the terminal or from standard input, never an argument.

    Example: ringfence login https://hub.example.org:8443 --ca authority.pem
    """
    text = typer.prompt("API token", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    entry = Login(url, Secret(text.strip()), read_authority(ca) if ca else "")
    who = PeoplesApi(entry).get("/whoami")
    path = save_login(entry)
    output.say(f"Logged in to {url} as {who['name']}. Kept in {path}.")


@app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List the API tokens; their secrets are stored nowhere."""
    rows = hub().items("/api-tokens")
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("ID", field("id")),
        ("NAME", field("name")),
        ("MADE", moment("created_at")),
        ("LAST USED", moment("last_used_at")),
        ("REVOKED", moment("revoked_at")),
    ]
    output.show_table(rows, columns, empty="No tokens. Make one: ringfence access create NAME.")


@app.command()
def create(name: Annotated[str, typer.Argument(help="Whose or what for.")], as_json: AsJson = False) -> None:
    """Make an API token; it is printed once."""
    made = hub().post("/api-tokens", {"name": name})
    if as_json:
        output.show_json(made)
    else:
        output.say(f"Token for {made['name']}, shown this once:\n{made['token']}")


@app.command()
def revoke(token_id: Annotated[str, typer.Argument(metavar="ID", help="From: ringfence access list.")]) -> None:
    """Revoke an API token; its next request is refused."""
    hub().delete(f"/api-tokens/{token_id}")
    output.say(f"Token {token_id} is revoked.")


@app.command()
def audit(limit: Annotated[int, typer.Option(help="How many, newest first.")] = 50, as_json: AsJson = False) -> None:
    """Show who did what at the hub."""
    rows = hub().items("/audit", limit=limit)
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("WHEN", moment("at")),
        ("WHO", field("who")),
        ("ACTION", field("action")),
        ("WHAT", field("object")),
        ("DETAIL", field("detail")),
    ]
    output.show_table(rows, columns, empty="Nothing has been done yet.")
