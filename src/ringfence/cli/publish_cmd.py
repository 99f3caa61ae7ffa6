"""``ringfence publish``: publish changes to the phones."""

from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.counted import counted
from ringfence.cli.support.output import AsJson


def publish(
    sites: Annotated[
        list[str] | None, typer.Argument(metavar="SITE…", help="Only these sites; all by default.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    comment: Annotated[str, typer.Option(help="The reason, for the list of releases.")] = "",
    as_json: AsJson = False,
) -> None:
    """Publish changes: a new release for each site whose files changed.

    Example: ringfence publish --dry-run
    """
    result = hub().post("/publish", {"dry_run": dry_run, "sites": sites or None, "comment": comment})
    if as_json:
        output.show_json(result)
        return
    for site in result["sites"]:
        outcome = "would get a new release" if dry_run else f"now has release {site['release']}"
        output.say(f"Site {site['site']} {outcome} (before: {site['previous'] or 'none'}).")
        for file in site["files"]:
            output.say(f"  {file['change']}: {file['name']}")
            output.show_diff(file["diff"])
    verb = "would change" if dry_run else "changed"
    seconds = result["seconds"]
    if result["without_line"]:
        output.say(
            f"Phones without a line get no file: {', '.join(result['without_line'])}. "
            "Next: ringfence line set MAC 1 --name USER"
        )
    for mac, load in result["waiting"].items():
        output.say(f"Phone {mac} gets {load} once its site's edges have it: ringfence firmware status {load}")
    count = counted(len(result["sites"]), "site")
    output.say(f"{count} {verb}, {result['unchanged']} unchanged, in {seconds:.2f} s.")
