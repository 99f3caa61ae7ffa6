"""``ringfence access``: API tokens."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.output import AsJson, field, moment

app = typer.Typer()


@app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List the API tokens; their secrets are not stored."""
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
    output.show_table(rows, columns, empty="No API tokens. Create one: ringfence access create NAME.")


@app.command()
def create(name: Annotated[str, typer.Argument(help="Who or what it is for.")], as_json: AsJson = False) -> None:
    """Create an API token; it is shown only once.

    Example: ringfence access create backup-script
    """
    made = hub().post("/api-tokens", {"name": name})
    if as_json:
        output.show_json(made)
    else:
        output.say(f"API token for {made['name']}, shown only once:\n{made['token']}")


@app.command()
def revoke(token_id: Annotated[str, typer.Argument(metavar="ID", help="From: ringfence access list.")]) -> None:
    """Revoke an API token; requests with it are refused from now on."""
    hub().delete(f"/api-tokens/{token_id}")
    output.say(f"API token {token_id} revoked.")
