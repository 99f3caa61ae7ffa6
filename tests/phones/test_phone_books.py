"""Phone books as files: every entry is found from the menu that the directory key opens, within phones' limits."""

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ringfence.phones.assets.phone_books import (
    FOLDER,
    LONGEST_NAME,
    MOST_IN_A_MENU,
    MOST_ON_A_LIST,
    MOST_ON_A_PAGE,
    BookEntry,
    PhoneBook,
    Shelfmark,
    as_dialled,
    files_of,
    menu_name,
    shown,
)
from ringfence.phones.family import BookForm

EDGE = "http://192.0.2.1:6970"
ENTRIES = st.lists(
    st.builds(BookEntry, st.text(max_size=80), st.from_regex(r"[0-9]{1,6}", fullmatch=True)), max_size=90
)


def found_from_the_menu(
    files: Mapping[str, bytes], edge_url: str = EDGE, form: BookForm = BookForm.CISCO
) -> Counter[tuple[str, str]]:
    """All entries that somebody finds who opens every item, with how often."""
    found: Counter[tuple[str, str]] = Counter()
    opened = set()

    def look(name: str) -> None:
        opened.add(name)
        root = etree.fromstring(files[name])
        items, entries = root.findall("MenuItem"), root.findall("DirectoryEntry")
        assert root.tag in {f"{form.title()}IPPhoneDirectory", *([] if entries else [f"{form.title()}IPPhoneMenu"])}
        assert len(items) <= MOST_IN_A_MENU
        assert len(entries) <= (MOST_ON_A_LIST if form is BookForm.YEALINK else MOST_ON_A_PAGE)
        assert all(len(each.text or "") <= LONGEST_NAME for each in root.iter("Name", "Title"))
        for item in items:
            look((item.findtext("URL") or "").removeprefix(edge_url + "/"))
        for entry in entries:
            found[entry.findtext("Name") or "", entry.findtext("Telephone") or ""] += 1

    first = Shelfmark(edge_url, form).menu_name
    assert form is BookForm.YEALINK or etree.fromstring(files[first]).tag.endswith("IPPhoneMenu")
    look(first)
    assert opened == set(files)
    return found


@settings(max_examples=60, deadline=None)
@given(ENTRIES)
def test_every_entry_is_found_once_whatever_its_name(entries: list[BookEntry]) -> None:
    found = found_from_the_menu(files_of([PhoneBook("Company", entries)], Shelfmark(EDGE)))
    assert found == Counter((shown(entry.name), entry.number) for entry in entries)


@pytest.mark.parametrize("first", ["", "A", "Smith "])
def test_a_book_of_5000_is_found_whole_also_where_all_begin_alike(first: str) -> None:
    entries = [BookEntry(f"{first}{number * 7919 % 5000:04} name", f"{number}") for number in range(5000)]
    files = files_of([PhoneBook("Company", entries)], Shelfmark(EDGE))
    assert sum(found_from_the_menu(files).values()) == 5000
    assert max(map(len, files.values())) < 16_384
    assert len(files) < 260


def test_books_are_items_of_one_menu_and_empty_ones_open_too() -> None:
    books = [PhoneBook("B & C", [BookEntry("Anna", "201")]), PhoneBook("Empty", [])]
    files = files_of(books, Shelfmark(EDGE))
    names = [each.text for each in etree.fromstring(files[menu_name(EDGE)]).iter("Name")]
    assert names == ["B & C", "Empty"]


def test_pages_are_the_same_for_every_address_of_an_edge() -> None:
    entries = [BookEntry(f"{letter}{number}", f"{number}") for letter in "ABC" for number in range(20)]
    here, there = (files_of([PhoneBook("Company", entries)], Shelfmark(url)) for url in (EDGE, "http://198.51.100.7"))
    common = {name for name in here if name in there}
    assert common == {name for name in here if name.startswith(f"{FOLDER}/pages/")}
    assert all(here[name] == there[name] for name in common)
    found_from_the_menu(there, "http://198.51.100.7")
    assert files_of([PhoneBook("Company", entries)], Shelfmark(EDGE + "/")) == here


def test_accents_and_case_do_not_part_names_and_what_is_no_letter_comes_together() -> None:
    names = ["ärger", "Arm", "zoo", "7up", "!x", "", "李"]
    entries = [BookEntry(name, str(number)) for number, name in enumerate(names * 10)]
    files = files_of([PhoneBook("Company", entries)], Shelfmark(EDGE))
    (menu,) = [etree.fromstring(data) for name, data in files.items() if b"<Name>#<" in data]
    assert [each.text for each in menu.iter("Name")] == ["#", "A", "Z", "李"]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Anna\N{RIGHT-TO-LEFT OVERRIDE}annA", "AnnaannA"), ("a\tb\n c", "a b c"), ("x" * 200, "x" * 64),
        ("\x00\x1b\ud800\ufffe", ""), ("\N{TELEPHONE RECEIVER} O'Brien <b>&", "\N{TELEPHONE RECEIVER} O'Brien <b>&"),
    ],
)  # fmt: skip
def test_a_name_is_shown_without_what_is_no_text(text: str, seen: str) -> None:
    assert shown(text) == seen


@pytest.mark.parametrize(
    ("typed", "dialled"),
    [
        ("+49 (30) 90-18/20", "+4930901820"), ("201", "201"), ("*8#", "*8#"),
        ("anna@b.org", "anna@b.org"),
        ("", ""), ("1" * 65, ""), ("12;34", ""), ("2+1", ""), ("٣", ""), ("1\n2", ""),
    ],
)  # fmt: skip
def test_a_number_is_dialled_without_what_people_write_between_digits(typed: str, dialled: str) -> None:
    assert as_dialled(typed) == dialled


@pytest.mark.parametrize("form", list(BookForm))
@pytest.mark.parametrize("count", [0, 1, MOST_ON_A_LIST, MOST_ON_A_LIST + 1, 5000])
def test_each_form_has_every_entry_in_elements_of_its_own(form: BookForm, count: int) -> None:
    entries = [BookEntry(f"{chr(65 + number % 26)}{number:04}", str(number)) for number in range(count)]
    for books in ([PhoneBook("Company", entries)], [PhoneBook("Company", entries), PhoneBook("More", entries)]):
        files = files_of(books, Shelfmark(EDGE, form))
        found = found_from_the_menu(files, form=form)
        assert found == Counter({(entry.name, entry.number): len(books) for entry in entries})
        assert all(data.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n') for data in files.values())


def test_a_single_short_book_of_a_yealink_opens_at_once_at_an_address_that_stays() -> None:
    mark = Shelfmark(EDGE, BookForm.YEALINK)
    before = files_of([PhoneBook("Company", [BookEntry("Anna & Co", "201")])], mark)
    assert [etree.fromstring(data).tag for data in before.values()] == ["YealinkIPPhoneDirectory"]
    after = files_of([PhoneBook("Company", [BookEntry("Ben", "202")])], mark)
    assert before.keys() == after.keys() == {mark.menu_name}


def test_files_for_others_are_elsewhere() -> None:
    marks = [Shelfmark(EDGE, form, chosen) for form in BookForm for chosen in ("", "a", "a,b")]
    assert len({mark.menu_name for mark in marks}) == len(marks)
    assert Shelfmark(EDGE + "/").menu_name == menu_name(EDGE), "those who had it find it where it was"
