"""``ringfence phone-book``: names and numbers that phones list."""

from pathlib import Path
from typing import Annotated

import typer

from ringfence import csv_table
from ringfence.cli.support import output
from ringfence.cli.support.arguments import complete_site
from ringfence.cli.support.bulk import DryRun, Json, raise_refusals, refusal
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.files import read_text
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, Row, field, moment
from ringfence.cli.support.questions import Yes, confirm
from ringfence.counted import counted

app = typer.Typer(
    help="Phone books: names and numbers that phones list, served by the edges while the hub is away.",
    no_args_is_help=True,
)

COLUMNS = ("name", "number")
LARGEST_TABLE_BYTES = 4 << 20
BookId = Annotated[str, typer.Argument(metavar="BOOK", help="Its id, as ringfence phone-book list shows it.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What phones show as its title, such as Company.")],
    lines: Annotated[
        bool, typer.Option("--lines", help="List the lines of the organisation's phones, without entries of its own.")
    ] = False,
    site: Annotated[
        list[str] | None,
        typer.Option(help="Only for this site's phones; may be repeated.", autocompletion=complete_site),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Only for phones of this group, at these sites; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a phone book. What it holds goes to every phone of its sites, of all sites without --site.

    With --group only phones of those groups list it.

    Example: ringfence phone-book create Colleagues --lines
    """
    body = {"name": name, "source": "lines" if lines else "table", "sites": site or [], "groups": group or []}
    book = hub().post("/phone-books", body)
    if as_json:
        output.show_json(book)
    elif lines:
        output.say(f"Phone book {book['id']} created. Next: ringfence publish.")
    else:
        output.say(f"Phone book {book['id']} created. Next: ringfence phone-book import {book['id']} FILE.")


@app.command("list")
@lists
def list_books() -> Listing:
    """List the phone books.

    Example: ringfence phone-book list
    """
    columns = [
        ("ID", field("id")),
        ("NAME", field("name")),
        ("SOURCE", field("source")),
        ("SITES", _sites),
        ("GROUPS", _groups),
        ("ENTRIES", field("entries")),
        ("LEFT OUT", field("left_out")),
        ("CHANGED", moment("changed_at")),
    ]
    return Listing("/phone-books", columns, empty="No phone books yet. Create one: ringfence phone-book create NAME.")


@app.command()
@lists
def show(
    book: BookId,
    search: Annotated[str | None, typer.Option(help="Part of a name or number.")] = None,
) -> Listing:
    """Show the entries of a phone book that has some of its own.

    Example: ringfence phone-book show company --search schmidt
    """
    columns = [("NAME", field("name")), ("NUMBER", field("number"))]
    return Listing(
        f"/phone-books/{segment(book)}/entries", columns, empty="It has no entries of its own.",
        query={"search": search},
    )  # fmt: skip


@app.command("import")
def import_entries(
    book: BookId,
    file: Annotated[Path, typer.Argument(help=f"A table whose first row names its columns: {', '.join(COLUMNS)}.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Replace the entries of a phone book by those of a CSV table, all or none.

    Example: ringfence phone-book import company company.csv --dry-run
    """
    entries, refused = _entries(csv_table.from_text(read_text(file, LARGEST_TABLE_BYTES), str(file)), file)
    order = {"entries": entries, "dry_run": dry_run or bool(refused)}
    done = hub().put(f"/phone-books/{segment(book)}/entries", order)
    done["refusals"] = sorted([*refused, *done["refusals"]], key=lambda each: each["row"])
    if as_json:
        output.show_json(done)
    else:
        for each in done["refusals"]:
            place = f"row {each['row']}" + (f", column {each['column']}" if each["column"] else "")
            output.say(f"{place}: {each['what']}.")
        if not done["refusals"]:
            taken = counted(done["entries"], "entry", "entries")
            output.say(f"Dry run: {taken} would be taken." if dry_run else f"{taken} taken. Next: ringfence publish.")
    raise_refusals(done, str(file))


@app.command()
def remove(book: BookId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a phone book; the next publish takes it from the phones.

    Example: ringfence phone-book remove company
    """
    confirm(f"Remove phone book {book}, with its entries", yes=yes)
    hub().delete(f"/phone-books/{segment(book)}")
    output.tell(f"Phone book {book} removed. Next: ringfence publish.", {"removed": book}, as_json=as_json)


def _entries(table: csv_table.CsvTable, file: Path) -> tuple[list[Json], list[Json]]:
    if set(table.heading) != set(COLUMNS) or len(table.heading) != len(COLUMNS):
        raise BadArgument(
            "the first row must name the columns, once each", where=str(file), to_do=f"Columns: {', '.join(COLUMNS)}."
        )
    refused = [
        refusal(row, "", f"it has {cells} cells, but there are {len(COLUMNS)} columns") for row, cells in table.too_long
    ]
    entries = [{**dict(zip(table.heading, cells, strict=True)), "row": number} for number, cells in table.rows]
    return entries, refused


def _sites(row: Row) -> str:
    return "all" if row["everywhere"] else ", ".join(row["sites"]) or "none"


def _groups(row: Row) -> str:
    return (", ".join(row["groups"]) or "none") if row["for_groups"] else "all"
