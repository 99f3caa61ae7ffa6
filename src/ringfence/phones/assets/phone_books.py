"""Phone books as files that phones read, so that an edge serves them while the hub is away.

A Cisco phone shows at most 32 entries of a directory and 100 items of a menu (Cisco's notes on XML services). So a book
is a tree: a menu of first letters, where needed menus of what follows these, and pages of entries. All names that begin
alike are below one file, which is named by that (``book_names``), so that typed letters open it. Pages hold no address:
their bytes are the same at every site. Menus hold whole addresses, as phones take no others, so there is a set of them
for each address by which phones reach their edge.

Snom's minibrowser and Yealink's remote phone book read the same with elements of their own names. A Yealink searches in
what it has fetched, so its lists are long, a single book is one, and nothing is typed.

Sources: for forms Cisco's notes, CiscoIPPhoneInput (its URL is fetched with ``?QueryStringParam=`` and what was typed;
flag A is plain text), and for Snom the manufacturer's Snomio/Documentation, ``SnomIPPhoneInput`` (what was typed stands
in the URL for ``InputToken``; flag a is plain text) [certain]; for Snom else wazo-platform/wazo-phoned,
``plugins/snom/templates/snom_results.jinja`` (SnomIPPhoneDirectory), and wiki.snom.com/Xmlobjects (SnomIPPhoneMenu; at
most 100 lines are selected by number); for Yealink the manufacturer's "Using XML Phonebook on Yealink IP Phones", as
amooma/gemeinschaft (``prov/yealink/pb.php``) and many others write it (YealinkIPPhoneMenu, YealinkIPPhoneDirectory).
"""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from xml.sax.saxutils import escape

from ringfence.phones.assets.book_names import (
    ASK,
    FIND,
    FOLDER,
    MOST_TYPED,
    NOBODY,
    PARAMETER,
    beginning,
    file_name,
    shown,
    sorted_by,
)
from ringfence.phones.family import BookForm

MOST_ON_A_PAGE = 32
"""Source: Cisco Unified IP Phone Services Application Development Notes, CiscoIPPhoneDirectory; hbonath/ciscospaxml
pages by as many [certain]."""
MOST_IN_A_MENU = 100
"""Source: the same notes, CiscoIPPhoneMenu [certain]."""
LONGEST_NUMBER = 64
MOST_ON_A_LIST = 500
"""Of a Yealink: a cautious limit, as no document at hand gives one [unknown]."""
_BOOK = "book.xml"
"""What opens a book in which nothing is typed."""
_TOKEN = "__TYPED__"  # noqa: S105 - what was typed stands in its place
_FORMS = frozenset({BookForm.CISCO, BookForm.SNOM})
"""Whose phones have a form to type in by a public document."""
_ELEMENTS: Mapping[BookForm, str] = MappingProxyType(
    {BookForm.CISCO: "CiscoIPPhone", BookForm.YEALINK: "YealinkIPPhone", BookForm.SNOM: "SnomIPPhone"}
)
"""How the names of elements begin."""
_END_OF_RANGE = 14
_DIGEST_LETTERS = 16
_ADDRESS_LETTERS = 8
_DIALLED = re.compile(r"\+?[0-9A-Za-z*#_.@]+")
_BETWEEN_DIGITS = str.maketrans("", "", " ()/-\N{NO-BREAK SPACE}\N{NON-BREAKING HYPHEN}\N{EN DASH}")


@dataclass(frozen=True, slots=True)
class BookEntry:
    """A name and what is dialled for it."""

    name: str
    number: str


@dataclass(frozen=True, slots=True)
class PhoneBook:
    """A book under the title that phones show."""

    title: str
    entries: Sequence[BookEntry]


def as_dialled(number: str) -> str:
    """Return a number without what people write between digits; empty if no phone can dial it."""
    plain = number.translate(_BETWEEN_DIGITS)
    return plain if _DIALLED.fullmatch(plain) and len(plain) <= LONGEST_NUMBER else ""


