"""``ringfence publish``: publish changes to the phones."""

from collections.abc import Sequence
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.api import PeoplesApi
from ringfence.cli.support.connection import hub
from ringfence.cli.support.errors import PhonesLeftOut
from ringfence.cli.support.output import AsJson, Row
from ringfence.counted import counted, some

_MOST_SITES = 20
"""How many sites are listed one by one."""


def publish(
    sites: Annotated[
        list[str] | None, typer.Argument(metavar="SITE…", help="Only these sites; all by default.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show how each file changes; secrets are masked.")] = False,
    comment: Annotated[str, typer.Option(help="The reason, for the list of releases.")] = "",
    as_json: AsJson = False,
) -> None:
    """Publish changes: a new release for each site whose files changed.

    A phone whose files can't be made is left out and named: it keeps the files that it has, and the others are
    published. A file for all phones that holds a secret is not published. Sites that are held get no release.

    Example: ringfence publish --dry-run --diff
    """
    order = {"dry_run": dry_run, "sites": sites or None, "comment": comment, "diffs": diff or as_json}
    result = hub().post("/publish", order)
    if as_json:
        output.show_json(result)
    else:
        with output.paged():
            show_publication(result, diff=diff)
    _raise_left_out(result["left_out"], result["counts"]["left_out"])
    if result["refused_files"]:
        first = result["refused_files"][0]
        raise PhonesLeftOut(f"a file was not published: {first['what']}", where=first["where"], to_do=first["to_do"])


def show_publication(result: Row, *, diff: bool) -> None:
    """Print what a publish did, or would do."""
    changed, counts, dry_run = result["sites"], result["counts"], result["dry_run"]
    verb = "would change" if dry_run else "changed"
    of_all = f" ({counted(counts['files'], 'file')}, {counted(counts['phones'], 'phone')})" if changed else ""
    summary = f"{counted(counts['sites'], 'site')} {verb}{of_all}, {result['unchanged']} unchanged"
    if diff:
        output.say(f"{summary}.")
    for site in changed if diff else changed[:_MOST_SITES]:
        outcome = "would get a new release" if dry_run else f"now has release {site['release']}"
        by = f"; edited by {some(site['edited_by'], 5)}" if site["edited_by"] else ""
        of = f"{_what_changed(site)}, {counted(site['phones'], 'phone')}{by}"
        output.say(f"Site {site['site']} {outcome} (before: {site['previous'] or 'none'}): {of}.")
        for file in site["files"] if diff else ():
            output.say(f"  {file['change']}: {file['name']}")
            output.show_diff(file["diff"])
        if diff and site["file_count"] > len(site["files"]):
            output.say(f"  and {counted(site['file_count'] - len(site['files']), 'more file')}")
    more_sites = counts["sites"] - (len(changed) if diff else min(len(changed), _MOST_SITES))
    if more_sites:
        output.say(f"And {counted(more_sites, 'more site')}.")
    _show_waiting(result)
    by_pbx = counts["told_by_pbx"]
    if by_pbx:
        tells = "has no edge that tells it" if by_pbx == 1 else "have no edge that tells them"
        output.say(f"{counted(by_pbx, 'phone')} {tells}; the hub does, by PBX: ringfence phone orders")
    for site in result["held"]:
        why = f": {site['reason']}" if site["reason"] else ""
        output.say(
            f"Site {site['site']} is held at release {site['release']} by {site['by']} since "
            f"{output.when(site['since'])}{why}. It gets no release. Look: ringfence publish {site['site']} --dry-run "
            f"--diff. Then decide: ringfence release resume {site['site']}"
        )
    _show_asked_for(result["asked_for"])
    _show_left_out(result["left_out"])
    _show_more(result)
    for file in result["refused_files"]:
        output.say(f"Not published: {file['what']} ({file['where']}).")
        output.say(f"  {file['to_do']}")
    more = " --diff shows how." if dry_run and changed and not diff else ""
    output.say(f"{summary}, in {result['seconds']:.2f} s.{more}")


def _what_changed(site: Row) -> str:
    files: Sequence[Row] = site["files"]
    if len(files) < site["file_count"]:
        return f"{counted(site['file_count'], 'file')} changed"
    counts = [(counted(sum(file["change"] == change for file in files), "file"), change) for change in _CHANGES]
    return ", ".join(f"{count} {change}" for count, change in counts if not count.startswith("0 "))


