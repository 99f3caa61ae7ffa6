"""``ringfence group``: phones that share settings wherever they stand."""

from typing import Annotated
from urllib.parse import quote

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.output import AsJson, field, moment

app = typer.Typer(help="Groups: phones that share settings wherever they stand.", no_args_is_help=True)

GroupId = Annotated[str, typer.Argument(metavar="GROUP", help="The group's id, as ringfence group list shows it.")]

_COLUMNS = [
    ("ID", field("id")),
    ("NAME", field("name")),
    ("PHONES", field("phones")),
    ("MADE", moment("created_at")),
]


@app.command()
def add(name: Annotated[str, typer.Argument(help="Such as Reception.")], as_json: AsJson = False) -> None:
    """Make a group."""
    group = hub().post("/groups", {"name": name})
    if as_json:
        output.show_json(group)
    else:
        output.say(f"Group {group['id']} is made. Next: ringfence phone change MAC --group {group['id']}")


@app.command("list")
def list_groups(as_json: AsJson = False) -> None:
    """List the groups."""
    rows = hub().items("/groups")
    if as_json:
        output.show_json(rows)
    else:
        output.show_table(rows, _COLUMNS, empty="No groups yet. Make one: ringfence group add NAME.")


@app.command()
def remove(group: GroupId) -> None:
    """Remove a group without phones, and its settings."""
    hub().delete(f"/groups/{quote(group, safe='')}")
    output.say(f"Group {group} is removed.")
