"""``ringfence guard log`` and ``explain``: the guard's decisions and their reasons."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, phone_path
from ringfence.cli.support.output import (
    AsJson,
    field,
    moment,
)
from ringfence.phones.mac import Mac

app = typer.Typer()


MacAddress = Annotated[str, typer.Argument(metavar="MAC", help="The MAC address in any usual notation, or as SEP….")]


@app.command()
def log(
    site: Annotated[str | None, typer.Option(help="Only this site.")] = None,
    phone: Annotated[str | None, typer.Option(metavar="MAC", help="Only this phone.")] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Only requests that were not allowed.")] = False,
    limit: Annotated[int, typer.Option(help="How many to show, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the guard's decisions and their reasons, newest first.

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
    output.show_table(rows, columns, empty="No decisions yet: they appear once phones ask for files.")


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
