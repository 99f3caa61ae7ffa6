"""Many phones at once: the option for it, and the outcome in words."""

from typing import Annotated, Any

import typer

from ringfence.cli.support import output
from ringfence.cli.support.errors import BadArgument
from ringfence.counted import counted, some

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and change nothing.")]

Json = dict[str, Any]
"""Any: JSON of the API."""


def refusal(row: int, column: str, what: str) -> Json:
    """Return why one entry can't be used, in the hub's form."""
    return {"row": row, "column": column, "what": what, "where": "", "to_do": ""}


def say_outcome(done: Json, *, dry_run: bool, names_phones: bool = True) -> None:
    """Print what was refused, row by row, or what was made and how much was added, changed and left as it was.

    ``names_phones``: whether a dry run names the phones that would be new.
    """
    for each in done["refusals"]:
        place = ", ".join(
            part
            for part in (
                f"row {each['row']}" if each["row"] else "",
                f"column {each['column']}" if each["column"] else "",
            )
            if part
        )
        where = f" ({each['where']})" if each["where"] else ""
        output.say(f"{place}: {each['what']}{where}. {each['to_do']}".rstrip())
    if done["refusals"]:
        return
    would = "would be " if dry_run else ""
    for kind, names in (("site", done["sites_made"]), ("group", done["groups_made"])):
        if names:
            output.say(f"{counted(len(names), kind)} {would}created: {', '.join(names)}.")
    if dry_run and names_phones and done["phones_added"]:
        output.show_paragraph(f"New: {some(done['phones_added'], _MOST_NAMED)}.", "")
    for shared in done["shared_users"]:
        phones = f"{counted(len(shared['phones']), 'phone')}: {some(shared['phones'])}"
        output.show_paragraph(f"The SIP user {shared['name']} is on {phones}.", "")
    unchanged = f"{done['changed']} changed, {done['unchanged']} unchanged"
    taken = f"{counted(done['added'], 'phone')} {would}added, {unchanged}"
    output.say(f"Dry run: {taken}." if dry_run else f"{taken}. Next, see their files: ringfence publish --dry-run")


_MOST_NAMED = 50


def raise_refusals(done: Json, where: str) -> None:
    """Raise BadArgument if something was refused, so that the command fails."""
    if done["refusals"]:
        count = len(done["refusals"])
        raise BadArgument(
            f"nothing was imported, as {counted(count, 'entry', 'entries')} can't be used",
            where=where,
            to_do="Correct what is listed above and try again.",
        )
