"""Many phones at once: the option, and what came of it in words."""

from typing import Annotated, Any

import typer

from ringfence.cli.support import output
from ringfence.cli.support.errors import BadArgument

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would come of it, and change nothing.")]

Json = dict[str, Any]
"""Any: JSON of the API."""


def say_outcome(done: Json, *, dry_run: bool) -> None:
    """Print what was refused, row by row, or how much was taken."""
    for refusal in done["refusals"]:
        place = f"row {refusal['row']}, " if refusal["row"] else ""
        where = f" ({refusal['where']})" if refusal["where"] else ""
        output.say(f"{place}column {refusal['column']}: {refusal['what']}{where}. {refusal['to_do']}".rstrip())
    if done["kept"]:
        taken = f"{phones_in_words(done['added'])} added, {done['changed']} changed"
        output.say(f"{taken}. See their files: ringfence publish --dry-run")
    elif not done["refusals"] and dry_run:
        output.say(f"{phones_in_words(done['added'])} would be added, {done['changed']} changed. Nothing was changed.")


def phones_in_words(count: int) -> str:
    """Return a count of phones in words."""
    return "1 phone" if count == 1 else f"{count} phones"


def raise_refusals(done: Json, where: str) -> None:
    """Raise BadArgument where something was refused, so that the command fails."""
    if done["refusals"]:
        count = len(done["refusals"])
        raise BadArgument(
            f"{count} {'entry' if count == 1 else 'entries'} can't be taken, so none was",
            where=where,
            to_do="Mend them and try again.",
        )
