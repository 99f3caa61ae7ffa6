"""What commands print: tables for people, JSON for scripts. Nothing that comes from outside reaches a terminal raw."""

import datetime as dt
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

Row = Mapping[str, Any]
"""Any: a JSON object of the API."""
Column = tuple[str, Callable[[Row], object]]
"""A column's heading, and how its cell is made from a row."""

_GAP = "  "
"""Between two columns."""
_UNDER = "    "
"""Before a long text that stands under its row."""
_LONG_TEXT = 24
"""Columns that are wider, and whose cells have several words, may go under the row."""

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Control characters but for tab and newline, marks that reorder text, and what no terminal can show."""


def clean(text: str) -> str:
    """Return a text whose control characters and marks are written out, as escapes: it moves and hides nothing."""
    return _UNSAFE.sub(_written_out, text)


def clean_line(text: str) -> str:
    """Return a text as one line, cleaned."""
    return clean(text).replace("\n", "\\n").replace("\t", " ")


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - the two forms of an escape


def say(text: str) -> None:
    """Print a sentence as it is, without wrapping or markup; what a terminal would obey is written out."""
    sys.stdout.write(clean(text) + "\n")
    sys.stdout.flush()


def show_text(text: str) -> None:
    """Print the text of a file: exactly, but on a terminal cleaned."""
    sys.stdout.write(clean(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def show_json(value: object) -> None:
    """Print JSON, indented."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # These stand inside strings only, where JSON has an escape for them.
    sys.stdout.write(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")
    sys.stdout.flush()


def tell(sentence: str, value: object, *, as_json: bool) -> None:
    """Print what was done: a sentence for people, or a value for scripts."""
    if as_json:
        show_json(value)
    else:
        say(sentence)


def show_table(rows: Sequence[Row], columns: Sequence[Column], *, empty: str) -> None:
    """Print rows as a table; without rows print ``empty``, which says what to do next.

    No word is broken, for it may be an identifier. On a terminal long texts go under their row where there is no room
    for them; where that is not enough, each row becomes a block of lines. Elsewhere a row is always one line.
    """
    if not rows:
        say(empty)
        return
    with paged():
        _show_table(rows, columns)


def _show_table(rows: Sequence[Row], columns: Sequence[Column]) -> None:
    headings = [heading for heading, _cell in columns]
    cells = [[clean_line(shown(cell(row))) for _heading, cell in columns] for row in rows]
    if not sys.stdout.isatty():
        _show_grid(headings, cells, under=(), width=0)
        return
    width = shutil.get_terminal_size().columns
    under = _to_go_under(headings, cells, width)
    if under is None:
        _show_blocks(headings, cells)
    else:
        _show_grid(headings, cells, under=under, width=width)


@contextmanager
def paged() -> Iterator[None]:
    """Show what the block prints in the pager that PAGER names, or ``less``, where it is longer than the terminal.

    Where it fits, where PAGER is empty, and where people do not sit in front of it, it is printed as ever.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("PAGER") == "" or _is_collecting():
        yield
        return
    with redirect_stdout(_Collected()) as collected:
        yield
    text = collected.getvalue()
    if text.count("\n") < shutil.get_terminal_size().lines:
        sys.stdout.write(text)
        return
    pager = os.environ.get("PAGER", "less")
    environment = {"LESS": "FRX", **os.environ}  # leave at once if it fits after all, colours, and keep it on screen
    try:
        subprocess.run(shlex.split(pager), input=text, text=True, env=environment, check=False)  # noqa: S603 - the user's
    except (OSError, ValueError):
        sys.stdout.write(text)


class _Collected(StringIO):
    """What is printed for a terminal, until it is known how long it is."""

    def isatty(self) -> bool:
        return True


def _is_collecting() -> bool:
    return isinstance(sys.stdout, _Collected)


def show_paragraph(text: str, indent: str, hanging: str = "") -> None:
    """Print a text with its lines indented: folded between words on a terminal, elsewhere on one line.

    All lines after the first begin with ``hanging`` besides.
    """
    words = clean_line(text).split()
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    line = ""
    for word in words:
        if columns and line and _width(indent) + _width(line) + 1 + _width(word) > columns:
            say(indent + line)
            indent += hanging
            hanging, line = "", word
        else:
            line = f"{line} {word}" if line else word
    if line:
        say(indent + line)


def _to_go_under(headings: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> tuple[int, ...] | None:
    """Return which columns go under their rows so that the others fit; None if that does not help."""
    widths = _widths(headings, cells)
    texts = [
        at for at in range(1, len(headings)) if widths[at] > _LONG_TEXT and any(" " in texts[at] for texts in cells)
    ]
    under: list[int] = []
    while sum(wide for at, wide in enumerate(widths) if at not in under) + _gaps(len(widths) - len(under)) > width:
        if not texts:
            return None
        widest = max(texts, key=lambda at: widths[at])
        texts.remove(widest)
        under.append(widest)
    return tuple(sorted(under))


def _show_grid(headings: Sequence[str], cells: Sequence[Sequence[str]], *, under: Sequence[int], width: int) -> None:
    widths = _widths(headings, cells)
    shown = [at for at in range(len(headings)) if at not in under]
    head = _line(headings, shown, widths)
    say_styled(head, "1") if width else say(head)
    for texts in cells:
        say(_line(texts, shown, widths))
        for at in under:
            if texts[at]:
                show_paragraph(texts[at], _UNDER)


def _show_blocks(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    title_width = max(map(len, headings))
    for number, texts in enumerate(cells):
        if number:
            say("")
        for heading, text in zip(headings, texts, strict=True):
            if text:
                say(f"{heading:<{title_width}}  {text}")


def _line(texts: Sequence[str], shown: Sequence[int], widths: Sequence[int]) -> str:
    return _GAP.join(texts[at] + " " * (widths[at] - _width(texts[at])) for at in shown).rstrip()


def _widths(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(_width, texts)) for texts in zip(headings, *cells, strict=True)]


def _gaps(columns: int) -> int:
    return len(_GAP) * (columns - 1)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # loaded only for what is wider or narrower than a letter

    return cell_len(text)


def say_styled(text: str, style: str) -> None:
    """Print a line in a style (an SGR number), for a terminal."""
    sys.stdout.write(f"\x1b[{style}m{clean(text)}\x1b[0m\n")


def show_diff(text: str) -> None:
    """Print a unified diff, coloured on a terminal."""
    with paged():
        _show_diff(text)


def _show_diff(text: str) -> None:
    styles = {"+": "32", "-": "31", "@": "36"}
    for line in text.splitlines():
        style = "1" if line.startswith(("+++", "---")) else styles.get(line[:1], "")
        if style and sys.stdout.isatty():
            say_styled(line, style)
        else:
            say(line)


def field(name: str) -> Callable[[Row], object]:
    """Return a function that takes one field of a row."""
    return lambda row: row.get(name)


def moment(name: str) -> Callable[[Row], object]:
    """Return a function that takes one field of a row, a time in Unix seconds or ISO 8601, as local time."""
    return lambda row: when(row.get(name))


def when(value: object) -> str:
    """Return a time (Unix seconds or ISO 8601) as local time, to the second; one that is no date is shown as it is."""
    if not value:
        return ""
    try:
        if isinstance(value, int | float):
            moment_of = dt.datetime.fromtimestamp(value, dt.UTC)
        else:
            moment_of = dt.datetime.fromisoformat(str(value))
        return f"{moment_of.astimezone():%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return f"no date ({str(value)[:24]})"


def shown(value: object) -> str:
    """Return the text that a cell shows."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def fetched(row: Row) -> str:
    """Return how much of a release an edge has fetched; empty where it is fetching none."""
    done, total = row["fetched_bytes"], row["fetching_bytes"]
    return f"{done / 1e6:.1f} of {total / 1e6:.1f} MB, {100 * done // total} %" if total else ""


def edge_name(edge: Row) -> str:
    """Return an edge's id, with its host name where it has one."""
    return f"{edge['edge']} ({edge['hostname']})" if edge["hostname"] else str(edge["edge"])


def away_edge(edge: Row) -> str:
    """Return in words since when an edge is away, and until when firmware waits for it."""
    since = f"since {when(edge['last_seen'])}" if edge["last_seen"] else "since it was enrolled"
    return f"Edge {edge_name(edge)} is away {since} and holds firmware back until {when(edge['counts_until'])}."
