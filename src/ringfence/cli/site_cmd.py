"""``ringfence site``: places with phones."""

from typing import Annotated

import typer

from ringfence.cli import enrolment_token_cmd, phone_https_cmd
from ringfence.cli.support import output
from ringfence.cli.support.arguments import Site
from ringfence.cli.support.connection import hub, site_path
from ringfence.cli.support.durations import seconds
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field
from ringfence.cli.support.questions import Yes, confirm
from ringfence.counted import counted

app = typer.Typer(help="Sites: places with phones and one edge.", no_args_is_help=True)

app.command("https")(phone_https_cmd.of_site)

_COLUMNS = [
    ("SITE", field("id")),
    ("NAME", field("name")),
    ("PHONES", field("phones")),
    ("EDGES", field("edges")),
    ("RELEASE", lambda row: row.get("release") or "none"),
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name for people, such as “Home office Anna”.")],
    as_json: AsJson = False,
) -> None:
    """Add a site.

    Example: ringfence site add "Home office Anna"
    """
    site = hub().post("/sites", {"name": name})
    if as_json:
        output.show_json(site)
        return
    output.say(
        f"Site {site['id']} ({site['name']}) created. Next: ringfence phone add MAC --site {site['id']} --model …"
    )


@app.command("list")
@lists
def list_sites(
    search: Annotated[str | None, typer.Option(help="Only sites with this in their id or name.")] = None,
) -> Listing:
    """List the sites.

    Example: ringfence site list --search anna
    """
    none = "No site fits." if search else 'No sites yet. Add one: ringfence site add "Home office Anna".'
    return Listing("/sites", _COLUMNS, empty=none, query={"search": search})


@app.command()
def show(site: Site, as_json: AsJson = False) -> None:
    """Show a site with its phones and edges.

    Example: ringfence site show home-office-anna
    """
    client = hub()
    found = client.get(site_path(site))
    phones, edges = client.items("/phones", site=found["id"]), client.items("/edges", site=found["id"])
    network, boxes = client.get(f"{site_path(site)}/network"), client.items("/boxes", site=found["id"])
    if as_json:
        of_site = {"phone_list": phones, "edge_list": edges, "network": network, "box_list": boxes}
        output.show_json({**found, **of_site})
        return
    output.show_table([found], _COLUMNS, empty="")
    if found["held_since"]:
        why = f": {found['held_why']}" if found["held_why"] else ""
        output.say(f"Held by {found['held_by']} since {output.when(found['held_since'])}{why}.")
    for phone in phones:
        labels = ", ".join(line["label"] or line["name"] for line in phone["lines"])
        blocked = " blocked" if phone["blocked"] else ""
        output.say(f"  phone {phone['mac']} {phone['family']} {phone['description']} [{labels}]{blocked}")
    for edge in edges:
        state = "revoked" if edge["revoked_at"] else "connected" if edge["connected"] else "away"
        says = f", HTTP at {', '.join(edge['http_addresses'])} as it says" if edge["http_addresses"] else ""
        output.say(f"  edge {edge['id']} {edge['hostname']} {state}, release {edge['release'] or 'none'}{says}")
    for box in boxes:
        output.say(f"  box {box['edge']}, subnet {box['subnet'] or 'none'}, {counted(len(box['devices']), 'device')}")
    if boxes or network["box"]:
        output.say(f"Their network: ringfence network show {found['id']}")


@app.command()
def rename(site: Site, name: Annotated[str, typer.Argument(help="The new name.")], as_json: AsJson = False) -> None:
    """Rename a site; its id stays the same.

    Example: ringfence site rename home-office-anna "Anna at home"
    """
    found = hub().patch(site_path(site), {"name": name})
    output.tell(f"Site {found['id']} is now called {found['name']}.", found, as_json=as_json)


@app.command()
def change(
    site: Site,
    firmware_waits: Annotated[
        str,
        typer.Option(help="For how long new firmware waits for an edge of the site that is away, such as 12h or 7d."),
    ],
    as_json: AsJson = False,
) -> None:
    """Change for how long new firmware waits for an edge that is away.

    Phones are told of firmware when every edge of their site has it. An edge that is away for longer does not count;
    it takes the firmware when it comes back.

    Example: ringfence site change home-office-anna --firmware-waits 12h
    """
    found = hub().patch(site_path(site), {"firmware_waits_s": seconds(firmware_waits)})
    output.tell(
        f"At site {found['id']}, firmware waits {firmware_waits} for an edge that is away.", found, as_json=as_json
    )


@app.command()
def remove(site: Site, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a site that has no phones and no edges left.

    Example: ringfence site remove home-office-anna
    """
    confirm(f"Remove site {site}", yes=yes)
    hub().delete(site_path(site))
    output.tell(f"Site {site} removed.", {"removed": site}, as_json=as_json)


app.add_typer(enrolment_token_cmd.app)
