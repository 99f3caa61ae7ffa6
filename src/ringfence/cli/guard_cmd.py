"""``ringfence guard``: who gets a phone's file, and why somebody did not."""

from typing import Annotated

import typer

from ringfence.cli import guard_orders_cmd
from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, phone_path, site_path
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.output import (
    AsJson,
    Row,
    field,
    moment,
)
from ringfence.phones.mac import Mac

app = typer.Typer(help="The guard: who gets a phone's file, and why somebody did not.", no_args_is_help=True)
guard_orders_cmd.add_to(app)

MacAddress = Annotated[str, typer.Argument(metavar="MAC", help="In any usual notation, or as SEP….")]
Site = Annotated[str, typer.Argument(help="The site's id, as `ringfence site list` shows it.")]
_FIRST_CONTACT = {
    "allow": "a new phone gets its file at once, if its level is reached",
    "hold": "a new phone waits for a person's nod: ringfence guard accept",
    "window": "a new phone gets its file only while a window for it is open: ringfence guard open",
    "dhcp": "a new phone needs a DHCP lease with a phone's vendor class, or a person's nod",
}
_GATEWAY = {
    "off": "no gateway serves this site to the internet",
    "windows": "a gateway serves a phone only inside a window that a person opens for it",
    "stubs": "a gateway also gives files without a secret to what behaves like their phone in a known network",
}
_EDGE_MOVES = {
    "ignore": "nobody is told when an edge connects from a new network",
    "alert": "people are told when an edge connects from a new network",
    "hold": "an edge that connects from a new network holds phones' own files back: ringfence guard accept-edge",
}
_OUT_OF_REACH = ("L4", "L5")


@app.command()
def policy(
    site: Site,
    need: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND=LEVEL", help="firmware, shared, configuration or secret; L0 to L5, or default."),
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="Only addresses in these networks get anything; any: all may ask.")
    ] = None,
    first_contact: Annotated[str | None, typer.Option(help="allow, hold, window or dhcp.")] = None,
    gateway: Annotated[str | None, typer.Option(help="off, windows or stubs.")] = None,
    edge_moves: Annotated[str | None, typer.Option(help="ignore, alert or hold.")] = None,
    learned_days: Annotated[
        int | None, typer.Option(help="How many days an address that used a window stays known.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a site asks of whoever wants a file, or set parts of it.

    Example: ringfence guard policy home-office-anna --need secret=L3 --first-contact hold --edge-moves hold
    """
    parts = {
        "needs": _needs(need) if need is not None else None,
        "networks": None if network is None else [] if network == ["any"] else network,
        "first_contact": first_contact,
        "gateway": gateway,
        "edge_moves": edge_moves,
        "learned_days": learned_days,
    }
    said = {name: value for name, value in parts.items() if value is not None}
    path = f"{site_path(site)}/guard"
    found = hub().patch(path, said) if said else hub().get(path)
    if as_json:
        output.show_json(found)
    else:
        _show_policy(found)


def _needs(said: list[str]) -> dict[str, str]:
    needs: dict[str, str] = {}
    for text in (part for argument in said for part in argument.split(",")):
        kind, equals, level = text.strip().partition("=")
        if not (kind and equals and level):
            raise BadArgument(f"{text[:40]!r} names no kind and level", to_do="Write it like secret=L3.")
        needs[kind] = level
    return needs


def _show_policy(found: Row) -> None:
    columns = [
        ("KIND OF FILE", field("kind")),
        ("NEEDS", field("level")),
        ("DEFAULT", lambda row: "" if row["level"] == row["default"] else row["default"]),
        ("WHICH PROVES", field("proves")),
    ]
    output.show_table(found["needs"], columns, empty="")
    output.say("")
    output.say(f"Networks       {', '.join(found['networks']) or 'any'}")
    for title, name, meanings in (
        ("First contact", "first_contact", _FIRST_CONTACT),
        ("Gateway", "gateway", _GATEWAY),
        ("Edge moves", "edge_moves", _EDGE_MOVES),
    ):
        output.say(f"{title:<14} {found[name]}: {meanings.get(found[name], '')}")
    output.say(f"Learned        an address that used a window stays known for {found['learned_days']} days")
    for row in found["needs"]:
        if row["level"] in _OUT_OF_REACH:
            output.say(f"Nobody reaches {row['level']} today: nothing of the kind “{row['kind']}” leaves an edge here.")


@app.command()
def log(
    site: Annotated[str | None, typer.Option(help="Only this site's.")] = None,
    phone: Annotated[str | None, typer.Option(metavar="MAC", help="Only this phone's.")] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Only what was not given.")] = False,
    limit: Annotated[int, typer.Option(help="How many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List who asked for what, what became of it, and why; newest first.

    Example: ringfence guard log --site home-office-anna --refused
    """
    owner = Mac.parse(phone).bare if phone else None
    rows = hub().items("/guard/log", site=site, phone=owner, refused=str(refused).lower(), limit=limit)
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("WHEN", moment("at")),
        ("WHO", field("peer")),
        ("VERDICT", field("verdict")),
        ("LEVEL", lambda row: f"{row['reached']} of {row['needed']}" if row["needed"] else row["reached"]),
        ("TIMES", field("count")),
        ("IN WORDS", field("sentence")),
    ]
    output.show_table(rows, columns, empty="No decision was reported yet.")


@app.command()
def explain(mac: MacAddress, as_json: AsJson = False) -> None:
    """Explain the last decision about a phone's own files: the sentence, then what was known, a line each.

    Example: ringfence guard explain 00:1B:54:C2:9A:10
    """
    found = hub().get(f"{phone_path(mac)}/guard")
    if as_json:
        output.show_json(found)
        return
    output.say(f"{output.when(found['at'])}, edge {found['edge']} at {found['site']}:")
    output.say(found["sentence"])
    for reason in found["reasons"]:
        output.say(f"  {reason}")
    if found["same_today"]:
        output.say("With the same evidence it would go the same way today.")
    else:
        output.say(f"With the same evidence it would go differently today: {found['today']}")


@app.command()
def alerts(
    site: Annotated[str | None, typer.Option(help="Only this site's.")] = None,
    with_closed: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    close: Annotated[int | None, typer.Option(metavar="ID", help="Close this one: somebody has looked at it.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what a person should look at, newest first, or close one.

    Example: ringfence guard alerts --close 7
    """
    if close is not None:
        row = hub().post(f"/guard/alerts/{close}/close")
        if as_json:
            output.show_json(row)
        else:
            output.say(f"Alert {row['id']} is closed. It opens anew where the same happens again.")
        return
    rows = hub().items("/guard/alerts", site=site, closed_too=str(with_closed).lower())
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("ID", field("id")),
        ("SITE", field("site")),
        ("WHAT", field("kind")),
        ("SINCE", moment("first_at")),
        ("LAST", moment("last_at")),
        ("TIMES", field("count")),
        ("CLOSED", moment("closed_at")),
        ("IN WORDS", field("sentence")),
    ]
    output.show_table(rows, columns, empty="Nothing to look at.")