@dataclass(frozen=True, slots=True)
class Shelfmark:
    """For which phones some books' files are: the address of their edge, their form, and which books they may have.

    ``chosen`` is empty for the books that all phones of a site have, and else tells apart who has which.
    """

    edge_url: str
    form: BookForm = BookForm.CISCO
    chosen: str = ""

    @property
    def menu_name(self) -> str:
        """The name of the file that the directory key opens."""
        return f"{self.folder}/menu.xml"

    @property
    def folder(self) -> str:
        """Where menus are."""
        parts = [self.edge_url.rstrip("/")]
        if self.form is not BookForm.CISCO or self.chosen:
            parts += [self.form, self.chosen]
        return f"{FOLDER}/{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:_ADDRESS_LETTERS]}"


def menu_name(edge_url: str) -> str:
    """Return the name of the file that the directory key of a Cisco phone opens, which has all of its site's books."""
    return Shelfmark(edge_url).menu_name


def files_of(books: Iterable[PhoneBook], mark: Shelfmark) -> Mapping[str, bytes]:
    """Return the files of some books, by name.

    The first thing that a phone opens is a menu (79xx need one), for a Yealink with a single book that is short enough
    its entries.
    """
    tree = _Tree(mark)
    items = [(shown(book.title), tree.add(shown(book.title), _in_order(book.entries))) for book in books]
    if mark.form is BookForm.YEALINK and len(items) == 1 and len(tree.files) == 1:
        return {mark.menu_name: tree.files[items[0][1]]}
    tree.keep_menu(mark.menu_name, "Phone books", items)
    return tree.files


@dataclass(frozen=True, slots=True, order=True)
class _Placed:
    """An entry at its place in the book."""

    key: str
    name: str
    number: str


_Part = tuple[Sequence[_Placed], str]
"""Entries, and the name of the file that leads to them."""


class _Tree:
    """The files of a tree as they are made."""

    def __init__(self, mark: Shelfmark) -> None:
        self._mark = mark
        self._edge_url = mark.edge_url.rstrip("/")
        self._elements = _ELEMENTS[mark.form]
        self._most = MOST_ON_A_LIST if mark.form is BookForm.YEALINK else MOST_ON_A_PAGE
        self.files: dict[str, bytes] = {}

    def add(self, title: str, entries: Sequence[_Placed]) -> str:
        """Make the files of a book, whose entries are in order; return the name of the one that opens it."""
        folder = f"{FOLDER}/{_digest(chr(0).join((self._edge_url, self._mark.form, title)).encode())}/"
        if len(entries) <= self._most:
            return self._keep_page(folder + _BOOK, title, entries)
        letters = [list(group) for _, group in groupby(entries, key=lambda entry: entry.key[:1])]
        has_letters = len(letters) < MOST_IN_A_MENU
        parts = letters if has_letters else _packed(letters, self._most)
        below = self._gathered(folder, [(part, self._add(folder, part, 0)) for part in parts], MOST_IN_A_MENU - 1)
        items = [(part[0].key[0].upper() if has_letters else _range(part), name) for part, name in below]
        if self._mark.form not in _FORMS:
            return self.keep_menu(folder + _BOOK, title, items)
        search = ("Search", self._keep_form(folder, title))
        self.keep_menu(folder + NOBODY, title, [search, ("All names", folder + FIND)], "No name begins so.")
        return self.keep_menu(folder + FIND, title, [search, *items])

    def keep_menu(self, name: str, title: str, items: Sequence[tuple[str, str]], prompt: str = "") -> str:
        """Make a menu of items, each with the name of the file that it opens."""
        rows = "".join(
            f"  <MenuItem>\n    <Name>{escape(label)}</Name>\n    <URL>{escape(self._url(target))}</URL>\n"
            "  </MenuItem>\n"
            for label, target in items
        )
        self.files[name] = _document(f"{self._elements}Menu", title, rows, prompt)
        return name

    def _add(self, folder: str, entries: Sequence[_Placed], depth: int) -> str:
        """Make the files of entries that begin alike for ``depth`` characters, and for one more if no page has room."""
        first, last = (beginning(entries[index].key, depth + 1) for index in (0, -1))
        name = folder + file_name(first, last)
        if len(entries) <= self._most:
            return self._keep_page(name, _range(entries), entries)
        return self._keep_parts(name, self._gathered(folder, self._divided(folder, entries), MOST_IN_A_MENU))

    def _divided(self, folder: str, entries: Sequence[_Placed]) -> list[_Part]:
        """Make the files of entries that begin alike: by where they differ, or by their number if they do not."""
        ends = entries[0].key[:MOST_TYPED], entries[-1].key[:MOST_TYPED]
        if ends[0] == ends[1]:
            pages = [entries[start : start + self._most] for start in range(0, len(entries), self._most)]
            return [(page, self._keep_page("", _range(page), page, folder)) for page in pages]
        pairs = enumerate(zip(*ends, strict=False))
        depth = next((place for place, (one, other) in pairs if one != other), min(map(len, ends)))
        groups = [list(group) for _, group in groupby(entries, key=lambda entry: beginning(entry.key, depth + 1))]
        return [(part, self._add(folder, part, depth)) for part in _packed(groups, self._most)]

    def _gathered(self, folder: str, parts: list[_Part], room: int) -> list[_Part]:
        """Return parts for as many items as a menu has room for, with menus between where there are more."""
        length = math.ceil(len(parts) / room)
        if length <= 1:
            return parts
        chosen = [parts[start : start + length] for start in range(0, len(parts), length)]
        return [([entry for part, _ in each for entry in part], self._keep_parts("", each, folder)) for each in chosen]

    def _keep_parts(self, name: str, parts: Sequence[_Part], folder: str = "") -> str:
        items = [(_range(part), target) for part, target in parts]
        title = _range([parts[0][0][0], parts[-1][0][-1]])
        return self.keep_menu(name or _unsearched(folder, repr(items).encode()), title, items)

    def _keep_page(self, name: str, title: str, entries: Sequence[_Placed], folder: str = "") -> str:
        data = _document(f"{self._elements}Directory", title, _rows(entries))
        name = name or _unsearched(folder, data)
        self.files[name] = data
        return name

    def _keep_form(self, folder: str, title: str) -> str:
        """Make the form in which letters are typed."""
        url, parameter = self._url(folder + FIND), PARAMETER.decode()
        if self._mark.form is BookForm.SNOM:
            url, into, flag = f"{url}?{parameter}={_TOKEN}", f"<InputToken>{_TOKEN}</InputToken>", "a"
        else:
            into, flag = f"<QueryStringParam>{parameter}</QueryStringParam>", "A"
        rows = (
            f"  <URL>{escape(url)}</URL>\n  <InputItem>\n    <DisplayName>Name</DisplayName>\n    {into}\n"
            f"    <DefaultValue></DefaultValue>\n    <InputFlags>{flag}</InputFlags>\n  </InputItem>\n"
        )
        self.files[folder + ASK] = _document(f"{self._elements}Input", title, rows, "First letters of the name")
        return folder + ASK

    def _url(self, name: str) -> str:
        return f"{self._edge_url}/{name}"


