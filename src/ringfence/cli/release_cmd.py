"""``ringfence release``: list, show, compare and roll back releases."""

from typing import Annotated

import typer

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

app = typer.Typer(help="Releases: what was published for a site, and rollback.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="The release's number.", min=1)]
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
def rollback(site: Site, number: Number, yes: Yes = False, as_json: AsJson = False) -> None:
    """Create a new release with the content of an old one, and hold the site.

    The settings stay as they are, so a publish would bring their content back. That is why the site is held: it gets
    no release until somebody ends the hold with ringfence release resume.

    Example: ringfence release rollback home-office-anna 2
    """
    confirm(f"Bring release {number} back to site {site}, and hold the site", yes=yes)
    made = hub().post(f"{site_path(site)}/releases/{number}/rollback")
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
    done = hub().delete(f"{site_path(site)}/releases/hold")
    if as_json:
        output.show_json(done)
        return
    if done["release"] is not None:
        output.say(f"Release {done['release']} goes on with what the hub has, above all that the site's edges have.")
    output.say(f"Site {site} takes part in publishing again. Next: ringfence publish {site} --dry-run")
