"""Phone books: names and numbers that phones list."""

import csv
import io
from collections.abc import Sequence

from fastapi import APIRouter, Response

from ringfence.errors import RingfenceError
from ringfence.hub.errors import BadSelection
from ringfence.hub.fleet import book_directories, edge_addresses, groups, phone_books
from ringfence.hub.fleet.book_directories import DirectorySource
from ringfence.hub.fleet.phone_books import EntryRefusal, NewEntry
from ringfence.hub.people.forms import NO_FORM, Form, TheForm
from ringfence.hub.store import pages
from ringfence.hub.store.phone_book_models import LDAP, LINES, TABLE, PhoneBookDirectoryRow, PhoneBookEntryRow
from ringfence.hub.telephony import directory_refresh
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage
from ringfence.hub.web.phones.changes import find_site
from ringfence.secret import Secret

router = APIRouter(prefix="/phone-books")

_CELLS = 2
_SOURCES = {TABLE: "its own table", LINES: "lines of the organisation's phones", LDAP: "a directory"}
_MOST_TOLD = 50


@router.get("")
def list_phone_books(page: TheWebPage) -> PageAnswer:
    """Show the phone books."""
    with page.hub.database.reading() as session:
        found = pages.cut(phone_books.find(session), page.rows)
        rows = [
            (row, phone_books.size_of(session, row), phone_books.sites_of(session, row),
             phone_books.groups_of(session, row), edge_addresses.without(session, row).count)
            for row in found.rows
        ]  # fmt: skip
    return page.show("phone_books/list.html", rows=rows, next=found.next, sources=_SOURCES)


@router.get("/-/new")
def show_new_phone_book(page: TheFormPage) -> PageAnswer:
    """Show the form for a new phone book."""
    return page.show("phone_books/new.html", form={}, fault=None)


@router.post("/-/new")
def create_phone_book(page: TheFormPage, form: TheForm) -> Response:
    """Create a phone book."""
    try:
        with page.hub.change(page.caller.name) as change:
            texts = filter(None, map(str.strip, form.get("sites", "").splitlines()))
            site_ids = [find_site(change.session, text) for text in texts]
            group_ids = [
                (groups.find_one(change.session, text) or groups.get(change.session, text)).id
                for text in filter(None, map(str.strip, form.get("groups", "").splitlines()))
            ]
            row = phone_books.create(change, form.get("name", ""), form.get("source", ""), site_ids, group_ids)
    except RingfenceError as fault:
        return page.refused("phone_books/new.html", fault, form)
    return page.go("phone-books", row.id, done="created")


@router.get("/{book}")
def show_phone_book(book: str, page: TheWebPage) -> PageAnswer:
    """Show a phone book with its entries."""
    return _show(page, book)


@router.post("/{book}")
def replace_entries(book: str, page: TheFormPage, form: TheForm) -> Response:
    """Replace a book's entries, all or none."""
    try:
        given = _entries(form)
        with page.hub.change(page.caller.name) as change:
            row = phone_books.get(change.session, book)
            refused = phone_books.replace_entries(change, row, given)
    except RingfenceError as fault:
        return _show(page, book, fault, form)
    if refused:
        wrong = BadSelection(f"nothing was taken, as entries can't be used: {len(refused)}", to_do="Correct them.")
        return _show(page, book, wrong, form, refused[:_MOST_TOLD])
    return page.go("phone-books", book, done="saved")


@router.post("/{book}/directory")
def put_directory(book: str, page: TheFormPage, form: TheForm) -> Response:
    """Say which directory a book is read from."""
    numbers = tuple(filter(None, (text.strip() for text in form.get("number_attributes", "").split(","))))
    usual = DirectorySource("", "")
    source = DirectorySource(
        form.get("url", "").strip(), form.get("base", "").strip(), form.get("user", "").strip(),
        form.get("filter", "").strip() or usual.filter, form.get("name_attribute", "").strip() or usual.name_attribute,
        numbers or usual.number_attributes, form.get("trust", ""), form.get("allow_clear_text", "") == "yes",
    )  # fmt: skip
    password = Secret(form["password"]) if form.get("password") else None
    try:
        with page.hub.change(page.caller.name) as change:
            row = phone_books.get(change.session, book)
            book_directories.put(change, page.hub.sealer, row, source, password, page.hub.config.pbx_networks)
    except RingfenceError as fault:
        return _show(page, book, fault, form)
    return page.go("phone-books", book, done="saved")


@router.post("/{book}/refresh")
def refresh_phone_book(book: str, page: TheFormPage) -> Response:
    """Read a book from its directory now."""
    try:
        directory_refresh.refresh(page.hub, book, page.caller.name)
    except RingfenceError as fault:
        return _show(page, book, fault)
    return page.go("phone-books", book, done="read")


@router.get("/{book}/remove")
def ask_to_remove(book: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a book is to be removed."""
    with page.hub.database.reading() as session:
        return page.show("phone_books/remove.html", row=phone_books.get(session, book))


@router.post("/{book}/remove")
def remove_phone_book(book: str, page: TheFormPage) -> Response:
    """Remove a phone book."""
    with page.hub.change(page.caller.name) as change:
        phone_books.remove(change, book)
    return page.go("phone-books", done="removed")


def _show(
    page: WebPage,
    book: str,
    fault: RingfenceError | None = None,
    form: Form = NO_FORM,
    refusals: Sequence[EntryRefusal] = (),
) -> PageAnswer:
    with page.hub.database.reading() as session:
        row = phone_books.get(session, book)
        at, size = phone_books.sites_of(session, row), phone_books.size_of(session, row)
        without = edge_addresses.without(session, row)
        of_groups, directory = phone_books.groups_of(session, row), book_directories.get(session, row)
        found = pages.read(session, phone_books.entries(row.id), page.rows, PhoneBookEntryRow.position)
    values = {
        "row": row,
        "at": at,
        "groups": of_groups,
        "size": size,
        "rows": found.rows,
        "next": found.next,
        "refusals": refusals,
        "directory": directory,
        "sources": _SOURCES,
        "without": without,
        "of_directory": "url" in form,
        "typed": form if "url" in form else _typed(directory),
    }
    if fault is None:
        return page.show("phone_books/book.html", fault=None, form=form, **values)
    return page.refused("phone_books/book.html", fault, form, **values)


def _typed(directory: PhoneBookDirectoryRow | None) -> Form:
    """Return what the form of a directory shows; never its password."""
    source = DirectorySource("", "") if directory is None else book_directories.source_of(directory)
    return {
        "url": source.url, "base": source.base, "user": source.user, "filter": source.filter,
        "name_attribute": source.name_attribute, "number_attributes": ", ".join(source.number_attributes),
        "trust": source.trust, **({"allow_clear_text": "yes"} if source.allows_clear_text else {}),
    }  # fmt: skip


def _entries(form: Form) -> list[NewEntry]:
    """Return what was typed or pasted, a row for each line.

    Raises:
        BadSelection: It can't be read, or a row has not two cells.
    """
    text = form.get("table", "")
    first = next(iter(text.splitlines()), "")
    separator = max(",;\t", key=first.count)
    found = []
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as fault:
        raise BadSelection(f"the table can't be read: {fault}", to_do="Check its quotation marks.") from None
    for number, cells in enumerate(rows, 1):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != _CELLS:
            raise BadSelection(f"row {number} has {len(cells)} cells, not name and number", to_do="Correct it.")
        found.append(NewEntry(cells[0], cells[1], number))
    return found