def _show_more(result: Row) -> None:
    """Print of how much an answer has only the first."""
    lists = {
        "left_out": "left out", "asked_for": "without the firmware that is set", "without_line": "without a line",
        "waiting": "waiting for firmware",
    }  # fmt: skip
    for name, said in lists.items():
        if more := result["counts"][name] - len(result[name]):
            output.say(f"And {counted(more, 'more phone')} {said}.")
    if more := result["counts"]["held"] - len(result["held"]):
        output.say(f"And {counted(more, 'more site')} held.")


_CHANGES = ("added", "changed", "removed")


def _show_waiting(result: Row) -> None:
    if result["without_line"]:
        output.say(
            f"Phones without a line get no file: {some(result['without_line'])}. "
            "Next: ringfence line set MAC 1 --name USER"
        )
    by_load: dict[str, list[str]] = {}
    for mac, load in result["waiting"].items():
        by_load.setdefault(load, []).append(mac)
    for load, macs in by_load.items():
        gets = "Phone" if len(macs) == 1 else "Phones"
        output.say(
            f"{gets} {some(macs)} {'gets' if len(macs) == 1 else 'get'} {load} once "
            f"{'its' if len(macs) == 1 else 'their'} site's edges have it: ringfence firmware status {load}"
        )
    for edge in result["waiting_for"]:
        output.say(
            f"{output.away_edge(edge)} Revoke it (ringfence edge revoke {edge['edge']}), or let site {edge['site']} "
            f"wait for less time: ringfence site change {edge['site']} --firmware-waits 1h"
        )


def _show_asked_for(asked: Sequence[Row]) -> None:
    """Print which firmware is missing, and which phones keep what they run until it is imported."""
    by_fault: dict[str, list[Row]] = {}
    for phone in asked:
        by_fault.setdefault(phone["what"].replace(phone["mac"], "MAC"), []).append(phone)
    for what, phones in by_fault.items():
        names = some([phone["mac"] for phone in phones])
        said = phones[0]["what"] if len(phones) == 1 else what.replace("phone MAC", "each")
        keep = "It keeps" if len(phones) == 1 else f"{counted(len(phones), 'phone')} ({names}) keep"
        output.say(f"Firmware is missing: {said}. {keep} the present firmware until then. {phones[0]['to_do']}")


def _show_left_out(left: Sequence[Row]) -> None:
    """Print the phones that were left out, those with the same fault together."""
    by_fault: dict[tuple[str, str], list[Row]] = {}
    for phone in left:
        by_fault.setdefault((phone["what"].replace(phone["mac"], "MAC"), phone["to_do"]), []).append(phone)
    for (what, to_do), phones in by_fault.items():
        if len(phones) == 1:
            where = f" ({phones[0]['where']})" if phones[0]["where"] else ""
            output.say(f"Left out: phone {phones[0]['mac']} of site {phones[0]['site']}: {phones[0]['what']}{where}.")
        else:
            names = some([phone["mac"] for phone in phones])
            output.say(f"Left out: {counted(len(phones), 'phone')} ({names}): {what}.")
        if to_do:
            output.say(f"  {to_do}")


def _raise_left_out(left: Sequence[Row], count: int) -> None:
    if not left:
        return
    first = left[0]
    if len(left) == 1:
        what = f"phone {first['mac']} was left out and keeps the files that it has: {first['what']}"
        raise PhonesLeftOut(what, where=first["where"], to_do=first["to_do"])
    raise PhonesLeftOut(
        f"{counted(count, 'phone')} were left out and keep the files that they have",
        where=some([phone["mac"] for phone in left], 5),
        to_do="Correct what is said above and publish again.",
    )


def what_comes(client: PeoplesApi, site: str) -> str:
    """Return in a sentence what the next publish brings to a site."""
    found = client.post("/publish", {"dry_run": True, "sites": [site], "diffs": False})
    would, files, phones = found["sites"], found["counts"]["files"], found["counts"]["phones"]
    if not would:
        return "The next publish changes nothing there."
    by = sorted({who for each in would for who in each["edited_by"]})
    edited = f", edited by {some(by, 5)}" if by else ""
    return (
        f"The next publish, whoever orders it, changes {counted(files, 'file')} of {counted(phones, 'phone')} "
        f"there{edited}. To see how: ringfence publish {site} --dry-run --diff"
    )
