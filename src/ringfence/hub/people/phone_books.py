"""Phone books: names and numbers that phones list."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from ringfence.hub.fleet import book_directories, edge_addresses, phone_books
from ringfence.hub.fleet.book_directories import DirectorySource
from ringfence.hub.fleet.phone_books import NewEntry
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.phone_books import (
    BookDirectoryView,
    NewBookDirectory,
    NewPhoneBook,
    PhoneBookEntries,
    PhoneBookEntryView,
    PhoneBookImportView,
    PhoneBookRefusalView,
    PhoneBookView,
    SiteWithoutAddressView,
)
from ringfence.hub.store import pages
from ringfence.hub.store.phone_book_models import PhoneBookDirectoryRow, PhoneBookEntryRow, PhoneBookRow
from ringfence.hub.telephony import directory_refresh
from ringfence.secret import Secret

router = APIRouter(tags=["phone books"])


@router.post("/phone-books", status_code=201)
def create_phone_book(body: NewPhoneBook, hub: TheHub, caller: TheCaller) -> PhoneBookView:
    """Create a phone book. What it holds goes to every phone of its sites, or of its groups there."""
    with hub.change(caller.name) as change:
        return _view(change.session, phone_books.create(change, body.name, body.source, body.sites, body.groups))


@router.get("/phone-books")
def list_phone_books(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[PhoneBookView]:
    """List the phone books, by name."""
    with hub.database.reading() as session:
        return Items.of(pages.cut(phone_books.find(session), page).each(lambda row: _view(session, row)))


@router.get("/phone-books/{book}")
def show_phone_book(book: str, hub: TheHub, _caller: TheCaller) -> PhoneBookView:
    """Show a phone book."""
    with hub.database.reading() as session:
        return _view(session, phone_books.get(session, book))


@router.delete("/phone-books/{book}", status_code=204)
def remove_phone_book(book: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove a phone book; the next publish takes it from the phones."""
    with hub.change(caller.name) as change:
        phone_books.remove(change, book)


@router.put("/phone-books/{book}/directory")
def put_directory(book: str, body: NewBookDirectory, hub: TheHub, caller: TheCaller) -> PhoneBookView:
    """Say which directory a book is read from; it is read soon, and then every hour."""
    source = DirectorySource(
        body.url, body.base, body.user, body.filter, body.name_attribute, tuple(body.number_attributes), body.trust,
        body.allow_clear_text,
    )  # fmt: skip
    password = None if body.password is None else Secret(body.password)
    with hub.change(caller.name) as change:
        row = phone_books.get(change.session, book)
        book_directories.put(change, hub.sealer, row, source, password, hub.config.pbx_networks)
        change.session.flush()
        return _view(change.session, row)


@router.post("/phone-books/{book}/refresh")
def refresh_phone_book(book: str, hub: TheHub, caller: TheCaller) -> PhoneBookView:
    """Read a book from its directory now."""
    directory_refresh.refresh(hub, book, caller.name)
    with hub.database.reading() as session:
        return _view(session, phone_books.get(session, book))


@router.get("/phone-books/{book}/entries")
def list_entries(
    book: str,
    hub: TheHub,
    _caller: TheCaller,
    page: ThePage,
    search: Annotated[str, Query(max_length=100, description="Part of a name or number")] = "",
) -> Items[PhoneBookEntryView]:
    """List the entries of a book that has some of its own, in the order of their import."""
    with hub.database.reading() as session:
        chosen = phone_books.entries(phone_books.get(session, book).id, search)
        found = pages.read(session, chosen, page, PhoneBookEntryRow.position)
        return Items.of(found.each(lambda row: PhoneBookEntryView(name=row.name, number=row.number)))


@router.put("/phone-books/{book}/entries")
def import_entries(book: str, body: PhoneBookEntries, hub: TheHub, caller: TheCaller) -> PhoneBookImportView:
    """Replace a book's entries: all of them, or none and a list of everything that is wrong."""
    given = [NewEntry(entry.name, entry.number, entry.row) for entry in body.entries]
    with hub.change(caller.name) as change:
        row = phone_books.get(change.session, book)
        refusals = phone_books.replace_entries(change, row, given, dry_run=body.dry_run)
    return PhoneBookImportView(
        kept=not (refusals or body.dry_run), entries=len(given),
        refusals=[
            PhoneBookRefusalView(row=each.row, column=each.column, what=each.fault.what) for each in refusals
        ],
    )  # fmt: skip


def _view(session: Session, row: PhoneBookRow) -> PhoneBookView:
    size, without = phone_books.size_of(session, row), edge_addresses.without(session, row)
    return PhoneBookView(
        id=row.id, name=row.name, source=row.source, everywhere=row.is_everywhere,
        sites=list(phone_books.sites_of(session, row)), for_groups=row.is_for_groups,
        groups=list(phone_books.groups_of(session, row)), entries=size.entries, left_out=size.left_out,
        created_at=row.created_at, changed_at=row.changed_at, changed_by=row.changed_by,
        directory=_directory(book_directories.get(session, row)), sites_without_address=without.count,
        without_address=[SiteWithoutAddressView(site=each.id, suggested=[*each.suggested]) for each in without.sites],
    )  # fmt: skip


def _directory(row: PhoneBookDirectoryRow | None) -> BookDirectoryView | None:
    if row is None:
        return None
    return BookDirectoryView(
        url=row.url, base=row.base, user=row.user, filter=row.filter, name_attribute=row.name_attribute,
        number_attributes=row.number_attributes.split(","), allow_clear_text=row.allows_clear_text,
        asked_at=row.asked_at, answered_at=row.answered_at, problem=row.problem,
    )  # fmt: skip
