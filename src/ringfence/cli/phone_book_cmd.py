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
from ringfence.cli.support.questions import Yes, confirm, typed_secret
from ringfence.counted import counted

app = typer.Typer(
    help="Phone books: names and numbers that phones list, served by the edges while the hub is away.",
    no_args_is_help=True,
)

COLUMNS = ("name", "number")
LARGEST_TABLE_BYTES = 4 << 20
_LARGEST_CERTIFICATE_BYTES = 20_000
_MOST_NAMED = 5
BookId = Annotated[str, typer.Argument(metavar="BOOK", help="Its id, as ringfence phone-book list shows it.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What phones show as its title, such as Company.")],
    lines: Annotated[
        bool, typer.Option("--lines", help="List the lines of the organisation's phones, without entries of its own.")
    ] = False,
    ldap: Annotated[
        bool, typer.Option("--ldap", help="Read it from a directory, which ringfence phone-book ldap names.")
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
    if lines and ldap:
        raise typer.BadParameter("a book has one source", param_hint="--ldap")
    source = "lines" if lines else "ldap" if ldap else "table"
    body = {"name": name, "source": source, "sites": site or [], "groups": group or []}
    book = hub().post("/phone-books", body)
    if as_json:
        output.show_json(book)
    elif lines:
        output.say(f"Phone book {book['id']} created. Next: ringfence publish.")
    elif ldap:
        output.say(f"Phone book {book['id']} created. Next: ringfence phone-book ldap {book['id']} --url … --base …")
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
        ("PROBLEM", lambda row: (row["directory"] or {}).get("problem", "")),
    ]
    none = "No phone books yet. Create one: ringfence phone-book create NAME."
    return Listing("/phone-books", columns, empty=none, note=_without_address)


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


@app.command("ldap")
def put_directory(
    book: BookId,
    url: Annotated[str, typer.Option(help="ldaps://HOST, or ldap://HOST, which goes on with StartTLS.")],
    base: Annotated[str, typer.Option(metavar="DN", help="Below which its entries are, such as ou=people,dc=example.")],
    user: Annotated[str, typer.Option(metavar="DN", help="Who asks; without it, nobody in particular.")] = "",
    password: Annotated[
        bool, typer.Option("--password", help="Prompt for the user's password, or read it from a pipe.")
    ] = False,
    wanted: Annotated[
        str, typer.Option("--filter", help="Which entries are wanted (RFC 4515).")
    ] = "(telephoneNumber=*)",
    name: Annotated[str, typer.Option(metavar="ATTRIBUTE", help="What an entry is called by.")] = "cn",
    number: Annotated[
        list[str] | None,
        typer.Option(metavar="ATTRIBUTE", help="What is dialled; of several, the first that somebody has."),
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="The file with the CA's certificate.")] = None,
    fingerprint: Annotated[
        str, typer.Option(help="The SHA-256 of the directory's own certificate.", show_default=False)
    ] = "",
    allow_clear_text: Annotated[
        bool, typer.Option("--allow-clear-text", help="For ldap:// without TLS: the way there is yours alone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Name the directory that a phone book is read from, every hour; while it is away, its last entries stay.

    Without --password the one that there is stays, unless URL or user change.

    Example: ringfence phone-book ldap people --url ldaps://directory.example.org --base ou=people,dc=example,dc=org
    """
    if ca is not None and fingerprint:
        raise typer.BadParameter("give the CA or a fingerprint, not both", param_hint="--fingerprint")
    body: Json = {
        "url": url, "base": base, "user": user, "filter": wanted, "name_attribute": name,
        "number_attributes": number or ["telephoneNumber", "mobile"],
        "trust": fingerprint if ca is None else read_text(ca, _LARGEST_CERTIFICATE_BYTES),
        "allow_clear_text": allow_clear_text,
    }  # fmt: skip
    if password:
        body["password"] = typed_secret("Password")
    found = hub().put(f"/phone-books/{segment(book)}/directory", body)
    output.tell(f"The directory is kept. Next: ringfence phone-book refresh {book}", found, as_json=as_json)


@app.command()
def refresh(book: BookId, as_json: AsJson = False) -> None:
    """Read a phone book from its directory now.

    Example: ringfence phone-book refresh people
    """
    found = hub().post(f"/phone-books/{segment(book)}/refresh")
    taken = counted(found["entries"], "entry", "entries")
    more = f", and {found['left_out']} more that have no room" if found["left_out"] else ""
    output.tell(f"Phone book {book} has {taken}{more}. Next: ringfence publish.", found, as_json=as_json)


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


def _without_address(row: Row) -> str:
    """Say which sites do not have a book, as their phones do not know their edge's address, and what mends that."""
    count = row["sites_without_address"]
    if not count:
        return ""
    said = [f"Phone book {row['id']} is not at {counted(count, 'site')} where edge_url is not set."]
    for each in row["without_address"][:_MOST_NAMED]:
        url = each["suggested"][0] if each["suggested"] else "http://ADDRESS:6970"
        why = "as its edge says" if each["suggested"] else "its edge says no address"
        said.append(f"  ringfence set site {each['site']} edge_url={url}   ({why})")
    if count > _MOST_NAMED:
        said.append(f"  {count - _MOST_NAMED:,} more: ringfence phone-book list --json")
    return "\n".join(said)


def _sites(row: Row) -> str:
    return "all" if row["everywhere"] else ", ".join(row["sites"]) or "none"


def _groups(row: Row) -> str:
    return (", ".join(row["groups"]) or "none") if row["for_groups"] else "all"
