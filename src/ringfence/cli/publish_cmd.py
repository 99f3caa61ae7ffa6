"""``ringfence publish``: bring what changed to the phones."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.output import AsJson


def publish(
    sites: Annotated[
        list[str] | None, typer.Argument(metavar="SITE…", help="Only these sites; all by default.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    comment: Annotated[str, typer.Option(help="Why, for the list of releases.")] = "",
    as_json: AsJson = False,
) -> None:
    """Render every phone's files and make a new release for each site whose files changed.

    Example: ringfence publish --dry-run
    """
    result = hub().post("/publish", {"dry_run": dry_run, "sites": sites or None, "comment": comment})
    if as_json:
        output.show_json(result)
        return
    for site in result["sites"]:
        number = "would get a new release" if dry_run else f"has release {site['release']} now"
        output.say(f"Site {site['site']} {number} (before: {site['previous'] or 'none'}).")
        for file in site["files"]:
            output.say(f"  {file['change']}: {file['name']}")
            output.show_diff(file["diff"])
    verb = "would change" if dry_run else "changed"
    seconds = result["seconds"]
    if result["without_line"]:
        output.say(f"Without a line, so without a file: {', '.join(result['without_line'])}. Give them one: line set.")
    for mac, load in result["waiting"].items():
        output.say(f"Phone {mac} gets {load} as soon as its site's edges hold it: ringfence firmware status {load}")
    count = len(result["sites"])
    sites_word = "site" if count == 1 else "sites"
    output.say(f"{count} {sites_word} {verb}; unchanged: {result['unchanged']}. It took {seconds:.2f} s.")
