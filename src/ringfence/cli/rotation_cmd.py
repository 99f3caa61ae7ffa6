"""``ringfence sip rotate``: change secrets on both sides."""

import time
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.errors import SecretsPutBack
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac

app = typer.Typer()

_FORWARD = {"accepting", "publishing", "fetching", "registering"}
_BACK = {"restoring", "republishing", "refetching", "ending"}

_LOOK_EVERY_S = 0.5


@app.command()
def rotate(
    whose: Annotated[
        str, typer.Argument(metavar="PHONE|SITE", help="A MAC address, or a site's id for all of its phones.")
    ],
    patience: Annotated[
        float,
        typer.Option(min=1, help="Seconds that a phone has to take its new secret before the old one is restored."),
    ] = 900,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait and show progress until it is done.")] = True,
    as_json: AsJson = False,
) -> None:
    """Change SIP secrets at the PBX and on the phones, without an outage.

    The PBX accepts both secrets; the phone's new file is published; the phone is told to fetch it, and registers; then
    the old secret ends. The exit code is 9 if a phone did not follow and its old secret was restored.

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
            told = f"Phone {row['mac']}: {_STAGES[row['stage']]}{': ' + _note(row) if _note(row) else ''}"
            if not as_json and stages.get(row["mac"]) != told:
                output.say(told)
            stages[row["mac"]] = told
        if not wait or not any(_is_worth_waiting_for(row) for row in rows):
            break
        time.sleep(_LOOK_EVERY_S)
        rows = [row for row in client.items("/sip/rotations") if row["mac"] in macs]
    if as_json:
        output.show_json(rows)
    unfinished = sorted(row["mac"] for row in rows if row["stage"] in _BACK)
    if wait and unfinished:
        raise SecretsPutBack(
            f"{len(unfinished)} of {len(rows)} phones are to get their old secret back: {', '.join(unfinished)}",
            to_do="The hub goes on by itself as soon as the PBX answers. See ringfence sip rotations.",
        )
    back = sorted(row["mac"] for row in rows if row["stage"] == "rolled-back")
    if back:
        raise SecretsPutBack(
            f"{len(back)} of {len(rows)} phones got their old secret back: {', '.join(back)}",
            to_do="Check that they are on and that their edges reach them, then run this again.",
        )


@app.command()
@lists
def rotations() -> Listing:
    """List the last change of secrets of each phone.

    Example: ringfence sip rotations
    """
    columns = [
        ("PHONE", field("mac")),
        ("STAGE", lambda row: _STAGES[row["stage"]]),
        ("PBX", field("pbx")),
        ("SINCE", moment("changed_at")),
        ("NOTE", _note),
    ]
    return Listing(
        "/sip/rotations", columns, empty="No secrets have been changed yet. Change some: ringfence sip rotate PHONE."
    )


def _is_worth_waiting_for(row: Row) -> bool:
    """Return whether a change goes on; on its way back it may wait for its PBX for days."""
    return row["stage"] in _FORWARD or (row["stage"] in _BACK and not row["problem"])


def _note(row: Row) -> str:
    problem = f"not done yet: {row['problem']}" if row["problem"] else ""
    return "; ".join(text for text in (row["detail"], problem) if text)


_STAGES = {
    "accepting": "waiting for the PBX to accept the new secret beside the old one",
    "publishing": "the PBX accepts both secrets; publishing the new file",
    "fetching": "waiting for the phone to fetch its new file",
    "registering": "it has its new file; waiting for it to register",
    "restoring": "the old secret is put back; waiting for the PBX to accept it again",
    "republishing": "the PBX accepts both secrets; publishing the file with the old one",
    "refetching": "waiting for the phone to fetch its file with the old secret",
    "ending": "the phone has its old secret; waiting for the PBX to end the new one",
    "done": "registered with the new secret; the old one no longer works",
    "rolled-back": "old secret restored",
}
