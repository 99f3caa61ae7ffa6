"""``ringfence access``: API tokens."""

import time
from datetime import datetime
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer()


@app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List the API tokens; their secrets are not stored.

    Example: ringfence access list
    """
    rows = hub().items("/api-tokens")
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("ID", field("id")),
        ("NAME", field("name")),
        ("FOR", field("scope")),
        ("MADE", moment("created_at")),
        ("UNTIL", moment("ends_at")),
        ("LAST USED", moment("last_used_at")),
        ("REVOKED", moment("revoked_at")),
    ]
    output.show_table(rows, columns, empty="No API tokens. Create one: ringfence access create NAME.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what it is for.")],
    scope: Annotated[
        str, typer.Option(help="admin: everything; read: reading what holds no secret; metrics: /metrics alone.")
    ] = "admin",
    days: Annotated[
        int | None, typer.Option(help="For how many days it is accepted; without an end by default.", min=1)
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day at whose beginning it ends, here.", metavar="YYYY-MM-DD"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an API token; it is shown only once.

    Example: ringfence access create prometheus --scope metrics --days 365
    """
    if days is not None and until is not None:
        raise typer.BadParameter("give days or a day, not both", param_hint="--until")
    ends_at = time.time() + days * 86_400 if days is not None else until.timestamp() if until is not None else None
    made = hub().post("/api-tokens", {"name": name, "scope": scope, "ends_at": ends_at})
    if as_json:
        output.show_json(made)
    else:
        output.say(f"API token for {made['name']}, shown only once:\n{made['token']}")


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="From: ringfence access list.")], yes: Yes = False
) -> None:
    """Revoke an API token; requests with it are refused from now on.

    Example: ringfence access revoke key-4f1c2a9b07d3
    """
    confirm(f"Revoke API token {token_id}", yes=yes)
    hub().delete(f"/api-tokens/{token_id}")
    output.say(f"API token {token_id} revoked.")
