"""CSV tables: what is written reads back, whatever it holds, and what spreadsheets make of a table is read."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.csv_table import BadTable, CsvTable, from_text
from ringfence.csv_text import to_text
from ringfence.phones.importing import phone_table

HEADING = ("mac", "label", "password")
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["", "=1+1", '="0201"', "'=x", "''-2", "+49", "@x", "\t", "\r", '"', '""', ";", "sep=;", " a ", "a\r\nb", "\0"]
)


def read(text: str) -> list[tuple[str, ...]]:
    return [cells for _number, cells in from_text(text, "table").rows]


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT, ANY_TEXT), max_size=5))
def test_what_is_written_reads_back_the_same(rows: list[tuple[str, str, str]]) -> None:
    text = to_text([HEADING, *rows])
    assert from_text(text, "table").heading == HEADING
    assert read(text) == [row for row in rows if any(cell.strip() for cell in row)]


@given(ANY_TEXT)
def test_no_cell_is_a_formula(cell: str) -> None:
    (row,) = csv.reader(io.StringIO(to_text([("x", cell)]), newline=""))
    assert not row[1].startswith(("=", "+", "-", "@", "\t", "\r"))


ROWS = [("001B54E10001", "Anna", ""), ("001B54E10002", 'B "x"; y', "p")]


@pytest.mark.parametrize(
    "text",
    [
        'mac,label,password\n001B54E10001,Anna,\n001B54E10002,"B ""x""; y",p\n',
        'mac;label;password\r\n001B54E10001;Anna\r\n001B54E10002;"B ""x""; y";p\r\n',
        'mac,label,password\r001B54E10001,Anna,\r\r001B54E10002,"B ""x""; y",p',
        'sep=;\r\nmac;label;password\r\n001B54E10001;Anna;\r\n001B54E10002;"B ""x""; y";p',
        '"sep=;"\nmac;label;password;;\n001B54E10001;Anna;;;;;\n;;;\n001B54E10002;"B ""x""; y";p;;',
        'mac\tlabel\tpassword\t\n="001B54E10001"\tAnna\n001B54E10002\t"B ""x""; y"\t"=""p"""\n',
    ],
    ids=["commas", "semicolons", "CR alone", "sep=", "empty columns", "tabs and Excel's texts"],
)
def test_what_spreadsheets_write_is_read(text: str) -> None:
    assert from_text(text, "table").heading == HEADING
    assert read(text) == ROWS


def test_rows_are_numbered_as_in_a_spreadsheet_and_those_that_are_too_long_are_named() -> None:
    found = from_text('sep=,\nmac,label\n\na,"x\ny"\nb,c,d\ne,f\n', "table")
    assert found == CsvTable(("mac", "label"), ((4, ("a", "x\ny")), (6, ("e", "f"))), ((5, 3),))


def test_a_quotation_mark_that_never_ends_is_named_with_its_line() -> None:
    with pytest.raises(BadTable, match=r"table, line 3"):
        from_text('mac,label\na,"b\nc,d\n', "table")


def test_a_table_of_very_many_columns_is_refused_before_its_rows_become_as_wide() -> None:
    text = "a," * 1_000_000 + "a\n" + "a\n" * 100_000  # 800 GB, were each row padded
    with pytest.raises(BadTable, match=r"1,000,001 columns"):
        from_text(text, "table")


def test_many_long_unknown_columns_are_named_in_part() -> None:
    with pytest.raises(BadTable, match=r"and 88 more") as refused:
        phone_table.read(",".join(f"{number}{'x' * 10_000}" for number in range(100)) + "\n1\n", "table")
    assert len(str(refused.value)) < 2000


def test_a_table_of_phones_has_an_end() -> None:
    row = "001B54E10001,1\n"
    assert len(phone_table.read("mac,line\n" + row * phone_table.MOST_ROWS, "table").phones) == 1
    with pytest.raises(BadTable, match=r"more than 60,000 rows"):
        phone_table.read("mac,line\n" + row * (phone_table.MOST_ROWS + 1), "table")
