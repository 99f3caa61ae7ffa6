"""``ringfence access``: API tokens."""

import time
from datetime import datetime
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.cli.support.questions import Yes, confirm
from ringfence.cli.support.scope_options import ToGroups, ToSites, scope_in_json, scope_in_words

app = typer.Typer()


@app.command("list")
@lists
def list_tokens() -> Listing:
    """List the API tokens; their secrets are not stored.

    Example: ringfence access list
    """
    columns = [
        ("ID", field("id")),
        ("NAME", field("name")),
        ("ROLE", field("role")),
        ("FOR", scope_in_words),
        ("MADE", moment("created_at")),
        ("UNTIL", moment("ends_at")),
        ("LAST USED", moment("last_used_at")),
        ("REVOKED", moment("revoked_at")),
    ]
    return Listing("/api-tokens", columns, empty="No API tokens. Create one: ringfence access create NAME.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what it is for.")],
    role: Annotated[
        str,
        typer.Option(
            help="owner: everything; administrator: all but what only owners may; operator: edit and publish; support: "
            "see, reload, diagnose; installer: join edges, adopt phones; auditor: see all but secrets; read: see what "
            "holds no secret; metrics: /metrics alone; head-end: who may use a VPN head end."
        ),
    ] = "owner",
    scope: Annotated[str, typer.Option(help="The role by its older name; admin stands for owner.")] = "",
    site: ToSites = None,
    group: ToGroups = None,
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

    Example: ringfence access create prometheus --role metrics --days 365

    Example: ringfence access create "Anna's tablet" --role installer --site office
    """
    if days is not None and until is not None:
        raise typer.BadParameter("give days or a day, not both", param_hint="--until")
    ends_at = time.time() + days * 86_400 if days is not None else until.timestamp() if until is not None else None
    given = {"scope": scope} if scope else {"role": role}
    made = hub().post("/api-tokens", {"name": name, "ends_at": ends_at, **given, **scope_in_json(site, group)})
    output.tell(f"API token for {made['name']}, shown only once:\n{made['token']}", made, as_json=as_json)


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