def _packed(groups: Iterable[Sequence[_Placed]], most: int) -> list[Sequence[_Placed]]:
    """Join neighbouring groups as long as a page has room for them."""
    parts: list[Sequence[_Placed]] = []
    for group in groups:
        if parts and len(parts[-1]) + len(group) <= most:
            parts[-1] = [*parts[-1], *group]
        else:
            parts.append(group)
    return parts


def _range(entries: Sequence[_Placed]) -> str:
    first, last = (shown(entries[index].name)[:_END_OF_RANGE].rstrip() for index in (0, -1))
    return first if first == last else f"{first} - {last}"


def _rows(entries: Sequence[_Placed]) -> str:
    return "".join(
        f"  <DirectoryEntry>\n    <Name>{escape(shown(entry.name))}</Name>\n"
        f"    <Telephone>{escape(entry.number)}</Telephone>\n  </DirectoryEntry>\n"
        for entry in entries
    )


def _document(root: str, title: str, rows: str, prompt: str = "") -> bytes:
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>\n  <Title>{escape(title)}</Title>\n'
    return f"{head}  <Prompt>{escape(prompt)}</Prompt>\n{rows}</{root}>\n".encode()


def _in_order(entries: Iterable[BookEntry]) -> list[_Placed]:
    return sorted(_Placed(sorted_by(entry.name), entry.name, entry.number) for entry in entries)


def _unsearched(folder: str, data: bytes) -> str:
    """Return the name of a file that typed letters do not open."""
    return f"{folder}x{_digest(data)}.xml"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_DIGEST_LETTERS]
