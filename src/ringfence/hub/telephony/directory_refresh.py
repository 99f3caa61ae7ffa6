"""Books that are read from directories: read anew now and then; while a directory is away, its last entries stay."""

from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.errors import DirectoryUnavailable
from ringfence.hub.fleet import book_directories, phone_books
from ringfence.hub.store.phone_book_models import PhoneBookDirectoryRow
from ringfence.hub.telephony import ldap_directory
from ringfence.hub.telephony.ldap_directory import DirectoryContent
from ringfence.hub.telephony.pbx.connection import PbxAccess

_WHO = "the directory"
_LONGEST_PROBLEM = 300
_log = logs.get("directories")


def go_on(hub: Hub) -> None:
    """Read the books of an organisation that are due; what fails is noted with its book."""
    with hub.change(_WHO) as change:
        due = book_directories.take_due(change)
    for book_id in due:
        try:
            refresh(hub, book_id, _WHO)
        except RingfenceError as fault:
            _log.warning("a directory was not read", book=book_id, problem=str(fault))


def refresh(hub: Hub, book_id: str, who: str) -> None:
    """Read a book from its directory; entries change where those of the directory have.

    Raises:
        UnknownPhoneBook: There is no such book.
        DirectoryUnavailable: It could not be read; the book says why, and keeps what it has.
        PbxAddressRefused: The hub may not go there; likewise.
    """
    with hub.database.reading() as session:
        row = book_directories.get(session, phone_books.get(session, book_id))
        if row is None:
            raise DirectoryUnavailable(
                f"phone book {book_id} has no directory",
                to_do="Name one; ringfence phone-book ldap --help says how.",
            )
        source, password = book_directories.source_of(row), book_directories.password_of(hub.sealer, row)
    try:
        access = PbxAccess(networks=hub.config.pbx_networks, trust=source.trust)
        found = ldap_directory.read(source, password, access)
    except RingfenceError as fault:
        _note(hub, book_id, who, None, f"{fault.what}{f' ({fault.where})' if fault.where else ''}")
        raise
    _note(hub, book_id, who, found, "")


def _note(hub: Hub, book_id: str, who: str, found: DirectoryContent | None, problem: str) -> None:
    with hub.change(who) as change:
        row = change.session.get(PhoneBookDirectoryRow, book_id)
        if row is None:
            return  # it was removed meanwhile
        row.asked_at, row.problem = change.now, problem[:_LONGEST_PROBLEM]
        if found is not None:
            row.answered_at, row.left_out = change.now, found.left_out
            phone_books.keep_read(change, phone_books.get(change.session, book_id), found.entries)
