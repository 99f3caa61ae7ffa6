"""``ringfence guard waiting`` and ``accept``: phones that wait for approval."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import MacAddress, OnlySite
from ringfence.cli.support.connection import hub, phone_path
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.phones.mac import Mac

app = typer.Typer()


@app.command()
@lists
def waiting(site: OnlySite = None) -> Listing:
    """List the phones that wait for approval.

    Example: ringfence guard waiting --site home-office-anna
    """
    columns = [
        ("MAC", lambda row: Mac(row["subject"])),
        ("MODEL", field("model")),
        ("SITE", field("site")),
        ("ADDRESS", field("peer")),
        ("SINCE", moment("first_at")),
        ("TIMES", field("count")),
        ("IN WORDS", field("sentence")),
    ]
    return Listing("/guard/waiting", columns, empty="No phones are waiting for approval.", query={"site": site})


@app.command()
def accept(
    mac: MacAddress,
    instead_of: Annotated[
        str, typer.Option("--as", metavar="OTHER", help="The phone that it replaces: MAC address or description.")
    ] = "",
    model: Annotated[str, typer.Option(help="Its model, for a phone that is at no site yet.")] = "",
    site: Annotated[str, typer.Option(help="Its site, for a phone that is at no site yet.")] = "",
    description: Annotated[str, typer.Option(help="For people: whose phone, or where it is.")] = "",
    as_json: AsJson = False,
) -> None:
    """Approve a phone: a known one, a replacement, or a new one.

    Example: ringfence guard accept 00:1B:54:C2:9A:10 --as Reception
    """
    body = {"instead_of": instead_of, "model": model, "site": site, "description": description}
    phone = hub().post(f"{phone_path(mac)}/accept", body)
    if as_json:
        output.show_json(phone)
        return
    output.say(f"Phone {phone['mac']} ({phone['model']}) approved at {phone['site']}.")
    if instead_of:
        output.say(f"It takes over the lines, settings and group of {instead_of}, which has been removed.")
    if not phone["lines"]:
        output.say(f"Next: ringfence line set {phone['mac']} 1 --name USER, then ringfence publish.")
    elif instead_of:
        output.say("Next: ringfence publish.")
