"""``ringfence guard policy``: what a site requires before it gives a file out."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import Site
from ringfence.cli.support.connection import hub, site_path
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.output import (
    AsJson,
    Row,
    field,
)
from ringfence.counted import counted

app = typer.Typer()


_FIRST_CONTACT = {
    "allow": "a new phone gets its file at once if it reaches the level",
    "hold": "a new phone waits for approval: ringfence guard accept",
    "window": "a new phone gets its file only while a window for it is open: ringfence guard open",
    "dhcp": "a new phone needs a DHCP lease with a phone's vendor class, or approval",
}

_GATEWAY = {
    "off": "no gateway serves this site to the internet",
    "windows": "a gateway serves a phone only inside a window that a person opens for it",
    "stubs": "a gateway also gives files without secrets to what behaves like their phone in a known network",
}

_EDGE_MOVES = {
    "ignore": "nobody is told when an edge connects from a new network",
    "alert": "people are told when an edge connects from a new network",
    "hold": "an edge on a new network holds phones' own files back: ringfence guard accept-edge",
}

_LONGEST_NUMBER = 10
_OUT_OF_REACH = ("L4", "L5")


@app.command()
def policy(
    site: Site,
    need: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND=LEVEL", help="firmware, shared, configuration or secret; L0 to L5, or default."),
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="Only addresses in these networks get anything; any allows all.")
    ] = None,
    first_contact: Annotated[str | None, typer.Option(help="allow, hold, window or dhcp.")] = None,
    gateway: Annotated[str | None, typer.Option(help="off, windows or stubs.")] = None,
    edge_moves: Annotated[str | None, typer.Option(help="ignore, alert or hold.")] = None,
    learned_days: Annotated[
        int | None, typer.Option(help="How many days an address that used a window stays known.")
    ] = None,
    per_address: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT=N",
            help="What one address may cost an edge: transfers or connections at a time, requests or refusals each "
            "second; a number, or default.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show or change what a site requires before it gives a file out.

    What one address may cost counts when something is scarce, so many phones behind one address need no other number,
    but for refusals: more of them let a stranger guess faster which phones there are.

    Example: ringfence guard policy home-office-anna --need secret=L3 --first-contact hold --edge-moves hold
    """
    parts = {
        "needs": _needs(need) if need is not None else None,
        "networks": None if network is None else [] if network == ["any"] else network,
        "first_contact": first_contact,
        "gateway": gateway,
        "edge_moves": edge_moves,
        "learned_days": learned_days,
        "per_address": _per_address(per_address) if per_address is not None else None,
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
            raise BadArgument(f"{text[:40]!r} is not KIND=LEVEL", to_do="Write it like secret=L3.")
        needs[kind] = level
    return needs


def _per_address(said: list[str]) -> dict[str, int]:
    shares: dict[str, int] = {}
    for text in (part for argument in said for part in argument.split(",")):
        what, _, most = text.strip().partition("=")
        if not (what and ((most.isascii() and most.isdecimal() and len(most) < _LONGEST_NUMBER) or most == "default")):
            raise BadArgument(f"{text[:40]!r} is not WHAT=N", to_do="Write it like refusals=20 or refusals=default.")
        shares[what] = 0 if most == "default" else int(most)
    return shares


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
    output.say(f"Learned        an address that used a window stays known for {counted(found['learned_days'], 'day')}")
    shares = ", ".join(f"{what} {most}" for what, most in found["per_address"].items())
    output.say(f"One address    {shares or 'may cost an edge what is the default'}")
    for row in found["needs"]:
        if row["level"] in _OUT_OF_REACH:
            output.say(f"Nobody can reach {row['level']} yet: no file of the kind “{row['kind']}” leaves an edge here.")
