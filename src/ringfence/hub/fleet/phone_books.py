"""Phone books: names and numbers that phones list, entered as a table, or taken from the organisation's own lines.

A book goes to every phone of its sites, and to whoever may ask their edges for files that all phones share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, delete, func, insert, or_, select
from sqlalchemy.orm import Session

from ringfence.content.digests import Digest, sha256_hex
from ringfence.content.release import Target, TargetKind
from ringfence.errors import BadInput
from ringfence.hub.errors import LimitReached, NameRefused, PhoneBookTaken, UnknownPhoneBook
from ringfence.hub.fleet import groups, sites
from ringfence.hub.fleet.sites import slug
from ringfence.hub.store.access_scope import beyond_scope
from ringfence.hub.store.change import Change
from ringfence.hub.store.dialect import contains_in_any_case
from ringfence.hub.store.models import LineRow
from ringfence.hub.store.phone_book_models import (
    LDAP,
    LINES,
    TABLE,
    PhoneBookDirectoryRow,
    PhoneBookEntryRow,
    PhoneBookGroupRow,
    PhoneBookRow,
    PhoneBookSiteRow,
)
from ringfence.phones.assets import phone_books as files
from ringfence.phones.assets.book_names import shown
from ringfence.phones.assets.phone_books import BookEntry, PhoneBook, Shelfmark
from ringfence.phones.family import BookForm
from ringfence.phones.settings.types import is_printable

SOURCES = (TABLE, LINES, LDAP)
LONGEST_NAME = 32
LONGEST_ENTRY = 200
MOST_BOOKS = 20
MOST_ENTRIES = 5000
"""Of one book: about 300 files, each of which an edge holds open."""
_AT_ONCE = 1000
_OF_OTHERS = {LINES: "the organisation's lines", LDAP: "what its directory has"}


@dataclass(frozen=True, slots=True)
class EntryRefusal:
    """Why one entry can't be used: its row and column, and what is wrong."""

    row: int
    column: str
    fault: BadInput


@dataclass(frozen=True, slots=True)
class BookSize:
    """How many entries a book has, and how many more there are than it has room for."""

    entries: int
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry as it was typed; ``row`` is where it was read."""

    name: str
    number: str
    row: int = 0


def create(
    change: Change, name: str, source: str, site_ids: Sequence[str], group_ids: Sequence[str] = ()
) -> PhoneBookRow:
    """Create a book for some sites, or without any for all of them, those that come later too.

    With groups, only phones of those have it, at these sites.

    Raises:
        NameRefused: The name or the source can't be one.
        PhoneBookTaken: There is such a book.
        LimitReached: There are as many as there may be.
        UnknownSite, UnknownGroup: One of them is none.
    """
    session, name = change.session, name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not is_printable(name) or not slug(name):
        raise NameRefused(
            f"a phone book's name must have 1 to {LONGEST_NAME} characters, a letter or digit among them",
            where=repr(name[:60]),
        )
    if source not in SOURCES:
        raise NameRefused(f"there is no source {source[:40]!r}", to_do=f"There are: {', '.join(SOURCES)}.")
    if session.get(PhoneBookRow, slug(name)) is not None:
        raise PhoneBookTaken(f"there already is a phone book {slug(name)}", to_do="Choose another name.")
    if (session.scalar(select(func.count()).select_from(PhoneBookRow)) or 0) >= MOST_BOOKS:
        raise LimitReached(f"there are {MOST_BOOKS} phone books, the most that there may be", to_do="Remove one.")
    row = PhoneBookRow(
        id=slug(name), name=name, source=source, is_everywhere=not site_ids, is_for_groups=bool(group_ids),
        created_at=change.now, changed_at=change.now, changed_by=change.who,
    )  # fmt: skip
    session.add(row)
    session.flush()
    found = dict.fromkeys(sites.get(session, site_id).id for site_id in site_ids)
    session.add_all(PhoneBookSiteRow(book_id=row.id, site_id=site_id) for site_id in found)
    of_groups = dict.fromkeys(groups.get(session, group_id).id for group_id in group_ids)
    session.add_all(PhoneBookGroupRow(book_id=row.id, group_id=group_id) for group_id in of_groups)
    whom = f"{', '.join(found) or 'all sites'}{', groups ' * bool(of_groups)}{', '.join(of_groups)}"
    change.note("phone-book.create", row.id, f"of {source}, for {whom}"[:500])
    return row


def find(session: Session) -> Sequence[PhoneBookRow]:
    """Return all books, by name."""
    return session.scalars(select(PhoneBookRow).order_by(PhoneBookRow.name, PhoneBookRow.id)).all()


def get(session: Session, book_id: str) -> PhoneBookRow:
    """Return a book; UnknownPhoneBook where there is none."""
    row = session.get(PhoneBookRow, book_id)
    if row is None:
        raise UnknownPhoneBook(
            f"there is no phone book {book_id[:40]!r}", to_do="`ringfence phone-book list` shows all."
        )
    return row


def sites_of(session: Session, row: PhoneBookRow) -> Sequence[str]:
    """Return the sites that a book is for; without any where it is for all, see ``is_everywhere``."""
    chosen = select(PhoneBookSiteRow.site_id).where(PhoneBookSiteRow.book_id == row.id)
    return session.scalars(chosen.order_by(PhoneBookSiteRow.site_id)).all()


def groups_of(session: Session, row: PhoneBookRow) -> Sequence[str]:
    """Return the groups that a book is for; see ``is_for_groups``."""
    chosen = select(PhoneBookGroupRow.group_id).where(PhoneBookGroupRow.book_id == row.id)
    return session.scalars(chosen.order_by(PhoneBookGroupRow.group_id)).all()


def entries(book_id: str, search: str = "") -> Select[PhoneBookEntryRow]:
    """Return the query for a table's entries, or those whose name or number has a text in it."""
    chosen = select(PhoneBookEntryRow).where(PhoneBookEntryRow.book_id == book_id)
    if search:
        columns = (PhoneBookEntryRow.name, PhoneBookEntryRow.number)
        chosen = chosen.where(or_(*(contains_in_any_case(column, search) for column in columns)))
    return chosen


