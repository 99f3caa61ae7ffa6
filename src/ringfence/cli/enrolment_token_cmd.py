"""``ringfence site token``: enrolment tokens, each of which lets one edge join a site."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import Site
from ringfence.cli.support.connection import hub, site_path
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer()


@app.command()
def token(
    site: Site,
    days: Annotated[int, typer.Option(min=1, max=30, help="How many days it is valid.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Create a one-time token with which one edge joins the site.

    Example: ringfence site token home-office-anna
    """
    made = hub().post(f"{site_path(site)}/tokens", {"days": days})
    if as_json:
        output.show_json(made)
        return
    output.say(
        f"Run this once on the edge, before {output.when(made['expires_at'])}:\n\n"
        f"  ringfence edge enrol {made['token']}\n"
    )


@app.command()
@lists
def tokens(site: Site) -> Listing:
    """List a site's enrolment tokens and whether they were used.

    Example: ringfence site tokens home-office-anna
    """
    columns = [
        ("ID", field("id")),
        ("MADE", moment("created_at")),
        ("ENDS", moment("expires_at")),
        ("USED", moment("used_at")),
        ("REVOKED", moment("revoked_at")),
    ]
    return Listing(
        f"{site_path(site)}/tokens", columns, empty="No enrolment tokens. Create one: ringfence site token SITE."
    )


@app.command("revoke-token")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="From: ringfence site tokens.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Revoke an enrolment token that has not been used.

    Example: ringfence site revoke-token token-4f1c2a9b07d3
    """
    confirm(f"Revoke enrolment token {token_id}", yes=yes)
    hub().delete(f"/tokens/{token_id}")
    output.tell(f"Enrolment token {token_id} revoked.", {"revoked": token_id}, as_json=as_json)
