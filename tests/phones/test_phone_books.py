"""Phone books as files: every entry is found from the menu that the directory key opens, within phones' limits."""

from collections import Counter
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ringfence.phones.assets.book_names import (
    ASK,
    FIND,
    LONGEST_NAME,
    LONGEST_QUERY_BYTES,
    MOST_TYPED,
    NOBODY,
    opened_by,
    shown,
    sorted_by,
)
from ringfence.phones.assets.phone_books import (
    MOST_IN_A_MENU,
    MOST_ON_A_LIST,
    MOST_ON_A_PAGE,
    BookEntry,
    PhoneBook,
    Shelfmark,
    as_dialled,
    files_of,
    menu_name,
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
    opened: set[str] = set()

    def look(name: str) -> None:
        again = name in opened
        assert not again or name.endswith(("/" + FIND, "/" + ASK)), "one way leads to each page"
        opened.add(name)
        root = etree.fromstring(files[name])
        items, entries = root.findall("MenuItem"), root.findall("DirectoryEntry")
        kinds = {"Directory"} if entries else {"Directory", "Menu", "Input"}
        assert root.tag.removeprefix(f"{form.title()}IPPhone") in kinds
        assert len(items) <= MOST_IN_A_MENU
        assert len(entries) <= (MOST_ON_A_LIST if form is BookForm.YEALINK else MOST_ON_A_PAGE)
        assert all(len(each.text or "") <= LONGEST_NAME for each in root.iter("Name", "Title"))
        if again:
            return
        if name.endswith("/" + ASK):
            where = (root.findtext("URL") or "").partition("?")[0].removeprefix(edge_url + "/")
            assert where == name.replace(ASK, FIND)
            look(where.replace(FIND, NOBODY))
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
    assert len(files) < 300


def test_books_are_items_of_one_menu_and_empty_ones_open_too() -> None:
    books = [PhoneBook("B & C", [BookEntry("Anna", "201")]), PhoneBook("Empty", [])]
    files = files_of(books, Shelfmark(EDGE))
    names = [each.text for each in etree.fromstring(files[menu_name(EDGE)]).iter("Name")]
    assert names == ["B & C", "Empty"]


def test_pages_are_the_same_for_every_address_of_an_edge() -> None:
    entries = [BookEntry(f"{letter}{number}", f"{number}") for letter in "ABC" for number in range(20)]
    here, there = (files_of([PhoneBook("Company", entries)], Shelfmark(url)) for url in (EDGE, "http://198.51.100.7"))
    pages = [{data for data in each.values() if b"<DirectoryEntry>" in data} for each in (here, there)]
    assert pages[0] == pages[1]
    assert here.keys().isdisjoint(there)
    found_from_the_menu(there, "http://198.51.100.7")
    assert files_of([PhoneBook("Company", entries)], Shelfmark(EDGE + "/")) == here


def test_accents_and_case_do_not_part_names_and_what_is_no_letter_comes_together() -> None:
    names = ["ärger", "Arm", "zoo", "7up", "!x", "", "李"]
    entries = [BookEntry(name, str(number)) for number, name in enumerate(names * 10)]
    files = files_of([PhoneBook("Company", entries)], Shelfmark(EDGE))
    (menu,) = [etree.fromstring(data) for name, data in files.items() if b"<Name>#<" in data]
    assert [each.text for each in menu.iter("Name")] == ["Search", "#", "A", "Z", "李"]


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


# -- what is typed ----------------------------------------------------------------------------------------------------


def company(*names: str) -> dict[str, bytes]:
    entries = [BookEntry(name, str(number)) for number, name in enumerate(names)]
    return dict(files_of([PhoneBook("Company", entries)], Shelfmark(EDGE)))


def root_of(files: Mapping[str, bytes]) -> str:
    (root,) = [name for name in files if name.endswith("/" + FIND)]
    return root


def asked(files: Mapping[str, bytes], query: bytes) -> str:
    """The name of the file that a query at the book's menu opens."""
    name = opened_by(root_of(files), query, sorted(files))
    assert name in files, "whatever somebody types, there is a file for it"
    return name


def typed(files: Mapping[str, bytes], text: str) -> list[str]:
    """All names below what typed letters open."""
    found, waiting = list[str](), [asked(files, b"q=" + quote_plus(text).encode())]
    if waiting[0].endswith(NOBODY):
        return []
    while waiting:
        root = etree.fromstring(files[waiting.pop()])
        found += [each.text or "" for each in root.iterfind("DirectoryEntry/Name")]
        waiting += [(each.text or "").removeprefix(EDGE + "/") for each in root.iterfind("MenuItem/URL")]
    return found


NAMES = st.text("abcdeäé #7ß李 ", min_size=1, max_size=14) | st.text(min_size=1, max_size=20)
MANY = st.lists(NAMES, min_size=33, max_size=160)


@settings(max_examples=150, deadline=None)
@given(MANY, NAMES, st.data())
def test_what_is_typed_opens_all_names_that_begin_so(names: list[str], anything: str, data: st.DataObject) -> None:
    files = company(*names)
    some = data.draw(st.sampled_from(names))
    for text in (anything, shown(some)[: data.draw(st.integers(1, 16))]):
        key = sorted_by(text)[:MOST_TYPED]
        if shown(text):
            wanted = Counter(shown(name) for name in names if sorted_by(name).startswith(key))
            assert wanted <= Counter(typed(files, text))


def test_a_full_book_is_narrowed_to_a_page_by_a_few_letters() -> None:
    seconds = "abcdefghijklmnopqrst"
    names = [f"{a}{b}{c}er, {d}" for a in "ABCDEFGHIJ" for b in seconds for c in "aeiou" for d in "XYZVW"]
    files = company(*names)
    assert len(names) == 5000
    assert len(files) < 350
    assert typed(files, "Mei") == []
    assert len(typed(files, "C")) == 500
    page = etree.fromstring(files[asked(files, b"q=cA")])
    assert (page.tag, page.findtext("Title")) == ("CiscoIPPhoneDirectory", "Caaer, V - Cauer, Z")
    assert len(page.findall("DirectoryEntry")) == 25


def test_the_form_sends_what_was_typed_to_the_books_menu() -> None:
    names = [f"{letter}{number:02}" for letter in "AB" for number in range(40)]
    entries = [BookEntry(name, "1") for name in names]
    for form, into, url in (
        (BookForm.CISCO, "QueryStringParam", "{}"), (BookForm.SNOM, "InputToken", "{}?q=__TYPED__"),
    ):  # fmt: skip
        files = files_of([PhoneBook("Company", entries)], Shelfmark(EDGE, form))
        (name,) = [each for each in files if each.endswith("/" + ASK)]
        root = etree.fromstring(files[name])
        assert [each.tag for each in root] == ["Title", "Prompt", "URL", "InputItem"]
        assert root.findtext("URL") == url.format(f"{EDGE}/{root_of(files)}")
        assert root.findtext(f"InputItem/{into}") in {"q", "__TYPED__"}
        assert root.findtext("InputItem/InputFlags") in {"A", "a"}
    files = files_of([PhoneBook("Company", entries * 10)], Shelfmark(EDGE, BookForm.YEALINK))
    assert not any(name.endswith((ASK, FIND, NOBODY)) for name in files), "a Yealink searches by itself"


@pytest.fixture(scope="module")
def files() -> Mapping[str, bytes]:
    """A book with Meiers, in part with an accent, and others."""
    others = [f"{letter}{number:02}" for letter in "ABMZ" for number in range(40)]
    return company(*others, "Meier, Anna", "Méier, Ben", "MEISTER", "Öztürk", "7up", "李 Li")


@pytest.mark.parametrize(
    ("query", "has"),
    [
        (b"q=mei", "Meier, Anna"), (b"q=M%C3%89I", "Meier, Anna"), (b"q=M%C9I", "Meier, Anna"),
        (b"q=meier,+a", "Meier, Anna"), (b"q=oz", "\N{LATIN CAPITAL LETTER O WITH DIAERESIS}zt\xfcrk"),
        (b"q=7", "7up"), (b"q=%D9%A7", None), (b"q=" + quote("李").encode(), "李 Li"), (b"q=qqq", None),
        (b"name=SEP001122334455&q=mei&locale=English", "Meier, Anna"), (b"q=mei&q=zzz", "Meier, Anna"),
        (b"q=mei%00%0d%0a", "Meier, Anna"), (b"q=%E2%80%AEmei", "Meier, Anna"), (b"q=../../mei", None),
        (b"q=%2e%2e%2fmei", None), (b"q=%252e", None), (b"q=book.xml", None), (b"q=6d65", None),
        (b"q=meierxyz-nobody-whom-anybody-knows", "Meier, Anna"), (b"q=\xff\xfe", None), (b"q=\xed\xa0\x80", None),
    ],
)  # fmt: skip
def test_queries_of_all_kinds_open_a_page_of_the_book(
    files: Mapping[str, bytes], query: bytes, has: str | None
) -> None:
    opened = asked(files, query)
    if has is None:
        assert not opened.endswith(FIND)
    else:
        assert f"<Name>{has}</Name>".encode() in files[opened]


@pytest.mark.parametrize(
    "query",
    [
        b"", b"q", b"q=", b"q=+%20", b"q=%00", b"Q=mei", b"x=mei", b"q%3Dmei", b"=mei", b"&&&", b"name=mei;q=mei",
        b"q=" + b"m" * LONGEST_QUERY_BYTES, b"&" * 10_000,
    ],
)  # fmt: skip
def test_what_says_no_letters_or_too_many_opens_the_menu(files: Mapping[str, bytes], query: bytes) -> None:
    assert asked(files, query) == root_of(files)


def test_only_a_books_menu_takes_what_is_typed(files: Mapping[str, bytes]) -> None:
    names = sorted(files)
    others = ("SEP001122334455.cnf.xml", "phonebook/find.xml", "phonebook/../find.xml", "x/" + root_of(files))
    for name in (*names, *others):
        if name != root_of(files):
            assert opened_by(name, b"q=mei", names) == name
    gone = root_of(files)
    assert opened_by(gone, b"q=mei", []) == gone.replace(FIND, NOBODY), "which is then not found"


def test_a_book_of_one_page_is_not_searched() -> None:
    files = company("Anna", "Ben")
    assert not any(name.endswith((ASK, FIND)) for name in files)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600))
def test_no_query_opens_what_is_not_there(query: bytes) -> None:
    files = company(*(f"{letter}{number:02}" for letter in "ABMZ#" for number in range(20)))
    asked(files, query)
    asked(files, b"q=" + query)
