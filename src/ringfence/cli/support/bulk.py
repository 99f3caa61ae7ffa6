"""Many phones at once: the option for it, and the outcome in words."""

from typing import Annotated, Any

import typer

from ringfence.cli.support import output
from ringfence.cli.support.counted import counted
from ringfence.cli.support.errors import BadArgument

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and change nothing.")]

Json = dict[str, Any]
"""Any: JSON of the API."""


def say_outcome(done: Json, *, dry_run: bool) -> None:
    """Print what was refused, row by row, or how much was added and changed."""
    for refusal in done["refusals"]:
        place = f"row {refusal['row']}, " if refusal["row"] else ""
        where = f" ({refusal['where']})" if refusal["where"] else ""
        output.say(f"{place}column {refusal['column']}: {refusal['what']}{where}. {refusal['to_do']}".rstrip())
    if done["kept"]:
        taken = f"{counted(done['added'], 'phone')} added, {done['changed']} changed"
        output.say(f"{taken}. Next, see their files: ringfence publish --dry-run")
    elif not done["refusals"] and dry_run:
        output.say(f"Dry run: {counted(done['added'], 'phone')} would be added, {done['changed']} changed.")


def raise_refusals(done: Json, where: str) -> None:
    """Raise BadArgument if something was refused, so that the command fails."""
    if done["refusals"]:
        count = len(done["refusals"])
        raise BadArgument(
            f"nothing was imported, as {counted(count, 'entry', 'entries')} can't be used",
            where=where,
            to_do="Correct what is listed above and try again.",
        )
