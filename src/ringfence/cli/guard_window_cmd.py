"""``ringfence guard open`` and ``close``: provisioning windows."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import MacAddress
from ringfence.cli.support.connection import hub, phone_path
from ringfence.cli.support.durations import seconds
from ringfence.cli.support.output import AsJson
from ringfence.phones.mac import Mac

app = typer.Typer()


@app.command("open")
def open_window(
    mac: MacAddress,
    lasts: Annotated[str, typer.Option("--for", metavar="TIME", help="Such as 10m or 1h.")] = "10m",
    as_json: AsJson = False,
) -> None:
    """Open a window in which a phone may take its file once, from anywhere.

    Example: ringfence guard open 00:1B:54:C2:9A:10 --for 10m
    """
    window = hub().put(f"{phone_path(mac)}/window", {"lasts_s": seconds(lasts)})
    if as_json:
        output.show_json(window)
        return
    output.say(f"Window for phone {window['mac']} at {window['site']} open until {output.when(window['until'])}.")
    output.say("It is for the first address that asks and answers, and ends after one complete transfer.")
    output.say("It protects against anyone who comes later or asks for another phone's file.")
    output.say("It does not protect against anyone who knows the MAC address and asks before the phone does,")
    output.say("or who eavesdrops: TFTP is not encrypted. The guard's log shows which address used it.")


@app.command("close")
def close_window(mac: MacAddress, as_json: AsJson = False) -> None:
    """Close a phone's window early.

    Example: ringfence guard close 00:1B:54:C2:9A:10
    """
    hub().delete(f"{phone_path(mac)}/window")
    output.tell(f"Window for phone {Mac.parse(mac)} closed.", {"closed": str(Mac.parse(mac))}, as_json=as_json)
