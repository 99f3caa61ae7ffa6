"""``ringfence phone web``: a phone's own web page, through hub and edge, at a port of this machine."""

import time
from typing import Annotated

import typer

from ringfence.cli.edge_job_cmd import wait_s
from ringfence.cli.support import output
from ringfence.cli.support.arguments import MacAddress
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.output import AsJson, Row
from ringfence.cli.support.phone_page import PhonePageRelay, PhonePageServer

_LOOK_EVERY_S = 1.0
_AT_WORK = frozenset({"waiting", "queued", "running"})
_CLOSED = frozenset({"done", "cancelled"})


def web(
    mac: MacAddress,
    why: Annotated[str, typer.Option(help="Why, for the audit log.")],
    minutes: Annotated[int, typer.Option(min=1, max=60, help="For how long it is open.")] = 10,
    allow_changes: Annotated[
        bool,
        typer.Option("--allow-changes", help="Let forms be sent, too; owners only, if the edge allows it."),
    ] = False,
    edge: Annotated[str, typer.Option(help="The edge to go through, where the phone's site has several.")] = "",
    wait_for: Annotated[
        str, typer.Option(metavar="TIME", help="How long it may wait for an edge that is away, or for an approval.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Open a phone's own web page through its edge, for your browser on this machine alone.

    It closes by itself, or with Ctrl-C. Without --allow-changes it is for reading.

    Example: ringfence phone web 00:1B:54:C2:9A:10 --why "the display shows no time"
    """
    path = "/edge-jobs/phone-web-changes" if allow_changes else "/edge-jobs/phone-web"
    row: Row = hub().post(
        path, {"phone": mac, "edge": edge, "why": why, "seconds": 60 * minutes, "wait_s": wait_s(wait_for)}
    )
    job = f"/edge-jobs/{segment(row['id'])}"
    try:
        row = _begun(job, row, quiet=as_json)
        server = PhonePageServer(PhonePageRelay(lambda to, body: hub().post(to, body), job, with_changes=allow_changes))
        try:
            if as_json:
                output.show_json({**row, "url": server.url})
            else:
                output.say(f"The phone's page is open until {output.when(row['began_at'] + row['seconds'])}:")
                output.say(f"  {server.url}")
                output.say("Only this machine's browser reaches it. Ctrl-C closes it.")
            row = _ended(job)
        finally:
            server.close()
    except KeyboardInterrupt:
        row = hub().post(f"{job}/cancel")
    if not as_json:
        output.say(row["sentence"] or f"The page is closed after {row['requests']} requests.")
    if row["state"] not in _CLOSED:
        raise typer.Exit(1)


def _begun(job: str, row: Row, *, quiet: bool) -> Row:
    """Return the job once its edge is at it; Exit if it will never be."""
    said = ""
    while row["state"] in {"waiting", "queued"}:
        waits = f"Job {row['id']} waits for a person's approval, on its page." if row["state"] == "waiting" else ""
        if waits != said and not quiet:
            output.say(waits)
        said = waits
        time.sleep(_LOOK_EVERY_S / 4)
        row = hub().get(job)
    if row["state"] != "running":
        output.say(row["sentence"] or f"The job is {row['state']}.")
        raise typer.Exit(1)
    return row


def _ended(job: str) -> Row:
    """Return the job once it is over, or its time is."""
    while True:
        row: Row = hub().get(job)
        is_late = row["began_at"] is not None and time.time() > row["began_at"] + row["seconds"] + 60
        if row["state"] not in _AT_WORK or is_late:
            return row
        time.sleep(_LOOK_EVERY_S)
