"""CSV tables, written so that spreadsheets run nothing of them.

A cell that a spreadsheet would take for a formula begins with an apostrophe in the file, which is removed again when it
is read (``csv_table.py``).
"""

import re
from collections.abc import Iterable, Sequence

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_TO_QUOTE = re.compile('[",;\r\n]|^\\s|\\s$')


def to_text(rows: Iterable[Sequence[object]]) -> str:
    """Write rows, the heading first."""
    return "".join(",".join(_encoded(str(cell)) for cell in row) + "\n" for row in rows)


def _encoded(cell: str) -> str:
    if _FORMULA.match(cell):
        cell = "'" + cell
    return '"' + cell.replace('"', '""') + '"' if _TO_QUOTE.search(cell) else cell
