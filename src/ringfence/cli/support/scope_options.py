"""Options of commands that give access: which sites and groups of the organisation it is for."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ringfence.cli.support.output import Row

ToSites = Annotated[
    list[str] | None,
    typer.Option("--site", help="A site that it is for, by id, and none but those named; can be repeated."),
]
ToGroups = Annotated[
    list[str] | None,
    typer.Option("--group", help="A group whose phones it is for, by id, and none but those named; can be repeated."),
]


def scope_in_json(sites: Sequence[str] | None, groups: Sequence[str] | None) -> dict[str, Any]:
    """Return what a request says of a scope: nothing where no site and no group is named. Any: JSON."""
    return {"limited_to": {"sites": list(sites or ()), "groups": list(groups or ())}} if sites or groups else {}


def scope_in_words(row: Row) -> str:
    """Return the scope in an answer, as a table shows it."""
    limited_to = row["limited_to"]
    if limited_to is None:
        return "all"
    return ", ".join([*limited_to["sites"], *(f"group {each}" for each in limited_to["groups"])]) or "nothing"
