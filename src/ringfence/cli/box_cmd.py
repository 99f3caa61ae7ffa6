"""``ringfence box``: edges with a port of their own for the phone."""

from typing import Annotated

import typer

from ringfence.cli import box_seed_cmd
from ringfence.cli.support import output
from ringfence.cli.support.arguments import OnlySite
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer(help="Boxes: edges with a port of their own for the phone.", no_args_is_help=True)
app.add_typer(box_seed_cmd.app)

BoxId = Annotated[str, typer.Argument(metavar="EDGE", help="The edge's id, as `ringfence box list` shows it.")]


@app.command("list")
@lists
def list_boxes(site: OnlySite = None) -> Listing:
    """List the boxes that are not revoked.

    Example: ringfence box list --site home-office-anna
    """
    columns = [
        ("EDGE", field("edge")),
        ("SITE", field("site")),
        ("HOST", field("hostname")),
        ("SUBNET", lambda row: row["subnet"] or "none"),
        ("TUNNEL", _tunnel),
        ("DEVICES", lambda row: len(row["devices"])),
        ("TOLD", moment("told_at")),
        ("FOUND", _found),
    ]
    none = "No boxes yet. An edge is one when it runs with --phone-port."
    return Listing("/boxes", columns, empty=none, query={"site": site})


@app.command()
def show(edge: BoxId, as_json: AsJson = False) -> None:
    """Show a box: its subnet, and what it told last.

    Example: ringfence box show edge-1a2b3c4d5e6f
    """
    row = hub().get(f"/boxes/{segment(edge)}")
    if as_json:
        output.show_json(row)
        return
    of_host = f" ({row['hostname']})" if row["hostname"] else ""
    output.say(f"Box {row['edge']}{of_host} of site {row['site']}")
    since = f", since {output.when(row['subnet_since'])}" if row["subnet"] else ""
    output.say(f"Subnet         {row['subnet'] or 'none'}{since}")
    if row["subnet_problem"]:
        output.say(f"Problem        {row['subnet_problem']}")
    output.say(f"Told           {output.when(row['told_at'])}")
    is_newest = row["rules_version"] == row["version"]
    newest = "" if is_newest else f", while the newest are {row['version']}"
    output.say(f"Rules          {row['rules_version']}{newest}")
    output.say(f"Its networks   {', '.join(row['uplink_networks']) or 'none'}")
    links = ", ".join(f"{name} {'up' if is_up else 'down'}" for name, is_up in row["links"].items())
    output.say(f"Links          {links or 'none'}")
    output.say(f"Devices        {', '.join(row['devices']) or 'none'}")
    changes = "; it is about to change" if row["key_changes"] else ""
    output.say(f"Key            {row['public_key'] or 'none'}, since {output.when(row['key_since'])}{changes}")
    for tunnel in row["tunnels"]:
        shook = output.when(tunnel["handshake_at"]) if tunnel["handshake_at"] else "never"
        used = ", in use" if tunnel["is_used"] else ""
        output.say(f"Tunnel         to {tunnel['concentrator']}: last handshake {shook}{used}")
    for entry in row["entries"]:
        how = f"by 802.1X, certificate {entry['certificate']}" if entry["by"] == "key" else "without 802.1X"
        output.say(f"Let in         {entry['mac']} {how}, since {output.when(entry['since'])}")
    for finding in row["findings"]:
        output.say(f"Found          {finding['sentence'] or finding['kind']}")


@app.command()
def renumber(
    edge: BoxId,
    to: Annotated[
        str | None, typer.Option(metavar="SUBNET", help="Which one, free and of the organisation's pool.")
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give a box another subnet, which the hub chooses unless you name one.

    Its phones get other addresses: calls end, and they register again.

    Example: ringfence box renumber edge-1a2b3c4d5e6f
    """
    confirm(f"Give box {edge} another subnet, which ends its phones' calls", yes=yes)
    row = hub().post(f"/boxes/{segment(edge)}/renumber", {"subnet": to} if to else None)
    told = f"Box {edge} has {row['subnet']} now." if not row["subnet_problem"] else row["subnet_problem"]
    output.tell(told, row, as_json=as_json)


@app.command("rotate-key")
def rotate_key(edge: BoxId, as_json: AsJson = False) -> None:
    """Have a box change its tunnel's key, as after a theft of its copy; calls go on.

    It makes another one, and uses it once every concentrator that is connected knows it. Without being asked it does
    that every 90 days.

    Example: ringfence box rotate-key edge-1a2b3c4d5e6f
    """
    row = hub().post(f"/boxes/{segment(edge)}/rotate-key")
    output.tell(f"Box {edge} changes its tunnel's key: ringfence box show {edge}.", row, as_json=as_json)


def _tunnel(row: Row) -> str:
    newest = max((each["handshake_at"] for each in row["tunnels"]), default=0)
    return output.when(newest) if newest else "none"


def _found(row: Row) -> str:
    kinds = [each["kind"] for each in row["findings"]]
    return ", ".join([*dict.fromkeys(kinds), *(["subnet"] if row["subnet_problem"] else [])])