def size_of(session: Session, row: PhoneBookRow) -> BookSize:
    """Return how much is in a book; lines that no phone can dial are counted, though not listed."""
    counted = select(func.count()).select_from(PhoneBookEntryRow).where(PhoneBookEntryRow.book_id == row.id)
    if row.source == LINES:
        counted = select(func.count(LineRow.name.distinct()))
    there = session.scalar(counted) or 0
    if row.source == LDAP:
        directory = session.get(PhoneBookDirectoryRow, row.id)
        return BookSize(there, 0 if directory is None else directory.left_out)
    return BookSize(min(there, MOST_ENTRIES), max(0, there - MOST_ENTRIES))


def content_of(session: Session, row: PhoneBookRow) -> Sequence[BookEntry]:
    """Return what a book has now."""
    if row.source == LINES:
        return _of_lines(session)
    entry = PhoneBookEntryRow
    found = session.execute(select(entry.name, entry.number).where(entry.book_id == row.id).order_by(entry.position))
    return [BookEntry(name, number) for name, number in found]


def replace_entries(
    change: Change, row: PhoneBookRow, given: Sequence[NewEntry], *, dry_run: bool = False
) -> list[EntryRefusal]:
    """Replace a table's entries by others: all of them, or none and a list of everything that is wrong.

    Raises:
        NameRefused: The book has no entries of its own.
        LimitReached: There are more than a book may have.
    """
    if row.source != TABLE:
        raise NameRefused(
            f"phone book {row.id} lists {_OF_OTHERS[row.source]}, and has no entries of its own",
            to_do="Create one of its own: ringfence phone-book create NAME.",
        )
    if len(given) > MOST_ENTRIES:
        raise LimitReached(f"a phone book has at most {MOST_ENTRIES:,} entries, and these are {len(given):,}")
    refusals, rows = list[EntryRefusal](), list[dict[str, object]]()
    for position, entry in enumerate(given):
        name, number = entry.name.strip(), files.as_dialled(entry.number)
        if not 1 <= len(name) <= LONGEST_ENTRY or not is_printable(name) or not shown(name):
            wrong = NameRefused(f"a name has 1 to {LONGEST_ENTRY} characters that a phone can show")
            refusals.append(EntryRefusal(entry.row, "name", wrong))
        if not number:
            wrong = NameRefused(f"{entry.number[:40]!r} is no number that a phone can dial")
            refusals.append(EntryRefusal(entry.row, "number", wrong))
        rows.append({"book_id": row.id, "position": position, "name": name, "number": number})
    if refusals or dry_run:
        return refusals
    _put(change, row, rows, "phone-book.import")
    return []


