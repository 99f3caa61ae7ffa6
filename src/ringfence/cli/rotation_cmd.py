"""``ringfence sip rotate``: secrets changed on both sides."""

import time
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.errors import SecretsPutBack
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac

app = typer.Typer()

_UNDER_WAY = {"accepting", "publishing", "fetching", "registering"}

_LOOK_EVERY_S = 0.5


@app.command()
def rotate(
    whose: Annotated[
        str, typer.Argument(metavar="PHONE|SITE", help="A MAC address, or a site's id for all its phones.")
    ],
    patience: Annotated[
        float,
        typer.Option(min=1, help="Seconds that a phone has to take its new secret, before the old one comes back."),
    ] = 900,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Look on until it has ended.")] = True,
    as_json: AsJson = False,
) -> None:
    """Change SIP secrets on both sides: PBX takes both, phone gets its file, is told, registers; then the old one ends.

    It ends with 9 where a phone did not follow and has its old secret again.

    Example: ringfence sip rotate 00:1B:54:C2:9A:10
    """
    client = hub()
    order: dict[str, object] = {"patience_s": patience}
    try:
        order["phones"] = [Mac.parse(whose).bare]
    except BadMac:
        order["site"] = whose
    rows = client.post("/sip/rotations", order)["items"]
    macs = {row["mac"] for row in rows}
    stages: dict[str, str] = {}
    while True:
        for row in rows:
            if not as_json and stages.get(row["mac"]) != row["stage"]:
                output.say(
                    f"Phone {row['mac']}: {_STAGES[row['stage']]}{': ' + row['detail'] if row['detail'] else ''}"
                )
            stages[row["mac"]] = row["stage"]
        if not wait or not any(row["stage"] in _UNDER_WAY for row in rows):
            break
        time.sleep(_LOOK_EVERY_S)
        rows = [row for row in client.items("/sip/rotations") if row["mac"] in macs]
    if as_json:
        output.show_json(rows)
    back = sorted(row["mac"] for row in rows if row["stage"] == "rolled-back")
    if back:
        raise SecretsPutBack(
            f"{len(back)} of {len(rows)} phones have their old secret again: {', '.join(back)}",
            to_do="Are they on, and do their edges reach them? Then run it again.",
        )


@app.command()
def rotations(as_json: AsJson = False) -> None:
    """List each phone's last change of secrets."""
    rows = hub().items("/sip/rotations")
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("PHONE", field("mac")),
        ("STAGE", lambda row: _STAGES[row["stage"]]),
        ("PBX", field("pbx")),
        ("SINCE", moment("changed_at")),
        ("NOTE", field("detail")),
    ]
    output.show_table(rows, columns, empty="None yet. Change some: ringfence sip rotate PHONE.")


_STAGES = {
    "accepting": "the PBX is to take the new secret beside the old one",
    "publishing": "the PBX takes both; the new file is published",
    "fetching": "the phone is told to fetch its new file",
    "registering": "it has its new file, and is to register with it",
    "done": "registered with the new secret; the old one has ended",
    "rolled-back": "put back to the old secret",
}
