"""``ringfence rollout``: publish in waves, each only if the phones of the one before are well."""

import time
from typing import Annotated

import typer

from ringfence.cli.support import durations, output
from ringfence.cli.support.bulk import Json
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm
from ringfence.cli.support.uploads import progress
from ringfence.counted import counted

app = typer.Typer(
    help="Rollouts: publish in waves of sites, each only if the phones of the one before are well.",
    no_args_is_help=True,
)

Rollout = Annotated[
    str, typer.Argument(metavar="ROLLOUT", help="The rollout's id, as ringfence rollout list shows it.")
]

_COLUMNS = [
    ("ID", field("id")),
    ("NAME", field("name")),
    ("BY", field("who")),
    ("STATE", field("state")),
    ("WAVE", lambda row: f"{row['wave']} of {row['waves']}"),
    ("BEGAN", moment("created_at")),
]
_LOOKS_EVERY_S = 2.0
_MINUTE_S = 60


@app.command()
def begin(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    sites: Annotated[
        list[str] | None, typer.Argument(metavar="SITE…", help="Only these sites; all by default.")
    ] = None,
    wave: Annotated[
        list[str] | None,
        typer.Option(
            help="One after the other: a number of sites, a share of all (10%), site:ID, group:ID, or rest; by default "
            "1, 10%, rest."
        ),
    ] = None,
    gate: Annotated[
        str, typer.Option(help="How long phones have to take their files and to register, such as 30m.")
    ] = "30m",
    most_failed: Annotated[
        int, typer.Option(min=0, max=100, help="It pauses where more than so many percent of a wave's phones fail.")
    ] = 0,
    hours: Annotated[
        str, typer.Option(help="When sites are published, such as 22:00-05:00; at any time by default.")
    ] = "",
    zone: Annotated[str, typer.Option(help="The time zone of the hours, such as Europe/Berlin.")] = "",
    when_idle: Annotated[
        bool, typer.Option("--when-idle", help="Let phones that are told by keys wait until nobody uses them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Begin to publish what is due, wave after wave; sites of later waves are held until then.

    No phone is told in a call, where its PBX tells of calls: it is told when the call has ended.

    Example: ringfence rollout begin "New firmware" --wave site:home-office-anna --wave 10% --wave rest
    """
    order: Json = {
        "name": name, "sites": sites or None, "gate_minutes": durations.seconds(gate) // _MINUTE_S,
        "most_failed_percent": most_failed, "hours": hours, "time_zone": zone,
        "when_idle": when_idle,
    }  # fmt: skip
    if wave:
        order["waves"] = wave
    found = hub().post("/rollouts", order)
    sentence = (
        f"Rollout {found['id']} began: {counted(len(found['sites']), 'site')} in {counted(found['waves'], 'wave')}. "
        f"Look: ringfence rollout show {found['id']} --watch"
    )
    output.tell(sentence, found, as_json=as_json)


@app.command("list")
@lists
def list_rollouts() -> Listing:
    """List the rollouts, the newest first.

    Example: ringfence rollout list --filter state=paused
    """
    return Listing("/rollouts", _COLUMNS, empty="No rollouts yet. Begin one: ringfence rollout begin NAME.", note=_why)


def _why(row: Row) -> str:
    return f"Rollout {row['id']} is paused: {row['why']}." if row["state"] == "paused" else ""


@app.command()
def show(
    rollout: Rollout,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until it is done, paused or cancelled.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far a rollout is, and what went wrong.

    Example: ringfence rollout show rollout-3f9c2a7b10de --watch
    """
    client, path = hub(), _path(rollout)
    found = client.get(path)
    with progress("sites") as (total, advance):
        total(0, len(found["sites"]))
        decided = 0
        while True:
            now = sum(site["state"] in {"passed", "failed", "gone"} for site in found["sites"])
            advance(now - decided)
            decided = now
            if not watch or found["state"] != "running":
                break
            time.sleep(_LOOKS_EVERY_S)
            found = client.get(path)
    if as_json:
        output.show_json(found)
    else:
        _say(found)


def _say(found: Row) -> None:
    output.show_table([found], _COLUMNS, empty="")
    phones = ", ".join(f"{count} {state}" for state, count in sorted(found["phones"].items()))
    if phones:
        output.say(f"Phones: {phones}.")
    if why := _why(found):
        output.say(f"{why} Then: ringfence rollout retry {found['id']}, or resume, or cancel.")
    columns = [("SITE", field("site")), ("WAVE", field("wave")), ("STATE", field("state")), ("RELEASE", _release)]
    output.show_table(found["sites"], columns, empty="")
    for site in found["sites"]:
        if site["problem"]:
            output.say(f"Site {site['site']}: {site['problem']}.")
    for phone in found["failed"]:
        output.say(f"Phone {phone['mac']} of site {phone['site']}: {str(phone['problem']).removesuffix('.')}.")


def _release(row: Row) -> object:
    return row["release"] or ""


@app.command()
def pause(rollout: Rollout, as_json: AsJson = False) -> None:
    """Pause a rollout: no further site is published.

    Example: ringfence rollout pause rollout-3f9c2a7b10de
    """
    found = _order(rollout, "pause")
    output.tell(f"Rollout {rollout} is paused.", found, as_json=as_json)


@app.command()
def resume(rollout: Rollout, as_json: AsJson = False) -> None:
    """Go on with a rollout; a wave that went wrong counts as accepted.

    Example: ringfence rollout resume rollout-3f9c2a7b10de
    """
    found = _order(rollout, "resume")
    output.tell(f"Rollout {rollout} is {found['state']}.", found, as_json=as_json)


@app.command()
def retry(rollout: Rollout, as_json: AsJson = False) -> None:
    """Wait once more for the phones that failed, and go on; the hub tells them in portions, and none in a call.

    Example: ringfence rollout retry rollout-3f9c2a7b10de
    """
    found = _order(rollout, "retry")
    sentence = (
        f"Rollout {rollout} goes on, and waits for {counted(found['phones'], 'phone')} again. The hub tells them in "
        f"portions: ringfence rollout show {rollout}"
    )
    output.tell(sentence, found, as_json=as_json)


@app.command()
def cancel(rollout: Rollout, yes: Yes = False, as_json: AsJson = False) -> None:
    """End a rollout: what is published stays, and sites of later waves are held no more.

    Example: ringfence rollout cancel rollout-3f9c2a7b10de
    """
    confirm(f"Cancel rollout {rollout}", yes=yes)
    found = _order(rollout, "cancel")
    output.tell(f"Rollout {rollout} is cancelled.", found, as_json=as_json)


def _order(rollout: str, what: str) -> Json:
    return hub().post(f"{_path(rollout)}/{what}")


def _path(rollout: str) -> str:
    return f"/rollouts/{segment(rollout)}"
