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


def console() -> "Console":
    """Return a console on standard output; a new one each time, so that it follows a redirection."""
    from rich.console import Console  # noqa: PLC0415 - see above

    return Console(soft_wrap=False, highlight=False)


def say(text: str) -> None:
    """Print a sentence as it is, without wrapping or markup."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show_json(value: object) -> None:
    """Print JSON, indented."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def show_table(rows: Sequence[Row], columns: Sequence[Column], *, empty: str) -> None:
    """Print rows as a table; without rows print ``empty``, which says what to do next."""
    if not rows:
        say(empty)
        return
    from rich.table import Table  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, _cell in columns:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(cell(row))) for _heading, cell in columns))
    console().print(table)


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
    from rich.text import Text  # noqa: PLC0415 - see above

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
