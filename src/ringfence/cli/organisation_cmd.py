"""``ringfence organisation``: the customers of whoever runs the hub."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm
from ringfence.counted import counted

app = typer.Typer(help="Organisations: customers that see nothing of each other.", no_args_is_help=True)

OrganisationId = Annotated[
    str, typer.Argument(metavar="ORGANISATION", help="Its id, as ringfence organisation list shows it.")
]
Name = Annotated[str, typer.Argument(help="Its name.")]

_COLUMNS = [
    ("ID", field("id")),
    ("NAME", field("name")),
    ("SITES", field("sites")),
    ("PHONES", field("phones")),
    ("EDGES", field("edges")),
    ("MADE", moment("created_at")),
]


@app.command()
def create(
    organisation: Annotated[str, typer.Argument(metavar="ID", help="Ids of its sites begin with it; it stays.")],
    name: Name,
    as_json: AsJson = False,
) -> None:
    """Create an organisation.

    Its people get tokens of their own: ringfence --organisation acme access create Anna

    Example: ringfence organisation create acme "ACME Ltd"
    """
    made = hub().post("/organisations", {"id": organisation, "name": name})
    output.tell(
        f"Organisation {made['id']} created. Next: ringfence --organisation {made['id']} access create NAME",
        made,
        as_json=as_json,
    )


@app.command("list")
@lists
def list_organisations() -> Listing:
    """List the organisations.

    Example: ringfence organisation list
    """
    return Listing("/organisations", _COLUMNS, empty="")


@app.command()
def show(organisation: OrganisationId, as_json: AsJson = False) -> None:
    """Show an organisation.

    Example: ringfence organisation show acme
    """
    found = hub().get(f"/organisations/{segment(organisation)}")
    if as_json:
        output.show_json(found)
    else:
        output.show_table([found], _COLUMNS, empty="")


@app.command()
def rename(organisation: OrganisationId, name: Name, as_json: AsJson = False) -> None:
    """Rename an organisation; its id stays.

    Example: ringfence organisation rename acme "ACME and Daughters Ltd"
    """
    found = hub().patch(f"/organisations/{segment(organisation)}", {"name": name})
    output.tell(f"Organisation {organisation} is now called {found['name']}.", found, as_json=as_json)


@app.command()
def remove(organisation: OrganisationId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove an organisation with all that it has; its id and those of its sites are never used again.

    Example: ringfence organisation remove acme
    """
    confirm(f"Remove organisation {organisation}", yes=yes)
    path = f"/organisations/{segment(organisation)}"
    found = hub().get(path)
    if has := [counted(found[f"{each}s"], each) for each in ("site", "phone", "edge") if found[f"{each}s"]]:
        confirm(f"It has {', '.join(has)}: remove them too, with all settings, firmware and reports", yes=yes)
    hub().delete(f"{path}?with_all=true")
    output.tell(f"Organisation {organisation} removed.", {"removed": organisation}, as_json=as_json)


_LIMIT_WORDS = ("sites", "phones", "people", "tokens", "storage_bytes")
_NONE = "none"
_MB = 1_000_000
Most = Annotated[str | None, typer.Option(metavar="N|none", help="As many at most; none ends the limit.")]


@app.command()
def limit(
    organisation: Annotated[
        str | None, typer.Argument(metavar="[ORGANISATION]", help="Its id; one's own by default, to look at.")
    ] = None,
    sites: Most = None,
    phones: Most = None,
    people: Most = None,
    tokens: Most = None,
    storage: Annotated[
        str | None, typer.Option(metavar="MB|none", help="Megabytes of firmware and assets; none ends the limit.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Limit what an organisation may have, or show what it has and may have.

    What is there above a new limit stays; more is refused, whoever adds it and however.

    Example: ringfence organisation limit acme --sites 10 --phones 200 --storage 500
    """
    given = {
        word: _most(f"--{word.removesuffix('_bytes')}", text, _MB if word == "storage_bytes" else 1)
        for word, text in zip(_LIMIT_WORDS, (sites, phones, people, tokens, storage), strict=True)
        if text is not None
    }
    if organisation is None and given:
        raise typer.BadParameter("name the organisation that is to be limited")
    path = f"/organisations/{segment(organisation) if organisation else '-'}/limits"
    found = hub().patch(path, given) if given else hub().get(path)
    if as_json:
        output.show_json(found)
        return
    columns = [
        ("LIMIT", lambda row: row["limit"].removesuffix("_bytes")),
        ("HAS", lambda row: _in_unit(row, row["used"])),
        ("AT MOST", lambda row: "no limit" if row["most"] is None else _in_unit(row, row["most"])),
    ]
    output.show_table(found["limits"], columns, empty="")


def _most(option: str, text: str, unit: int) -> int | None:
    if text == _NONE:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 12:  # noqa: PLR2004 - more is no hub's
        raise typer.BadParameter(f"{option} takes a number, or none")
    return int(text) * unit


def _in_unit(row: Row, number: int) -> str:
    return f"{number / _MB:,.1f} MB" if row["limit"] == "storage_bytes" else f"{number:,}"
