"""Questions: before what can't be undone, which ``--yes`` answers in scripts; and for secrets, which pipes answer."""

import getpass
import sys
from typing import Annotated

import typer

from ringfence.cli.support.errors import NotConfirmed
from ringfence.cli.support.output import clean_line

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking, as scripts must.")]


def confirm(what: str, *, yes: bool) -> None:
    """Ask whether to do ``what``, such as "Remove site x", unless the answer is ``yes`` already.

    Raises:
        NotConfirmed: The answer is no, or nobody can be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise NotConfirmed(
            f"nobody can be asked here: {what[0].lower()}{what[1:]}?", to_do="Add --yes if that is meant."
        )
    if not typer.confirm(f"{clean_line(what)}?", err=True):
        raise NotConfirmed("nothing was done", to_do="The answer was no.")


def typed_secret(what: str) -> str:
    """Ask for a secret, such as a "Password", which is not shown; or read it from a pipe, as a line."""
    return getpass.getpass(f"{what}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
