"""``ringfence guard log`` and ``explain``: the guard's decisions and their reasons."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import MacAddress, OnlyPhone, OnlySite
from ringfence.cli.support.connection import hub, phone_path
from ringfence.cli.support.listing import Listing, lists_newest
from ringfence.cli.support.output import (
    AsJson,
    field,
    moment,
)
from ringfence.phones.mac import Mac

app = typer.Typer()


@app.command()
@lists_newest
def log(
    site: OnlySite = None,
    phone: OnlyPhone = None,
    refused: Annotated[bool, typer.Option("--refused", help="Only requests that were not allowed.")] = False,
) -> Listing:
    """List the guard's decisions and their reasons, newest first.

    Example: ringfence guard log --site home-office-anna --refused
    """
    owner = Mac.parse(phone).bare if phone else None
    columns = [
        ("WHEN", moment("at")),
        ("WHO", field("peer")),
        ("VERDICT", field("verdict")),
        ("LEVEL", lambda row: f"{row['reached']} of {row['needed']}" if row["needed"] else row["reached"]),
        ("TIMES", field("count")),
        ("IN WORDS", field("sentence")),
    ]
    return Listing(
        "/guard/log",
        columns,
        empty="No decisions yet: they appear once phones ask for files.",
        query={"site": site, "phone": owner, "refused": str(refused).lower()},
    )


@app.command()
def explain(mac: MacAddress, as_json: AsJson = False) -> None:
    """Explain the last decision about a phone's own files, with its evidence.

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
        output.say("With the same evidence, today's decision would be the same.")
    else:
        output.say(f"With the same evidence, today's decision would differ: {found['today']}")
