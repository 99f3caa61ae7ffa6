"""``ringfence edge job`` and ``ringfence edge jobs``: what edges are asked to do, and what came of it."""

import base64
import re
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.listing import Listing, lists_newest
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm

# Libraries of the hub's client are loaded by the commands: `ringfence edge run` is in the same group.
app = typer.Typer(help="Jobs: what edges were asked to do, and what came of it.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Its id, as `ringfence edge jobs list` shows it.")]
_OPEN = frozenset({"waiting", "queued", "running"})
_LOOK_EVERY_S = 0.5
_WAIT = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_FAILED = frozenset({"refused", "failed", "cancelled", "expired", "lost"})


def _kind(row: Row) -> str:
    parts = [str(row["kind"]), row["phone"] or "", "with secrets" if row["with_secrets"] else ""]
    return ", ".join(filter(None, [*parts, "with changes" if row["with_changes"] else ""]))


_COLUMNS = [
    ("JOB", field("id")),
    ("KIND", _kind),
    ("EDGE", field("edge")),
    ("SITE", field("site")),
    ("STATE", field("state")),
    ("ASKED", moment("asked_at")),
    ("BY", field("asked_by")),
    ("WHY", field("why")),
    ("ENDED", field("sentence")),
]


class Kind(StrEnum):
    """What can be asked for."""

    STATUS = "status"
    LOGS = "logs"
    DIAGNOSE = "diagnose"
    CAPTURE = "capture"
    RESTART = "restart"
    REBOOT = "reboot"


class Approval(StrEnum):
    """What an organisation may ask for."""

    NONE = "none"
    FRESH_SIGN_IN = "fresh-sign-in"
    SECOND_PERSON = "second-person"


