"""``ringfence release``: list, show, compare and roll back releases."""

from typing import Annotated

import typer

from ringfence.cli import publish_cmd
from ringfence.cli.support import output
from ringfence.cli.support.api import PeoplesApi
from ringfence.cli.support.arguments import Site
from ringfence.cli.support.connection import hub, site_path
from ringfence.cli.support.errors import NoRelease
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import (
    AsJson,
    Row,
    field,
    moment,
)
from ringfence.cli.support.questions import Yes, confirm
from ringfence.counted import counted, some

app = typer.Typer(help="Releases: what was published for a site, and rollback.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="The release's number.", min=1)]
_MOST_EDITORS = 5
NumberOrNewest = Annotated[int | None, typer.Argument(help="The release's number; the newest by default.", min=1)]


@app.command("list")
@lists
def list_releases(site: Site) -> Listing:
    """List a site's releases, newest first.

    Example: ringfence release list home-office-anna
    """
    columns = [
        ("RELEASE", field("number")),
        ("MADE", moment("created_at")),
        ("BY", field("author")),
        ("FILES", lambda row: row.get("file_count", len(row.get("files", [])))),
        ("COMMENT", field("comment")),
    ]
    return Listing(f"{site_path(site)}/releases", columns, empty="No releases yet. Publish one: ringfence publish.")


@app.command()
def show(site: Site, number: NumberOrNewest = None, as_json: AsJson = False) -> None:
    """Show a release and its files.

    Example: ringfence release show home-office-anna 3
    """
    client = hub()
    release = client.get(f"{site_path(site)}/releases/{number or _newest(client, site)}")
    if as_json:
        output.show_json(release)
        return
    output.say(
        f"Release {release['number']} of {site}, created {output.when(release['created_at'])} by {release['author']}."
    )
    columns = [
        ("FILE", field("name")),
        ("BYTES", field("length")),
        ("KIND", field("kind")),
        ("FOR", _owner),
        ("SHA-256", lambda row: str(row["digest"])[:16]),
    ]
    output.show_table(release["files"], columns, empty="This release has no files.")


def _newest(client: PeoplesApi, site: str) -> int:
    newest = client.items(f"{site_path(site)}/releases", limit=1)
    if not newest:
        raise NoRelease(f"site {site} has no release yet", to_do="Publish one: ringfence publish.")
    return int(newest[0]["number"])


def _owner(row: Row) -> str:
    return row.get("owner") or "every phone of the site"


@app.command()
def diff(
    site: Site,
    number: NumberOrNewest = None,
    against: Annotated[int | None, typer.Option(help="The release to compare with; the one before by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a release changed; secrets are masked.

    Example: ringfence release diff home-office-anna 3 --against 1
    """
    client = hub()
    result = client.get(f"{site_path(site)}/releases/{number or _newest(client, site)}/diff", against=against)
    if as_json:
        output.show_json(result)
        return
    with output.paged():
        for file in result["files"]:
            output.say(f"{file['change']}: {file['name']}")
            output.show_diff(file["diff"])
    if not result["files"]:
        output.say("The two releases hold the same files.")


@app.command()
def edits(site: Site, number: NumberOrNewest = None, as_json: AsJson = False) -> None:
    """Show what was edited since a release: what a roll-back to it takes away, and what the next publish brings.

    Example: ringfence release edits home-office-anna 2
    """
    client = hub()
    found = _edits_since(client, site, number or _newest(client, site))
    if as_json:
        output.show_json(found)
        return
    columns = [
        ("WHEN", moment("at")),
        ("BY", field("who")),
        ("EDIT", field("action")),
        ("OF", field("subject")),
        ("DETAIL", field("detail")),
        ("PUBLISHED", field("is_published")),
    ]
    output.say(_in_numbers(found))
    if found["edits"]:
        output.show_table(found["edits"], columns, empty="")
    if found["count"] > len(found["edits"]):
        output.say(f"These are the newest {len(found['edits'])} of {found['count']:,}.")


def _edits_since(client: PeoplesApi, site: str, number: int) -> Row:
    return client.get(f"{site_path(site)}/releases/{number}/edits")


def _in_numbers(found: Row) -> str:
    """Return in a sentence how much was edited since a release, and by whom."""
    if not found["count"]:
        return f"The audit log knows of no edit since release {found['number']}."
    kinds = ", ".join(counted(number, kind) for kind, number in found["kinds"].items())
    by = some([f"{each['who']} ({each['edits']})" for each in found["editors"]], _MOST_EDITORS)
    older = "" if found["is_all"] else ", and older ones that the audit log has"
    return f"{counted(found['count'], 'edit')} since release {found['number']}{older}, by {by}: {kinds}."


def _say_what_goes(client: PeoplesApi, site: str, number: int) -> None:
    """Say what a roll-back takes from phones, and what comes back with the next publish."""
    found = _edits_since(client, site, number)
    files = client.get(f"{site_path(site)}/releases/{number}/diff", against=found["newest"])["files"]
    output.say(_in_numbers(found))
    command = f"ringfence release diff {site} {number} --against {found['newest']}"
    output.say(f"{counted(len(files), 'file')} would change: {command}")
    if found["count"]:
        output.say(
            f"Phones lose {counted(found['published'], 'edit')} that they have now. All {found['count']:,} come back "
            f"with the next publish, unless undone: ringfence release edits {site} {number}"
        )
    if found["kinds"].get("password"):
        output.say(
            "SIP passwords were changed since. A phone that goes back to an old one registers only if its PBX still "
            "accepts that."
        )


@app.command()
def rollback(site: Site, number: Number, yes: Yes = False, as_json: AsJson = False) -> None:
    """Create a new release with the content of an old one, and hold the site; first say what that takes away.

    The settings stay as they are, so a publish would bring their content back. That is why the site is held: it gets
    no release until somebody ends the hold with ringfence release resume.

    Example: ringfence release rollback home-office-anna 2
    """
    client = hub()
    if not as_json:
        _say_what_goes(client, site, number)
    confirm(f"Bring release {number} back to site {site}, and hold the site", yes=yes)
    made = client.post(f"{site_path(site)}/releases/{number}/rollback")
    if as_json:
        output.show_json(made)
        return
    output.say(f"Release {made['number']} of {site} created, with the content of release {number}.")
    output.say(
        f"The site is held: publishing leaves it out, because the settings would bring the newer content back. To see "
        f"that: ringfence publish {site} --dry-run --diff. When they are corrected: ringfence release resume {site}"
    )


@app.command()
def hold(
    site: Site, reason: Annotated[str, typer.Option(help="The reason, for others.")] = "", as_json: AsJson = False
) -> None:
    """Hold a site: publishing leaves it out until somebody decides.

    Example: ringfence release hold home-office-anna --reason "Anna is on stage until six"
    """
    held = hub().put(f"{site_path(site)}/releases/hold", {"reason": reason})
    if as_json:
        output.show_json(held)
    else:
        output.say(
            f"Site {site} is held at release {held['release'] or 'none'}. To end that: ringfence release resume {site}"
        )


@app.command()
def resume(site: Site, as_json: AsJson = False) -> None:
    """End a site's hold: the next publish brings what was edited meanwhile.

    Where the hub was restored from a copy and is in doubt of the site, it goes on with what it has.

    Example: ringfence release resume home-office-anna
    """
    client = hub()
    done = client.delete(f"{site_path(site)}/releases/hold")
    if as_json:
        output.show_json(done)
        return
    if done["release"] is not None:
        output.say(f"Release {done['release']} goes on with what the hub has, above all that the site's edges have.")
    output.say(f"Site {site} takes part in publishing again. {publish_cmd.what_comes(client, site)}")
