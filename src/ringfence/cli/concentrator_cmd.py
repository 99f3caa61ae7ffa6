"""``ringfence tunnel``: the concentrators of an organisation, as the hub knows them."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer()

Concentrator = Annotated[
    str, typer.Argument(metavar="CONCENTRATOR", help="Its name or id, as ringfence tunnel list shows them.")
]
_NONE = "none"


@app.command("list")
@lists
def list_concentrators() -> Listing:
    """List the concentrators, in the order in which boxes try them.

    Example: ringfence tunnel list
    """
    columns = [
        ("ID", field("id")),
        ("NAME", field("name")),
        ("STATE", _state),
        ("ENDPOINT", lambda row: row["endpoint"] or "not told"),
        ("NETWORKS", lambda row: ", ".join(row["networks"]) or _NONE),
        ("BOXES", field("boxes")),
        ("TOLD", moment("told_at")),
    ]
    return Listing("/concentrators", columns, empty="No concentrators yet. Add one: ringfence tunnel token NAME.")


@app.command()
def show(concentrator: Concentrator, as_json: AsJson = False) -> None:
    """Show a concentrator, and what it told last.

    Example: ringfence tunnel show Berlin
    """
    row = hub().get(f"/concentrators/{segment(concentrator)}")
    if as_json:
        output.show_json(row)
        return
    output.say(f"Concentrator {row['name']} ({row['id']}), place {row['position']}: {_state(row)}")
    output.say(f"Endpoint       {row['endpoint'] or 'not told'}")
    output.say(f"Networks       {', '.join(row['networks']) or _NONE}")
    output.say(f"Key            {row['public_key'] or 'not told'}")
    if row["key_changes"]:
        output.say(f"Next key       {row['next_public_key'] or 'is about to be made'}")
    output.say(f"Boxes          {row['boxes']}, last handshake {output.when(row['newest_handshake_at'])}")
    output.say(f"Host           {row['hostname'] or 'not told'}, version {row['version'] or 'unknown'}")
    output.say(f"Certificate    ends {output.when(row['certificate_ends_at'])}")


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="The concentrator's name, such as Berlin.")],
    network: Annotated[
        list[str] | None, typer.Option(help="A network that is routed to it, such as the PBX's; each time once.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a one-time token for the concentrator with this name, which is new or enrols again.

    It is valid for 24 hours.

    Example: ringfence tunnel token Berlin --network 192.0.2.0/24
    """
    made = hub().post("/concentrators", {"name": name, "networks": network})
    if as_json:
        output.show_json(made)
        return
    until = output.when(made["expires_at"])
    output.say(f"The token for concentrator {name}, for one use before {until}:\n\n  {made['token']}\n")


@app.command()
def allow(
    concentrator: Concentrator,
    network: Annotated[
        list[str] | None, typer.Argument(help="Networks that are routed to it, in place of the previous ones; or none.")
    ] = None,
    position: Annotated[int | None, typer.Option(help="Its place in the order in which boxes try them.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say which networks are routed to a concentrator; boxes go by it within a second.

    Example: ringfence tunnel allow Berlin 192.0.2.0/24 198.51.100.7/32
    """
    if not network and position is None:
        raise BadArgument("nothing is to be changed", to_do="Name networks, none, or a --position.")
    networks = [] if network == [_NONE] else network or None
    row = hub().patch(f"/concentrators/{segment(concentrator)}", {"networks": networks, "position": position})
    told = f"To {row['name']}, place {row['position']}, is routed: {', '.join(row['networks']) or _NONE}."
    output.tell(told, row, as_json=as_json)


@app.command("rotate-key")
def rotate_key(concentrator: Concentrator, as_json: AsJson = False) -> None:
    """Have a concentrator change its tunnel's key; calls go on.

    It makes another one, and uses it once the boxes that are connected know it; others learn it from the hub when they
    are back. Without being asked it does that every 90 days.

    Example: ringfence tunnel rotate-key Berlin
    """
    row = hub().post(f"/concentrators/{segment(concentrator)}/rotate-key")
    name = row["name"]
    output.tell(f"{name} changes its tunnel's key: ringfence tunnel show {name}.", row, as_json=as_json)


@app.command()
def remove(concentrator: Concentrator, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a concentrator: its connection ends, and boxes go on with the others.

    Example: ringfence tunnel remove Berlin
    """
    confirm(f"Remove concentrator {concentrator}", yes=yes)
    hub().delete(f"/concentrators/{segment(concentrator)}")
    output.tell(f"Concentrator {concentrator} removed.", {"removed": concentrator}, as_json=as_json)


def _state(row: Row) -> str:
    if row["enrolled_at"] is None:
        return "not enrolled"
    return "connected" if row["connected"] else "away"
