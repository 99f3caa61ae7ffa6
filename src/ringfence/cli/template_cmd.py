"""``ringfence template``: operators' own templates."""

from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.files import read_text
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer(help="Your own templates, for a family's files or for additional ones.", no_args_is_help=True)

FamilyId = Annotated[str, typer.Argument(metavar="FAMILY", help="Such as cisco-79xx or generic.")]
FileName = Annotated[
    str, typer.Argument(metavar="FILE", help="The key of one of the family's files, or a name such as {mac}.cfg.")
]


@app.command()
@lists
def files(family: FamilyId) -> Listing:
    """List the files that a family's phones get, with their keys.

    Example: ringfence template files cisco-79xx
    """
    columns = [("KEY", field("key")), ("FILE", field("name")), ("KIND", field("kind"))]
    none = "This family has no built-in files. Add one: ringfence template put FAMILY NAME FILE."
    return Listing(f"/families/{segment(family)}/files", columns, empty=none)


@app.command("list")
@lists
def list_templates() -> Listing:
    """List your own templates.

    Example: ringfence template list
    """
    columns = [
        ("FAMILY", field("family")),
        ("FILE", field("name")),
        ("CHANGED", moment("changed_at")),
        ("BY", field("changed_by")),
    ]
    none = "No templates yet. Start from a built-in one: ringfence template show FAMILY FILE."
    return Listing("/templates", columns, empty=none)


@app.command()
def show(family: FamilyId, name: FileName, as_json: AsJson = False) -> None:
    """Print your template for a file, or the built-in one if you have none.

    Example: ringfence template show cisco-79xx device
    """
    client = hub()
    own = [row for row in client.items("/templates") if (row["family"], row["name"]) == (family, name)]
    if not own:
        own = [row for row in client.items(f"/families/{segment(family)}/files") if row["key"] == name]
    source = own[0]["source"] if own else client.get(_path(family, name))["source"]  # the hub says what is wrong
    if as_json:
        output.show_json({"family": family, "name": name, "source": source, "own": bool(own and "key" not in own[0])})
    else:
        output.show_text(source)


@app.command()
def put(
    family: FamilyId,
    name: FileName,
    file: Annotated[Path, typer.Argument(help="The template, a Jinja2 file.")],
    as_json: AsJson = False,
) -> None:
    """Store a template of your own; the next publish uses it.

    Example: ringfence template put generic '{mac}.cfg' snom.j2
    """
    kept = hub().put(_path(family, name), {"source": read_text(file)})
    output.tell(
        f"Template for {kept['family']} {kept['name']} stored. Next, see what it changes: ringfence publish --dry-run",
        kept,
        as_json=as_json,
    )


@app.command()
def remove(family: FamilyId, name: FileName, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a template of your own; the built-in one, if any, is used again.

    Example: ringfence template remove generic '{mac}.cfg'
    """
    confirm(f"Remove your template for {name} of {family}", yes=yes)
    hub().delete(_path(family, name))
    said = f"Template for {family} {name} removed. Next, see what that changes: ringfence publish --dry-run"
    output.tell(said, {"removed": {"family": family, "name": name}}, as_json=as_json)


def _path(family: str, name: str) -> str:
    return f"/templates/{segment(family)}/{segment(name)}"