def keep_read(change: Change, row: PhoneBookRow, found: Sequence[BookEntry]) -> None:
    """Give a book what its directory has; where that is what it has, nothing changes."""
    if list(content_of(change.session, row)) == list(found):
        return
    rows: list[dict[str, object]] = [
        {"book_id": row.id, "position": position, "name": entry.name, "number": entry.number}
        for position, entry in enumerate(found)
    ]
    _put(change, row, rows, "phone-book.refresh")


def remove(change: Change, book_id: str) -> None:
    """Remove a book; the next publish takes it from the phones."""
    change.session.delete(get(change.session, book_id))
    change.note("phone-book.remove", book_id)


class BookCase:
    """The books that sites have, for a publish; what is in one is read once, and only where a site's files are made."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows = find(session)
        places = session.execute(select(PhoneBookSiteRow.book_id, PhoneBookSiteRow.site_id)) if self._rows else ()
        self._places = {(book_id, site_id) for book_id, site_id in places}
        members = session.execute(select(PhoneBookGroupRow.book_id, PhoneBookGroupRow.group_id)) if self._rows else ()
        self._members = {(book_id, group_id) for book_id, group_id in members}
        self._asked: dict[str, dict[Shelfmark, tuple[PhoneBookRow, ...]]] = {}
        self._books: dict[str, PhoneBook] = {}
        self._made: dict[tuple[tuple[str, ...], Shelfmark], Mapping[str, bytes]] = {}

    def url_for(self, site_id: str, group_id: str | None, edge_url: str, form: BookForm) -> str:
        """Return what the directory key of a site's phone opens; empty if it has no book.

        Args:
            site_id: The site.
            group_id: The phone's group.
            edge_url: The address by which it reaches its edge; the site gets files for it.
            form: The form that it reads.
        """
        rows = self._of(site_id, group_id)
        if not rows:
            return ""
        plain = edge_url.rstrip("/")
        chosen = ",".join(row.id for row in rows) if any(row.is_for_groups for row in rows) else ""
        mark = Shelfmark(plain, form, chosen)
        self._asked.setdefault(site_id, {})[mark] = tuple(rows)
        return f"{plain}/{mark.menu_name}"

    def for_site(self, site_id: str) -> tuple[list[Target], dict[Digest, bytes]]:
        """Return the files of a site's books, and their bytes, for all addresses that its phones were given."""
        targets: dict[str, Target] = {}
        blobs: dict[Digest, bytes] = {}
        asked = self._asked.get(site_id, {})
        for mark in sorted(asked, key=lambda each: each.menu_name):
            rows = asked[mark]
            key = (tuple(row.id for row in rows), mark)
            if key not in self._made:
                self._made[key] = files.files_of([self._book(row) for row in rows], mark)
            for name, data in self._made[key].items():
                digest = sha256_hex(data)
                blobs[digest] = data
                targets[name] = Target(name, digest, len(data), TargetKind.SHARED)
        return list(targets.values()), blobs

    def _of(self, site_id: str, group_id: str | None) -> list[PhoneBookRow]:
        return [
            row
            for row in self._rows
            if (row.is_everywhere or (row.id, site_id) in self._places)
            and (not row.is_for_groups or (row.id, group_id) in self._members)
        ]

    def _book(self, row: PhoneBookRow) -> PhoneBook:
        if row.id not in self._books:
            self._books[row.id] = PhoneBook(row.name, content_of(self._session, row))
        return self._books[row.id]


def _put(change: Change, row: PhoneBookRow, rows: Sequence[dict[str, object]], action: str) -> None:
    """Replace a book's entries."""
    session = change.session
    session.execute(delete(PhoneBookEntryRow).where(PhoneBookEntryRow.book_id == row.id))
    for start in range(0, len(rows), _AT_ONCE):
        session.execute(insert(PhoneBookEntryRow), rows[start : start + _AT_ONCE])
    row.edition, row.changed_at, row.changed_by = row.edition + 1, change.now, change.who
    change.note(action, row.id, f"{len(rows):,} entries")


def _of_lines(session: Session) -> Sequence[BookEntry]:
    """Return the organisation's lines that can be dialled, each user once, under what others see of it."""
    of_lines = select(LineRow.name, LineRow.display_name, LineRow.label)
    chosen = beyond_scope(of_lines.order_by(LineRow.name, LineRow.mac, LineRow.index))  # whoever publishes it
    found: dict[str, BookEntry] = {}
    for user, display_name, label in session.execute(chosen):
        if user not in found and files.as_dialled(user) == user:
            found[user] = BookEntry(shown(display_name) or shown(label) or user, user)
            if len(found) == MOST_ENTRIES:
                break
    return list(found.values())
