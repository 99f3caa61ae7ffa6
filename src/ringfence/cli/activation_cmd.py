"""``ringfence activation``: phones that are prepared without their MAC address, and adopted by a code."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.arguments import complete_site
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.files import write_table
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer(
    help="Activation codes: prepare a phone without its MAC address; whoever stands at it tells the code.",
    no_args_is_help=True,
)

EndedToo = Annotated[bool, typer.Option("--all", help="Also codes that were used, revoked, or have ended.")]
AtSite = Annotated[
    str | None, typer.Option(help="Only phones that may be adopted at this site.", autocompletion=complete_site)
]
ActivationId = Annotated[
    str, typer.Argument(metavar="ACTIVATION", help="Its id, as ringfence activation list shows it.")
]
_COLUMNS = [
    ("ID", field("id")),
    ("CODE", lambda row: f"…{row['ending']}"),
    ("SITE", lambda row: row["site"] or "any"),
    ("MODEL", lambda row: row["model"] or "any"),
    ("STATE", field("state")),
    ("ENDS", moment("ends_at")),
    ("PHONE", field("mac")),
    ("DESCRIPTION", field("description")),
]

_HEADING = ("activation", "state", "site", "model", "description", "group", "lines", "code", "by", "ends", "mac")
"""The same as of the page's table."""


@app.command()
def create(
    site: Annotated[
        str, typer.Option(help="The site where it may be adopted; any without it.", autocompletion=complete_site)
    ] = "",
    model: Annotated[str, typer.Option(help="Its model; any without it.")] = "",
    description: Annotated[str, typer.Option(help="For people: whose phone, or where it is.")] = "",
    group: Annotated[str, typer.Option(help="The id of its group.")] = "",
    line: Annotated[
        list[str] | None,
        typer.Option(metavar="USER[=LABEL]", help="The SIP user of its next key, and its label; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prepare a phone; the code that adopts one in its place is good once, for a week, and printed only here.

    Example: ringfence activation create --site home-office-anna --model 9971 --line 201=Anna
    """
    row = hub().post(
        "/activations",
        {"site": site, "model": model, "description": description, "group": group,
         "lines": [_line(index, text) for index, text in enumerate(line or [], 1)]},
    )  # fmt: skip
    if as_json:
        output.show_json(row)
        return
    output.say(f"The phone is prepared as {row['id']}. Its code, printed only here and good for a week:")
    output.say(f"\n  {row['code']}\n")
    output.say("Whoever stands at the phone uses it: ringfence activation use LAST-DIGITS-OF-ITS-MAC")


@app.command("list")
@lists
def list_activations(ended_too: EndedToo = False, site: AtSite = None) -> Listing:
    """List the prepared phones, newest first; of their codes only the last characters are known.

    Example: ringfence activation list --all
    """
    empty = "No phone is prepared. Prepare one: ringfence activation create."
    return Listing("/activations", _COLUMNS, empty=empty, query=_query(ended_too, site))


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="The file to write; standard output by default.")] = None,
    ended_too: EndedToo = False,
    site: AtSite = None,
) -> None:
    """Export the prepared phones as a CSV table, newest first, without their codes.

    Example: ringfence activation export prepared.csv --site home-office-anna
    """
    rows = hub().rows("/activations", _query(ended_too, site))
    write_table(file, [_HEADING, *map(_cells, rows)])


@app.command()
def show(activation: ActivationId, as_json: AsJson = False) -> None:
    """Show a prepared phone with its lines.

    Example: ringfence activation show activation-3f9c0a7b21de
    """
    row = hub().get(f"/activations/{segment(activation)}")
    if as_json:
        output.show_json(row)
        return
    for heading, cell in _COLUMNS:
        output.say(f"{heading.capitalize():<12} {output.shown(cell(row))}".rstrip())
    output.say(f"{'Group':<12} {row['group'] or 'none'}")
    for line in row["lines"]:
        output.say(f"{'Line ' + str(line['index']):<12} {_line_in_words(line)}")


@app.command()
def revoke(activation: ActivationId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Revoke a code, with what was prepared for it.

    Example: ringfence activation revoke activation-3f9c0a7b21de
    """
    confirm(f"Revoke activation code {activation}", yes=yes)
    hub().delete(f"/activations/{segment(activation)}")
    output.tell(f"Activation code {activation} revoked.", {"revoked": activation}, as_json=as_json)


@app.command()
def use(
    phone: Annotated[
        str, typer.Argument(metavar="DIGITS", help="The end of the phone's MAC address: four digits or more.")
    ],
    site: Annotated[
        str, typer.Option(help="Its site, where phones at several would fit.", autocompletion=complete_site)
    ] = "",
    model: Annotated[str, typer.Option(help="Its model, where the hub could not tell, or guessed wrongly.")] = "",
    as_json: AsJson = False,
) -> None:
    """Adopt a phone that waits by its code, which is asked for, or read from a pipe.

    Example: ringfence activation use 9A10
    """
    code = input("Code: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    adopted = hub().post("/activations/use", {"code": code, "phone": phone, "site": site, "model": model})
    output.tell(
        f"Phone {adopted['mac']} ({adopted['model']}) adopted at {adopted['site']}. Next: ringfence publish.",
        adopted,
        as_json=as_json,
    )


def _query(ended_too: bool, site: str | None) -> dict[str, str | int | None]:
    return {"ended_too": "true" if ended_too else None, "site": site}


def _cells(row: Row) -> tuple[object, ...]:
    lines = ", ".join(f"{line['name']}={line['label']}" if line["label"] else line["name"] for line in row["lines"])
    ends = datetime.fromtimestamp(row["ends_at"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        row["id"], row["state"], row["site"] or "", row["model"], row["description"], row["group"] or "", lines,
        f"…{row['ending']}", row["created_by"], ends, row["mac"] or "",
    )  # fmt: skip


def _line(index: int, text: str) -> dict[str, object]:
    name, _equals, label = text.partition("=")
    return {"index": index, "name": name, "label": label}


def _line_in_words(line: Row) -> str:
    return f"{line['name']} “{line['label']}”" if line["label"] else str(line["name"])
