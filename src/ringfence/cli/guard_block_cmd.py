"""``ringfence guard block``: phones shut out."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, phone_path

app = typer.Typer()

MacAddress = Annotated[str, typer.Argument(metavar="MAC", help="In any usual notation, or as SEP….")]


@app.command()
def block(mac: MacAddress) -> None:
    """Shut a phone out, wherever it asks; what it has taken already it keeps."""
    phone = hub().post(f"{phone_path(mac)}/block")
    output.say(f"Phone {phone['mac']} is shut out. Let it in again: ringfence guard unban {phone['mac']}")
