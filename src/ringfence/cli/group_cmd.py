"""``ringfence group``: phones that share settings, whatever their site."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer(help="Groups: phones that share settings, whatever their site.", no_args_is_help=True)

GroupId = Annotated[str, typer.Argument(metavar="GROUP", help="The group's id, as ringfence group list shows it.")]

_COLUMNS = [
    ("ID", field("id")),
    ("NAME", field("name")),
    ("PHONES", field("phones")),
    ("MADE", moment("created_at")),
]


@app.command()
def add(name: Annotated[str, typer.Argument(help="Its name, such as Reception.")], as_json: AsJson = False) -> None:
    """Create a group.

    Example: ringfence group add Reception
    """
    group = hub().post("/groups", {"name": name})
    output.tell(
        f"Group {group['id']} created. Next: ringfence phone change MAC --group {group['id']}", group, as_json=as_json
    )


@app.command("list")
@lists
def list_groups() -> Listing:
    """List the groups.

    Example: ringfence group list
    """
    return Listing("/groups", _COLUMNS, empty="No groups yet. Create one: ringfence group add NAME.")


@app.command()
def remove(group: GroupId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a group that has no phones, and its settings.

    Example: ringfence group remove reception
    """
    confirm(f"Remove group {group}, with its settings", yes=yes)
    hub().delete(f"/groups/{segment(group)}")
    output.tell(f"Group {group} removed.", {"removed": group}, as_json=as_json)
