"""``ringfence person passkeys``: the passkeys that people sign in with."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer(help="Passkeys that people sign in with.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What they sign in with, or their id.")]


@app.command("list")
@lists
def list_passkeys(name: Name) -> Listing:
    """List somebody's passkeys; they add them on their own page, Your account.

    Example: ringfence person passkeys list anna@example.org
    """
    columns = [
        ("ID", field("id")),
        ("NAME", field("name")),
        ("STATE", _state),
        ("SINCE", moment("created_at")),
        ("LAST USED", moment("last_used_at")),
    ]
    return Listing(f"/people/{segment(name)}/passkeys", columns, empty=f"{name} has no passkey.")


@app.command()
def remove(
    name: Name,
    passkey: Annotated[str, typer.Argument(metavar="ID", help="From: ringfence person passkeys list.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove a passkey that was lost or stolen, and end its owner's sessions; their password stays.

    Example: ringfence person passkeys remove anna@example.org passkey-3f9c0a1b2c3d4e5f
    """
    confirm(f"Remove passkey {passkey} of {name}", yes=yes)
    hub().delete(f"/people/{segment(name)}/passkeys/{segment(passkey)}")
    output.tell(f"Passkey {passkey} removed; all sessions of {name} ended.", {"removed": passkey}, as_json=as_json)


def _state(row: Row) -> str:
    if not row["is_usable"]:
        return f"for {row['host']} alone"
    return "synced" if row["is_synced"] else "on one device"
