"""CSV tables as spreadsheets write them: whatever they made of one is read.

What ``csv_text.to_text`` writes is read back the same, whatever the cells hold.
"""

import csv
import io
import re
from dataclasses import dataclass

from ringfence.errors import BadInput

MOST_COLUMNS = 200
"""No table that is read here has nearly so many; each row is as wide as the heading."""
_SEPARATORS = ",;\t"
_SEPARATOR_ROW = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
_KEPT_FROM_FORMULAS = re.compile(r"'+[=+\-@\t\r]")
_TEXT_BY_FORMULA = re.compile(r'="(.*)"', re.DOTALL)
"""How Excel keeps the zeros of a text such as 0201."""


class BadTable(BadInput):
    """A text that can't be read as the table that it should be."""


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A heading, and rows of as many cells; each row with its number in the file, from 1."""

    heading: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    too_long: tuple[tuple[int, int], ...] = ()
    """Rows that have more cells than there are columns: number, cells."""


def from_text(text: str, where: str) -> CsvTable:
    """Read a table; rows without any text are left out.

    Args:
        text: The table, with any line ends, separated by commas, semicolons or tabs, with or without ``sep=``.
        where: The file's name, for errors.

    Raises:
        BadTable: It can't be read as a table, or has too many columns; the error names the line.
    """
    records = _records(text, where)
    number = 1
    if records and _SEPARATOR_ROW.fullmatch(_first_line(text)):
        records, number = records[1:], 2
    heading = _without_empty_end([cell.strip().lower() for cell in records[0]], 0) if records else []
    if len(heading) > MOST_COLUMNS:
        raise BadTable(
            f"the table has {len(heading):,} columns; {MOST_COLUMNS} are the most",
            where=f"{where}, line {number}",
            to_do="Check its line ends: the first row may be all of the file.",
        )
    rows: list[tuple[int, tuple[str, ...]]] = []
    too_long: list[tuple[int, int]] = []
    for at, record in enumerate(records[1:], number + 1):
        cells = _without_empty_end([_decoded(cell) for cell in record], len(heading))
        if len(cells) > len(heading):
            too_long.append((at, len(cells)))
        elif any(cell.strip() for cell in cells):
            rows.append((at, tuple(cells + [""] * (len(heading) - len(cells)))))
    return CsvTable(tuple(heading), tuple(rows), tuple(too_long))


def _records(text: str, where: str) -> list[list[str]]:
    # newline="" leaves the line ends to the reader, which knows all three; StringIO would not split at CR alone.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    try:
        return list(reader)
    except csv.Error as fault:
        raise BadTable(
            f"the table can't be read: {fault}",
            where=f"{where}, line {reader.line_num}",
            to_do="Check the quotation marks from there on.",
        ) from None


def _separator(text: str) -> str:
    first = _first_line(text)
    said = _SEPARATOR_ROW.fullmatch(first)
    return said[1] if said else max(_SEPARATORS, key=first.count)


def _first_line(text: str) -> str:
    return re.split("[\r\n]", text, maxsplit=1)[0]


def _without_empty_end(cells: list[str], kept: int) -> list[str]:
    """Return cells without the empty ones at the end, but for the first ``kept``."""
    while len(cells) > kept and not cells[-1].strip():
        cells.pop()
    return cells


def _decoded(cell: str) -> str:
    if by_formula := _TEXT_BY_FORMULA.fullmatch(cell):
        return by_formula[1].replace('""', '"')
    return cell[1:] if _KEPT_FROM_FORMULAS.match(cell) else cell
