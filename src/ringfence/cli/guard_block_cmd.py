"""``ringfence guard block``: shut a phone out."""

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import MacAddress
from ringfence.cli.support.connection import hub, phone_path
from ringfence.cli.support.output import AsJson

app = typer.Typer()


@app.command()
def block(mac: MacAddress, as_json: AsJson = False) -> None:
    """Block a phone at every site; it keeps the files that it already has.

    Example: ringfence guard block 00:1B:54:C2:9A:10
    """
    phone = hub().post(f"{phone_path(mac)}/block")
    said = f"Phone {phone['mac']} blocked. To unblock it: ringfence guard unban {phone['mac']}"
    output.tell(said, phone, as_json=as_json)
