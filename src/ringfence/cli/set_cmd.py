"""``ringfence set``: settings at organisation, site and phone; the nearest wins."""

from typing import Annotated

import typer

from ringfence.cli import output
from ringfence.cli.connection import hub, phone_path, site_path
from ringfence.cli.errors import BadArgument
from ringfence.cli.output import AsJson, Row, field
from ringfence.cli.phone_cmd import MacAddress
from ringfence.cli.site_cmd import Site

app = typer.Typer(
    help="Settings: what phones are told. Given at organisation, site or phone; the nearest wins.", no_args_is_help=True
)

Assignments = Annotated[
    list[str] | None, typer.Argument(metavar="NAME=VALUE…", help="What to set; none lists what is set.")
]
Unset = Annotated[list[str] | None, typer.Option("--unset", metavar="NAME", help="Take a setting away again.")]


@app.command()
def organisation(assignments: Assignments = None, unset: Unset = None, as_json: AsJson = False) -> None:
    """Set for every phone.

    Example: ringfence set organisation sip_server=sip.example.org time_zone=Europe/Berlin
    """
    _apply("/settings/organisation", assignments, unset, as_json=as_json)


@app.command()
def site(site: Site, assignments: Assignments = None, unset: Unset = None, as_json: AsJson = False) -> None:
    """Set for every phone of a site."""
    _apply(f"/settings{site_path(site)}", assignments, unset, as_json=as_json)


@app.command()
def phone(mac: MacAddress, assignments: Assignments = None, unset: Unset = None, as_json: AsJson = False) -> None:
    """Set for one phone."""
    _apply(f"/settings{phone_path(mac)}", assignments, unset, as_json=as_json)


@app.command()
def catalogue(
    family: Annotated[str | None, typer.Option(help="Only what this family knows, such as cisco-9971.")] = None,
    as_json: AsJson = False,
) -> None:
    """List every setting there is: type, unit, limits, default, meaning."""
    rows = hub().items("/settings/catalogue", family=family)
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("SETTING", field("name")),
        ("TYPE", field("type")),
        ("VALUES", _values),
        ("DEFAULT", field("default")),
        ("MEANING", field("help")),
    ]
    output.show_table(rows, columns, empty="No settings.")


def _values(row: Row) -> str:
    unit = f" {row['unit']}" if row.get("unit") else ""
    if row.get("choices"):
        return " | ".join(str(choice) for choice in row["choices"])
    if row.get("minimum") is not None:
        return f"{row['minimum']} to {row['maximum']}{unit}"
    return unit.strip()


def _apply(path: str, assignments: list[str] | None, unset: list[str] | None, *, as_json: bool) -> None:
    client = hub()
    pairs = [_pair(text) for text in assignments or []]
    for name, value in pairs:
        client.put(f"{path}/{name}", {"value": value})
    for name in unset or []:
        client.delete(f"{path}/{name}")
    rows = client.items(path)
    if as_json:
        output.show_json(rows)
        return
    if pairs or unset:
        output.say("Set. Publish to bring it to phones: ringfence publish --dry-run shows what changes.")
    output.show_table(
        rows, [("SETTING", field("name")), ("VALUE", field("value"))], empty="Nothing is set here. Set NAME=VALUE."
    )


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise BadArgument(f"{text!r} is not NAME=VALUE", to_do="For example: time_zone=Europe/Berlin.")
    return name.strip(), value
