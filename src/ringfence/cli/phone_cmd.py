"""``ringfence phone``: the inventory."""

from typing import Annotated

import typer

from ringfence.cli import output
from ringfence.cli.connection import hub, phone_path
from ringfence.cli.output import AsJson, Row, field

app = typer.Typer(help="Phones: which phone stands where.", no_args_is_help=True)

MacAddress = Annotated[str, typer.Argument(metavar="MAC", help="In any usual notation, or as SEP….")]


def _lines(row: Row) -> str:
    return ", ".join(f"{line['index']}: {line['label'] or line['name']}" for line in row["lines"])


_COLUMNS = [
    ("MAC", field("mac")),
    ("SITE", field("site")),
    ("FAMILY", field("family")),
    ("DESCRIPTION", field("description")),
    ("LINES", _lines),
]


@app.command()
def add(
    mac: MacAddress,
    site: Annotated[str, typer.Option(help="The site that it stands at.")],
    family: Annotated[str, typer.Option(help="Such as cisco-9971 or cisco-8941.")],
    description: Annotated[str, typer.Option(help="For people: whose, or where.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a phone to a site.

    Example: ringfence phone add 00:1B:54:C2:9A:10 --site home-office-anna --family cisco-9971
    """
    phone = hub().post("/phones", {"mac": mac, "site": site, "family": family, "description": description})
    if as_json:
        output.show_json(phone)
    else:
        output.say(f"Phone {phone['mac']} is at {phone['site']}. Next: ringfence line set {phone['mac']} 1 --name USER")


@app.command("list")
def list_phones(
    site: Annotated[str | None, typer.Option(help="Only this site's.")] = None, as_json: AsJson = False
) -> None:
    """List the phones."""
    rows = hub().items("/phones", site=site)
    if as_json:
        output.show_json(rows)
    else:
        output.show_table(rows, _COLUMNS, empty="No phones yet. Add one: ringfence phone add MAC --site … --family ….")


@app.command()
def show(mac: MacAddress, as_json: AsJson = False) -> None:
    """Show one phone: its lines, and every setting with the scope that it comes from."""
    client = hub()
    phone = client.get(phone_path(mac))
    settings = client.items(f"{phone_path(mac)}/settings")
    if as_json:
        output.show_json({**phone, "settings": settings})
        return
    output.show_table([phone], _COLUMNS, empty="")
    output.say("")
    output.show_table(
        settings,
        [("SETTING", field("name")), ("VALUE", field("value")), ("UNIT", field("unit")), ("FROM", field("scope"))],
        empty="No settings.",
    )


@app.command()
def change(
    mac: MacAddress,
    site: Annotated[str | None, typer.Option(help="Move it to this site.")] = None,
    description: Annotated[str | None, typer.Option(help="For people: whose, or where.")] = None,
) -> None:
    """Move a phone to another site, or describe it anew."""
    asked = {"site": site, "description": description}
    phone = hub().patch(phone_path(mac), {name: value for name, value in asked.items() if value is not None})
    output.say(f"Phone {phone['mac']} is at {phone['site']}: {phone['description']}")


@app.command()
def remove(mac: MacAddress) -> None:
    """Remove a phone; its file goes with the next publish."""
    hub().delete(phone_path(mac))
    output.say(f"Phone {mac} is removed. Publish to take its file away from its site.")