def job(
    edge: Annotated[str, typer.Argument(metavar="SITE|EDGE", help="A site with one edge, or an edge's id.")],
    kind: Annotated[Kind, typer.Argument(help="What the edge is to do.")],
    why: Annotated[str, typer.Option(help="Why, for the audit log; capture, restart and reboot need it.")] = "",
    wait_for: Annotated[
        str, typer.Option(metavar="TIME", help="How long it may wait for an edge that is away, such as 30m, 1h or 2d.")
    ] = "",
    now: Annotated[
        bool, typer.Option("--now", help="Refuse it unless the edge is connected; this is so by default.")
    ] = False,
    lines: Annotated[int, typer.Option(help="logs: how many of the newest lines.")] = 200,
    follow: Annotated[int, typer.Option(metavar="SECONDS", help="logs: for how long new lines are shown.")] = 0,
    seconds: Annotated[int, typer.Option(help="capture: for how long.")] = 30,
    mib: Annotated[int, typer.Option("--mib", help="capture: how large it may become, in MiB.")] = 4,
    with_secrets: Annotated[
        bool,
        typer.Option("--with-secrets", help="capture: with passwords, as it is; owners only, if the edge allows it."),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="capture: the file to write.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Have an edge do a job, and show what comes of it.

    A capture holds TFTP, SIP and DHCP of the phones' network. Ctrl-C ends the waiting and not the job.

    Example: ringfence edge job home-office-anna diagnose
    """
    from ringfence.cli.support.connection import hub

    body: dict[str, object] = {"edge": edge, "why": why, "wait_s": wait_s(wait_for, now=now)}
    if kind is Kind.LOGS:
        body |= {"lines": lines, "follow_s": follow}
    elif kind is Kind.CAPTURE:
        body |= {"seconds": seconds, "most_bytes": mib << 20}
    if kind is not Kind.CAPTURE and (out is not None or with_secrets):
        raise typer.BadParameter("only a capture has a file", param_hint="--out")
    if kind in {Kind.RESTART, Kind.REBOOT}:
        confirm(f"{kind.capitalize()} edge {edge}", yes=yes)
    place = "/edge-jobs/capture-with-secrets" if with_secrets else f"/edge-jobs/{kind}"
    row: Row = hub().post(place, body)
    try:
        row = _watch(row, quiet=as_json)
    except KeyboardInterrupt:
        output.say(f"\nThe job goes on. See it: ringfence edge jobs show {row['id']}")
        output.say(f"Cancel it: ringfence edge jobs cancel {row['id']}")
        raise typer.Exit(130) from None
    if row["size_bytes"]:
        written = _write(row, out or Path(f"{row['id']}.pcap"))
        if not as_json:
            output.say(f"Written to {written}: {row['size_bytes']:,} bytes, for tshark or Wireshark.")
    if as_json:
        output.show_json(row)
    if row["state"] in _FAILED:
        raise typer.Exit(1)


@app.command("list")
@lists_newest
def list_jobs(
    edge: Annotated[str | None, typer.Option(metavar="SITE|EDGE", help="Only of this edge, or of this site's.")] = None,
) -> Listing:
    """List jobs, newest first.

    Example: ringfence edge jobs list --edge home-office-anna
    """
    none = "No edge was asked for anything yet. Ask one: ringfence edge job SITE status."
    return Listing("/edge-jobs", _COLUMNS, empty=none, query={"edge": edge})


@app.command()
def show(
    job: JobId,
    out: Annotated[Path | None, typer.Option(help="Write its capture to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a job with what was found.

    Example: ringfence edge jobs show job-3f9c0a7b21de
    """
    from ringfence.cli.support.connection import hub, segment

    row = hub().get(f"/edge-jobs/{segment(job)}")
    if out is not None:
        _write(row, out)
    if as_json:
        output.show_json(row)
        return
    for heading, cell in _COLUMNS[:-1]:
        output.say(f"{heading.capitalize():<8} {output.shown(cell(row))}".rstrip())
    if row["approved_by"]:
        output.say(f"Approved by {row['approved_by']}")
    if row["state"] == "waiting":
        output.say("A person who may has to approve it, on the page of this job.")
    if row["result"]:
        output.say("")
        output.say(row["result"].rstrip("\n"))
    if row["sentence"]:
        output.say(row["sentence"])


@app.command()
def cancel(job: JobId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Cancel a job that waits or is under way.

    Example: ringfence edge jobs cancel job-3f9c0a7b21de
    """
    from ringfence.cli.support.connection import hub, segment

    confirm(f"Cancel job {job}", yes=yes)
    row = hub().post(f"/edge-jobs/{segment(job)}/cancel")
    output.tell(f"Job {job} cancelled.", row, as_json=as_json)


@app.command()
def approval(
    needed: Annotated[
        Approval | None, typer.Argument(help="What is needed from now on; without it, it is shown.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show or set what has to be before a capture, restart, reboot or a phone's page.

    With fresh-sign-in a person who has just signed in has to start or approve it; with second-person, another one than
    whoever asks for it. What an API token asks for waits for that.

    Example: ringfence edge jobs approval fresh-sign-in
    """
    from ringfence.cli.support.connection import hub

    if needed is None:
        row = hub().get("/edge-jobs/approval")
    else:
        row = hub().put("/edge-jobs/approval", {"needed": str(needed)})
    output.tell(f"Captures, restarts, reboots and phones' pages need: {row['needed']}.", row, as_json=as_json)


def wait_s(text: str, *, now: bool = False) -> int:
    """Return how many seconds a text such as 30m is, 0 if it is empty; BadParameter where it is none."""
    if not text:
        return 0
    if now:
        raise typer.BadParameter("it can't be for now and wait as well", param_hint="--now")
    found = _WAIT.fullmatch(text)
    if found is None:
        raise typer.BadParameter("a time is a number with s, m, h or d, such as 30m", param_hint="--wait-for")
    return int(found[1]) * _SECONDS[found[2]]


def _watch(row: Row, *, quiet: bool) -> Row:
    """Show what comes of a job until it is over; one that waits for a person is not waited for."""
    from ringfence.cli.support.connection import hub, segment

    shown, state = "", row["state"]
    if not quiet:
        output.say(_in_words(row))
    while True:
        now = hub().get(f"/edge-jobs/{segment(row['id'])}")
        if not quiet:
            if now["state"] != state and now["state"] in _OPEN:
                output.say(_in_words(now))
            if (more := now["result"][len(shown) :]) != "":
                output.say(more.rstrip("\n"))
        shown, state = now["result"], now["state"]
        if state not in _OPEN or state == "waiting":
            if not quiet and now["state"] != "waiting":
                output.say(now["sentence"] or f"The job is {state}.")
            return now
        time.sleep(_LOOK_EVERY_S)


def _in_words(row: Row) -> str:
    match row["state"]:
        case "waiting":
            return f"Job {row['id']} waits for a person's approval, on its page, until {output.when(row['until'])}."
        case "queued":
            return f"Job {row['id']} waits for edge {row['edge']}, until {output.when(row['until'])}."
        case _:
            return f"Edge {row['edge']} is at it."


def _write(row: Row, out: Path) -> Path:
    from ringfence.cli.support.connection import hub, segment
    from ringfence.cli.support.files import new_file

    path = f"/edge-jobs/{segment(row['id'])}"
    with new_file(out) as file:
        if row["with_secrets"]:
            file.write(base64.b64decode(hub().post(f"{path}/capture-with-secrets")["data"]))
        else:
            for part in hub().download(f"{path}/capture"):
                file.write(part)
    return out
