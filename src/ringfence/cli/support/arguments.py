"""Arguments that many commands have, with what a shell may complete them to: the hub is asked for sites and phones."""

from typing import Annotated

import typer

_ASKED_FOR_S = 2
"""How long a shell waits for the hub; then it completes nothing."""
_MOST_COMPLETIONS = 100


def complete_site(incomplete: str) -> list[tuple[str, str]]:
    """Return the sites whose id begins so, with their names."""
    return [(row["id"], row["name"]) for row in _found("/sites", incomplete) if row["id"].startswith(incomplete)]


def complete_phone(incomplete: str) -> list[tuple[str, str]]:
    """Return the phones whose address begins so, with what they are and where."""
    rows = _found("/phones", incomplete)
    return [
        (_in_notation(row["mac"], incomplete), " ".join(filter(None, (row["model"], row["site"], row["description"]))))
        for row in rows
        if _bare(row["mac"]).startswith(_bare(incomplete))
    ]


def _found(path: str, begun: str) -> list[dict[str, str]]:
    """Return what the hub finds; nothing where it can't be asked: a shell has no place for an error."""
    from ringfence.cli.support.api import PeoplesApi, load_login
    from ringfence.errors import RingfenceError

    try:
        found = PeoplesApi(load_login(), timeout_s=_ASKED_FOR_S).items(
            path, limit=_MOST_COMPLETIONS, search=begun or None
        )
    except RingfenceError:
        return []
    return [{name: str(value or "") for name, value in row.items()} for row in found]


def _in_notation(mac: str, begun: str) -> str:
    """Return an address with colons, or in the notation that somebody began to type: shells compare letter by letter.

    A colon ends a word for some shells, so an address that is begun without one is completed without.
    """
    bare = _bare(mac)
    if len(begun) > 2 and not set(begun) & set(":-."):  # noqa: PLR2004 - two digits have no separator yet
        return bare.lower() if begun.islower() else bare
    mark = "-" if "-" in begun else ":"
    text = mark.join(bare[at : at + 2] for at in range(0, len(bare), 2))
    return text.lower() if begun.islower() else text


def _bare(mac: str) -> str:
    return "".join(letter for letter in mac if letter.isalnum()).upper()


MacAddress = Annotated[
    str,
    typer.Argument(
        metavar="MAC", help="The MAC address in any usual notation, or as SEP….", autocompletion=complete_phone
    ),
]
Site = Annotated[
    str, typer.Argument(help="The site's id, as `ringfence site list` shows it.", autocompletion=complete_site)
]
OnlySite = Annotated[str | None, typer.Option("--site", help="Only this site.", autocompletion=complete_site)]
OnlyPhone = Annotated[
    str | None, typer.Option("--phone", metavar="MAC", help="Only this phone.", autocompletion=complete_phone)
]
