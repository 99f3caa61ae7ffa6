"""``ringfence draft``: edits that are looked at before they are made."""

from datetime import datetime
from typing import Annotated

import typer

from ringfence.cli import publish_cmd
from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm
from ringfence.counted import counted

app = typer.Typer(
    help="Drafts: edits that are looked at, approved and published together. Edit in one with ringfence --draft DRAFT.",
    no_args_is_help=True,
)

Draft = Annotated[str, typer.Argument(metavar="DRAFT", help="The draft's id, as ringfence draft list shows it.")]
Shared = Annotated[bool, typer.Option("--shared", help="Others see it and may add to it.")]

_COLUMNS = [
    ("ID", field("id")),
    ("NAME", field("name")),
    ("AUTHOR", field("author")),
    ("EDITS", field("edits")),
    ("VERSION", field("version")),
    ("APPROVED BY", field("approved_by")),
    ("AT", moment("publish_at")),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")], shared: Shared = False, as_json: AsJson = False
) -> None:
    """Create a draft without edits.

    Example: ringfence draft create "New dial plan" --shared
    """
    made = hub().post("/drafts", {"name": name, "shared": shared})
    sentence = f"Draft {made['id']} created. Edit in it: ringfence --draft {made['id']} set site SITE NAME=VALUE"
    output.tell(sentence, made, as_json=as_json)


@app.command("list")
@lists
def list_drafts() -> Listing:
    """List your drafts and those that are shared.

    Example: ringfence draft list
    """
    return Listing("/drafts", _COLUMNS, empty="No drafts. Create one: ringfence draft create NAME.", note=_problem)


def _problem(row: Row) -> str:
    return f"Draft {row['id']} could not be published at its time: {row['problem']}." if row["problem"] else ""


@app.command()
def show(draft: Draft, as_json: AsJson = False) -> None:
    """Show a draft with its edits, and what others have changed meanwhile.

    Example: ringfence draft show draft-3f9c2a7b10de
    """
    found = hub().get(_path(draft))
    if as_json:
        output.show_json(found)
        return
    output.show_table([found], _COLUMNS, empty="")
    if found["needs_approval"] and not found["approved_by"]:
        output.say(f"A second person has to approve it: ringfence draft approve {draft} --version {found['version']}")
    if problem := _problem(found):
        output.say(problem)
    columns = [("EDIT", field("number")), ("WHO", field("who")), ("WHAT", _what)]
    output.show_table(found["list_of_edits"], columns, empty="It has no edits yet.")
    for edit in found["list_of_edits"]:
        for place in edit["conflicts"]:
            output.say(f"Edit {edit['number']}: somebody else has changed {place} since.")


def _what(edit: Row) -> str:
    return f"{edit['method']} {str(edit['path']).removeprefix('/api/v1')}"


@app.command()
def share(
    draft: Draft,
    shared: Annotated[bool, typer.Option("--shared/--own", help="Whether others see it and may add to it.")] = True,
    as_json: AsJson = False,
) -> None:
    """Let others see a draft and add to it, or not.

    Example: ringfence draft share draft-3f9c2a7b10de
    """
    changed = hub().patch(_path(draft), {"shared": shared})
    output.tell(f"Draft {draft} is {'shared' if shared else 'your own'} now.", changed, as_json=as_json)


@app.command()
def preview(
    draft: Draft,
    diff: Annotated[bool, typer.Option("--diff", help="Show how each file changes; secrets are masked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a draft would change: which files of which phones, and how.

    Example: ringfence draft preview draft-3f9c2a7b10de --diff
    """
    found = hub().get(f"{_path(draft)}/preview", diffs="true" if diff or as_json else "false")
    if as_json:
        output.show_json(found)
    else:
        publish_cmd.show_publication(found["publication"], diff=diff)


@app.command()
def approve(
    draft: Draft,
    version: Annotated[
        int | None,
        typer.Option(min=0, help="The version that you have looked at, as draft show names it; refused if it changed."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Approve a draft's edits as they are, or as you have looked at them; who wrote one of them can't.

    Example: ringfence draft approve draft-3f9c2a7b10de --version 4
    """
    found = hub().post(f"{_path(draft)}/approve", {"version": version})
    output.tell(f"Draft {draft} approved. Next: ringfence draft publish {draft}", found, as_json=as_json)


@app.command()
def publish(
    draft: Draft,
    at: Annotated[str, typer.Option(help="When, in local time, such as 2027-01-31T22:00; now by default.")] = "",
    comment: Annotated[str, typer.Option(help="The reason, for the list of releases.")] = "",
    despite_conflicts: Annotated[
        bool, typer.Option("--despite-conflicts", help="Write over what others have changed meanwhile.")
    ] = False,
    when_idle: Annotated[
        bool, typer.Option("--when-idle", help="Now, but tell no phone in a call, as far as that is known.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a draft's edits, and publish the sites that they change.

    Example: ringfence draft publish draft-3f9c2a7b10de --at 2027-01-31T22:00
    """
    order = {
        "at": _moment(at), "comment": comment, "despite_conflicts": despite_conflicts, "when_idle": when_idle,
    }  # fmt: skip
    done = hub().post(f"{_path(draft)}/publish", order)
    if as_json:
        output.show_json(done)
    elif done["draft"] is not None:
        output.say(f"Draft {draft} will be published at {output.when(done['draft']['publish_at'])}.")
    elif done["rollout"] is not None:
        output.say(
            f"The draft's edits are made. Phones are told when they are in no call, as far as their PBX tells: "
            f"ringfence rollout show {done['rollout']}"
        )
    elif done["publication"] is None:
        output.say("The draft's edits are made; they change no file.")
    else:
        publish_cmd.show_publication(done["publication"], diff=False)


def _moment(text: str) -> float | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise BadArgument(f"{text[:40]!r} is no time", where="--at", to_do="Write it like 2027-01-31T22:00.") from None


@app.command()
def drop(
    draft: Draft, number: Annotated[int, typer.Argument(min=1, help="The edit's number.")], as_json: AsJson = False
) -> None:
    """Take an edit out of a draft.

    Example: ringfence draft drop draft-3f9c2a7b10de 3
    """
    hub().delete(f"{_path(draft)}/edits/{number}")
    output.tell(f"Edit {number} dropped.", {"dropped": number}, as_json=as_json)


@app.command()
def discard(draft: Draft, yes: Yes = False, as_json: AsJson = False) -> None:
    """Discard a draft with its edits.

    Example: ringfence draft discard draft-3f9c2a7b10de
    """
    client, path = hub(), _path(draft)
    found = client.get(path)
    confirm(f"Discard draft {found['name']} with {counted(found['edits'], 'edit')}", yes=yes)
    client.delete(path)
    output.tell(f"Draft {draft} discarded.", {"discarded": draft}, as_json=as_json)


@app.command()
def approval(
    needed: Annotated[
        bool | None, typer.Option("--needed/--not-needed", help="Whether a second person has to approve drafts.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show or set whether drafts need a second person's approval; then only owners publish without one.

    Example: ringfence draft approval --needed
    """
    client = hub()
    rule = client.get("/drafts/approval") if needed is None else client.put("/drafts/approval", {"needed": needed})
    sentence = (
        "A second person has to approve what is published."
        if rule["needed"]
        else "Drafts are published without approval."
    )
    output.tell(sentence, rule, as_json=as_json)


def _path(draft: str) -> str:
    return f"/drafts/{segment(draft)}"
