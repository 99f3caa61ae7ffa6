"""Phone books as files that phones read, so that an edge serves them while the hub is away.

A Cisco phone shows at most 32 entries of a directory and 100 items of a menu (Cisco's notes on XML services). So a book
is a tree: a menu of first letters, where needed menus of ranges, and pages of entries. Pages hold no address and are
named by their content: they are the same at every site. Menus hold whole addresses, as phones take no others, so there
is a set of them for each address by which phones reach their edge.

Snom's minibrowser and Yealink's remote phone book read the same with elements of their own names. A Yealink searches in
what it has fetched, so its lists are long, and a single book is one.

Sources: for Snom wazo-platform/wazo-phoned, ``plugins/snom/templates/snom_results.jinja`` (SnomIPPhoneDirectory), and
wiki.snom.com/Xmlobjects (SnomIPPhoneMenu; at most 100 lines are selected by number); for Yealink the manufacturer's
"Using XML Phonebook on Yealink IP Phones", as amooma/gemeinschaft (``prov/yealink/pb.php``) and many others write it
(YealinkIPPhoneMenu, YealinkIPPhoneDirectory).
"""

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from xml.sax.saxutils import escape

from ringfence.phones.family import BookForm

MOST_ON_A_PAGE = 32
"""Source: Cisco Unified IP Phone Services Application Development Notes, CiscoIPPhoneDirectory; hbonath/ciscospaxml
pages by as many [certain]."""
MOST_IN_A_MENU = 100
"""Source: the same notes, CiscoIPPhoneMenu [certain]."""
LONGEST_NAME = 64
"""Characters of an entry or item that phones are given; source: the same notes, MenuItem [certain]."""
LONGEST_NUMBER = 64
MOST_ON_A_LIST = 500
"""Of a Yealink: a cautious limit, as no document at hand gives one [unknown]."""
FOLDER = "phonebook"
_PAGES = f"{FOLDER}/pages/"
_ELEMENTS: Mapping[BookForm, str] = MappingProxyType(
    {BookForm.CISCO: "CiscoIPPhone", BookForm.YEALINK: "YealinkIPPhone", BookForm.SNOM: "SnomIPPhone"}
)
"""How the names of elements begin."""
_END_OF_RANGE = 14
_DIGEST_LETTERS = 16
_ADDRESS_LETTERS = 8
_OTHERS = "#"
_DIALLED = re.compile(r"\+?[0-9A-Za-z*#_.@]+")
_BETWEEN_DIGITS = str.maketrans("", "", " ()/-\N{NO-BREAK SPACE}\N{NON-BREAKING HYPHEN}\N{EN DASH}")
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no place for (section 2.2)."""


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


def shown(text: str) -> str:
    """Return a text as phones are given it: on one line, bounded, without what reorders others or is no XML."""
    plain = _NOT_XML.sub("", unicodedata.normalize("NFC", text))
    kept = (" " if letter.isspace() else letter for letter in plain if letter.isspace() or _is_seen(letter))
    return " ".join("".join(kept).split())[:LONGEST_NAME].rstrip()


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
    single = items[0][1] if mark.form is BookForm.YEALINK and len(items) == 1 else ""
    if single.startswith(_PAGES):
        tree.files[mark.menu_name] = tree.files.pop(single)
    else:
        tree.keep_menu(mark.menu_name, "Phone books", items)
    return tree.files


class _Tree:
    """The files of a tree as they are made."""

    def __init__(self, mark: Shelfmark) -> None:
        self._edge_url = mark.edge_url.rstrip("/")
        self._folder = mark.folder
        self._elements = _ELEMENTS[mark.form]
        self._most = MOST_ON_A_LIST if mark.form is BookForm.YEALINK else MOST_ON_A_PAGE
        self.files: dict[str, bytes] = {}

    def add(self, title: str, entries: Sequence[BookEntry]) -> str:
        """Make the files of entries, which are in order; return the name of the one that leads to all of them."""
        if len(entries) <= self._most:
            data = _document(f"{self._elements}Directory", title, _rows(entries))
            name = f"{_PAGES}{_digest(data)}.xml"
            self.files[name] = data
            return name
        items = [(label, self.add(label, part)) for label, part in _parts(entries, self._most)]
        name = f"{self._folder}/{_digest(repr((title, items)).encode())}.xml"
        self.keep_menu(name, title, items)
        return name

    def keep_menu(self, name: str, title: str, items: Sequence[tuple[str, str]]) -> None:
        """Make a menu of items, each with the name of the file that it opens."""
        rows = "".join(
            f"  <MenuItem>\n    <Name>{escape(label)}</Name>\n    <URL>{escape(f'{self._edge_url}/{target}')}</URL>\n"
            "  </MenuItem>\n"
            for label, target in items
        )
        self.files[name] = _document(f"{self._elements}Menu", title, rows)


def _parts(entries: Sequence[BookEntry], most: int) -> list[tuple[str, Sequence[BookEntry]]]:
    """Divide entries by their first letters, or where that does not help into ranges, in at most a menu's items."""
    letters: dict[str, list[BookEntry]] = {}
    for entry in entries:
        letters.setdefault(_first_letter(entry), []).append(entry)
    if 1 < len(letters) <= MOST_IN_A_MENU:
        return list(letters.items())
    length = most * math.ceil(len(entries) / (most * MOST_IN_A_MENU))
    ranges = [entries[start : start + length] for start in range(0, len(entries), length)]
    return [
        (f"{shown(each[0].name)[:_END_OF_RANGE]} - {shown(each[-1].name)[:_END_OF_RANGE]}", each) for each in ranges
    ]


def _rows(entries: Sequence[BookEntry]) -> str:
    return "".join(
        f"  <DirectoryEntry>\n    <Name>{escape(shown(entry.name))}</Name>\n"
        f"    <Telephone>{escape(entry.number)}</Telephone>\n  </DirectoryEntry>\n"
        for entry in entries
    )


def _document(root: str, title: str, rows: str) -> bytes:
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>\n  <Title>{escape(title)}</Title>\n  <Prompt></Prompt>\n'
    return f"{head}{rows}</{root}>\n".encode()


def _in_order(entries: Iterable[BookEntry]) -> list[BookEntry]:
    return sorted(entries, key=lambda entry: (_first_letter(entry), _sorted_by(entry.name), entry.name, entry.number))


def _sorted_by(name: str) -> str:
    """Return a name without accents and case, so that Ä is sorted with A."""
    apart = unicodedata.normalize("NFKD", shown(name).casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _first_letter(entry: BookEntry) -> str:
    first = _sorted_by(entry.name)[:1].upper()
    return first if first.isalpha() else _OTHERS


def _is_seen(letter: str) -> bool:
    return unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_DIGEST_LETTERS]
