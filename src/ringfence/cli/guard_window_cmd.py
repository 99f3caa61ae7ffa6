"""``ringfence guard open`` and ``close``: provisioning windows."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, phone_path
from ringfence.cli.support.durations import seconds
from ringfence.cli.support.output import AsJson
from ringfence.phones.mac import Mac

app = typer.Typer()

MacAddress = Annotated[str, typer.Argument(metavar="MAC", help="In any usual notation, or as SEP….")]


@app.command("open")
def open_window(
    mac: MacAddress,
    lasts: Annotated[str, typer.Option("--for", metavar="TIME", help="Such as 10m or 1h.")] = "10m",
    as_json: AsJson = False,
) -> None:
    """Let a phone take its file once, within some minutes, from where no wire proves it.

    Example: ringfence guard open 00:1B:54:C2:9A:10 --for 10m
    """
    window = hub().put(f"{phone_path(mac)}/window", {"lasts_s": seconds(lasts)})
    if as_json:
        output.show_json(window)
        return
    output.say(
        f"The window for phone {window['mac']} at {window['site']} is open until {output.when(window['until'])}."
    )
    output.say("It belongs to the first address that asks and answers; it ends with one whole transfer.")
    output.say("It protects against whoever comes later, or asks for another phone.")
    output.say("It does not protect against somebody who knows the MAC address and asks before the phone does,")
    output.say("or who reads along on the way: TFTP is not encrypted. The log says which address had it.")


@app.command("close")
def close_window(mac: MacAddress) -> None:
    """End a phone's window before its time."""
    hub().delete(f"{phone_path(mac)}/window")
    output.say(f"The window for phone {Mac.parse(mac)} is closed.")
