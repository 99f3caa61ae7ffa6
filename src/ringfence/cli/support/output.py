"""What commands print: tables for people, JSON for scripts."""

import datetime as dt
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:  # rich is loaded by the commands that print tables; the others start in half the time
    from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

Row = Mapping[str, Any]
"""Any: a JSON object of the API."""
Column = tuple[str, Callable[[Row], object]]
"""A column's heading, and how its cell is made from a row."""

_GAP = 2
"""Blanks between two columns."""
_LONGEST_WHOLE_WORD = 40
"""Longer words are folded."""


def console(width: int | None = None) -> "Console":
    """Return a console on standard output; a new one each time, so that it follows a redirection."""
    from rich.console import Console

    return Console(soft_wrap=False, highlight=False, width=width)


def say(text: str) -> None:
    """Print a sentence as it is, without wrapping or markup."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show_json(value: object) -> None:
    """Print JSON, indented."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def show_table(rows: Sequence[Row], columns: Sequence[Column], *, empty: str) -> None:
    """Print rows as a table; without rows print ``empty``, which says what to do next.

    No word is broken, for it may be an identifier: where the words need more room than a terminal has, each row becomes
    a block of lines; elsewhere the table takes the room.
    """
    if not rows:
        say(empty)
        return
    from rich.table import Table
    from rich.text import Text

    out = console()
    headings = [heading for heading, _cell in columns]
    cells = [[_shown(cell(row)) for _heading, cell in columns] for row in rows]
    narrowest = [max(map(_longest_word, texts)) for texts in zip(headings, *cells, strict=True)]
    needed = sum(narrowest) + _GAP * (len(columns) - 1)
    if needed > out.width and out.is_terminal:
        _show_blocks(headings, cells)
        return
    widest = [max(map(_width, texts)) for texts in zip(headings, *cells, strict=True)]
    widths = _fitted(narrowest, widest, max(needed, out.width) - _GAP * (len(columns) - 1))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, width in zip(headings, widths, strict=True):
        table.add_column(heading, overflow="fold", width=width)
    for texts in cells:
        table.add_row(*map(Text, texts))
    console(width=max(needed, out.width)).print(table)


def _show_blocks(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    title_width = max(map(len, headings))
    for number, texts in enumerate(cells):
        if number:
            say("")
        for heading, text in zip(headings, texts, strict=True):
            if text:
                say(f"{heading:<{title_width}}  {text}")


def _fitted(narrowest: Sequence[int], widest: Sequence[int], room: int) -> list[int]:
    """Return the columns' widths: all their text where there is room, and never less than their longest word."""
    widths = list(widest)
    while sum(widths) > room:
        longest = max(range(len(widths)), key=lambda at: (widths[at] > narrowest[at], widths[at]))
        widths[longest] -= 1
    return widths


def _longest_word(text: str) -> int:
    return min(max(map(_width, text.split()), default=0), _LONGEST_WHOLE_WORD)


def _width(text: str) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, text.split("\n")))


def field(name: str) -> Callable[[Row], object]:
    """Return a function that takes one field of a row."""
    return lambda row: row.get(name)


def moment(name: str) -> Callable[[Row], object]:
    """Return a function that takes one field of a row, a time in Unix seconds or ISO 8601, as local time."""
    return lambda row: when(row.get(name))


def when(value: object) -> str:
    """Return a time (Unix seconds or ISO 8601) as local time, to the second."""
    if not value:
        return ""
    if isinstance(value, int | float):
        return f"{dt.datetime.fromtimestamp(value, dt.UTC).astimezone():%Y-%m-%d %H:%M:%S}"
    return f"{dt.datetime.fromisoformat(str(value)).astimezone():%Y-%m-%d %H:%M:%S}"


def show_diff(text: str) -> None:
    """Print a unified diff, coloured on a terminal."""
    from rich.text import Text

    styles = {"+": "green", "-": "red", "@": "cyan"}
    out = console()
    for line in text.splitlines():
        style = "bold" if line.startswith(("+++", "---")) else styles.get(line[:1], "")
        out.print(Text(line, style=style), soft_wrap=True)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def fetched(row: Row) -> str:
    """Return how much of a release an edge has fetched; empty where it is fetching none."""
    done, total = row["fetched_bytes"], row["fetching_bytes"]
    return f"{done / 1e6:.1f} of {total / 1e6:.1f} MB, {100 * done // total} %" if total else ""
