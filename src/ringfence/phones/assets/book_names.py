"""Names in phone books: how phones show them, their order, and the file that opens when somebody types some letters.

A book has a folder. Its pages and menus are named by the letters with which their names begin, in hexadecimal digits,
so that files have the book's order: ``6d65.xml`` has all names with "me", and ``6d65-69.xml`` those from "me" to "mi".
``find.xml`` is the book's menu. Asked for with a query it stands for the last file that does not come behind what was
typed. So an edge looks once into a list that is in order, and computes no answer. An edge that knows no queries gives
the menu.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence

FOLDER = "phonebook"
FIND = "find.xml"
"""The menu of a book that can be searched, and where a search goes."""
ASK = "ask.xml"
"""Where somebody types."""
NOBODY = "nobody.xml"
"""What opens if no name begins so."""
PARAMETER = b"q"
"""Of the query; phones add parameters of their own, such as ``name``."""
LONGEST_NAME = 64
"""Characters of an entry or item that phones are given; source: Cisco Unified IP Phone Services Application Development
Notes, MenuItem [certain]."""
MOST_TYPED = 12
"""Characters by which names are told apart; what is typed behind them says nothing."""
LONGEST_QUERY_BYTES = 512
_END = "\0"
"""Stands behind a name's last letter; it comes before all that names have."""
_OTHERS = "#"
_SEARCHED = re.compile(f"({FOLDER}/[0-9a-f]+/){re.escape(FIND)}")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no place for (section 2.2)."""


def shown(text: str) -> str:
    """Return a text as phones are given it: on one line, bounded, without what reorders others or is no XML."""
    plain = _NOT_XML.sub("", unicodedata.normalize("NFC", text))
    kept = (" " if letter.isspace() else letter for letter in plain if letter.isspace() or _is_seen(letter))
    return " ".join("".join(kept).split())[:LONGEST_NAME].rstrip()


def sorted_by(name: str) -> str:
    """Return by what a name is sorted and found: without accents and case, so that Ä is with A.

    What begins with no letter begins with ``#`` here.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", shown(name)).casefold())
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return plain if plain[:1].isalpha() else _OTHERS + plain


def beginning(key: str, length: int) -> str:
    """Return the first ``length`` characters of a key, or all of it and a mark of its end."""
    return (key + _END)[:length]


def file_name(first: str, last: str) -> str:
    """Return the name of the file that has all names of some beginnings, which differ by their last letter only."""
    until = "" if first == last else f"-{last[-1].encode().hex()}"
    return f"{first.encode().hex()}{until}.xml"


def opened_by(name: str, query: bytes, names: Sequence[str]) -> str:
    """Return the name of the file that a request with a query opens: ``name`` itself where it takes none.

    Args:
        name: What is asked for, normalised.
        query: What followed the question mark; it is anybody's.
        names: Names of phone books' files, in order.
    """
    searched = _SEARCHED.fullmatch(name)
    typed = shown(_typed_in(query)) if searched is not None else ""
    if searched is None or not typed:
        return name
    folder, key = searched[1], sorted_by(typed)[:MOST_TYPED]
    place = bisect_right(names, folder + file_name(key, key))
    found = names[place - 1] if place else ""
    return found if _covers(found.removeprefix(folder).removesuffix(".xml"), key) else folder + NOBODY


def _covers(stem: str, key: str) -> bool:
    """Return whether a file, which does not come behind a key, has the names that begin so."""
    first, _, last = stem.partition("-")
    try:
        begins, ends = bytes.fromhex(first).decode(), bytes.fromhex(last).decode()
    except ValueError:
        return False  # it is another book's, or the form
    until = begins[:-1] + ends if ends else begins
    return bool(begins) and key[: len(begins)] <= until


def _typed_in(query: bytes) -> str:
    """Return what somebody typed, from a query; phones write UTF-8 or Latin-1."""
    if len(query) > LONGEST_QUERY_BYTES:
        return ""
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if name == PARAMETER:
            typed = _ESCAPE.sub(lambda escape: bytes((int(escape[1], 16),)), value.replace(b"+", b" "))
            try:
                return typed.decode()
            except UnicodeDecodeError:
                return typed.decode("latin-1")
    return ""


def _is_seen(letter: str) -> bool:
    return unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
