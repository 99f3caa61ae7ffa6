"""Directories that phone books are read from: where they are, what is asked of them, and how that went last."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sansldap import LDAPFilter
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.errors import NameRefused, PbxAddressRefused
from ringfence.hub.fleet import pbx_addresses, pbxes
from ringfence.hub.store.change import Change
from ringfence.hub.store.phone_book_models import LDAP, PhoneBookDirectoryRow, PhoneBookRow
from ringfence.phones.settings.types import is_printable
from ringfence.secret import Secret

REFRESHED_EVERY_S = 3600.0
TRIED_AGAIN_AFTER_S = 600.0
MOST_NUMBERS = 5
_SCHEMES = ("ldaps", "ldap")
_LONGEST_DN = 500
_LONGEST_FILTER = 1000
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}(?:;[A-Za-z0-9-]{1,64})?")
_USUAL_FILTER = "(telephoneNumber=*)"


@dataclass(frozen=True, slots=True)
class DirectorySource:
    """What is asked of a directory; of ``number_attributes`` the first counts that somebody has."""

    url: str
    base: str
    user: str = ""
    filter: str = _USUAL_FILTER
    name_attribute: str = "cn"
    number_attributes: tuple[str, ...] = ("telephoneNumber", "mobile")
    trust: str = ""
    """A CA's certificate in PEM, or the SHA-256 of the directory's own; empty for the machine's CAs."""
    allows_clear_text: bool = False


def put(
    change: Change, sealer: Sealer, book: PhoneBookRow, source: DirectorySource, password: Secret | None,
    networks: Sequence[str],
) -> PhoneBookDirectoryRow:  # fmt: skip
    """Say where a book is read from; it is read soon.

    Args:
        change: The change.
        sealer: Seals the password.
        book: The book.
        source: The directory.
        password: Its user's; None for the one that there is, where the user and the address are the same.
        networks: Where the hub may go (``pbx_networks``).

    Raises:
        NameRefused: One of its parts can't be one, or the book is of another source.
        PbxAddressRefused: The hub may not go there.
    """
    if book.source != LDAP:
        raise NameRefused(f"phone book {book.id} is not read from a directory", to_do="Create one with --ldap.")
    _check(source, networks)
    trust = pbxes.read_trust(source.trust) if source.trust.strip() else ""
    row = change.session.get(PhoneBookDirectoryRow, book.id)
    if row is None:
        row = PhoneBookDirectoryRow(book_id=book.id, sealed_password=b"", problem="", left_out=0)
        change.session.add(row)
    elif password is None and (row.url, row.user) != (source.url, source.user):
        password = Secret("")  # it is not given to another address, nor to another user
    row.url, row.base, row.user, row.filter = source.url, source.base, source.user, source.filter
    row.name_attribute, row.number_attributes = source.name_attribute, ",".join(source.number_attributes)
    row.trust, row.allows_clear_text = trust, source.allows_clear_text
    if password is not None:
        row.sealed_password = sealer.seal(password, _record(book.id)) if password else b""
    row.asked_at, row.problem = None, ""
    change.note("phone-book.directory", book.id, f"at {source.url}")
    return row


def get(session: Session, book: PhoneBookRow) -> PhoneBookDirectoryRow | None:
    """Return the directory that a book is read from; None where nobody has said yet."""
    return session.get(PhoneBookDirectoryRow, book.id) if book.source == LDAP else None


def source_of(row: PhoneBookDirectoryRow) -> DirectorySource:
    """Return what is asked of a directory."""
    return DirectorySource(
        row.url, row.base, row.user, row.filter, row.name_attribute, tuple(row.number_attributes.split(",")), row.trust,
        row.allows_clear_text,
    )  # fmt: skip


def password_of(sealer: Sealer, row: PhoneBookDirectoryRow) -> Secret:
    """Return the password of a directory's user; empty if it needs none."""
    return sealer.open(row.sealed_password, _record(row.book_id)) if row.sealed_password else Secret("")


def passwords(session: Session, sealer: Sealer) -> Iterator[tuple[str, Secret]]:
    """Yield every directory's password with its book's id; none that can't be opened."""
    for row in session.scalars(select(PhoneBookDirectoryRow)):
        with contextlib.suppress(SealBroken):
            if password := password_of(sealer, row):
                yield row.book_id, password


def is_due(now: float) -> ColumnElement[bool]:
    """Return the condition that a directory is to be read now."""
    row = PhoneBookDirectoryRow
    return or_(
        row.asked_at.is_(None),
        row.asked_at <= now - REFRESHED_EVERY_S,
        (row.problem != "") & (row.asked_at <= now - TRIED_AGAIN_AFTER_S),
    )


def take_due(change: Change) -> list[str]:
    """Return the books that are to be read now, and note that they are: no other hub reads them meanwhile."""
    row = PhoneBookDirectoryRow
    found = change.session.scalars(select(row).where(is_due(change.now)).order_by(row.book_id)).all()
    for each in found:
        each.asked_at = change.now
    return [each.book_id for each in found]


def _check(source: DirectorySource, networks: Sequence[str]) -> None:
    _check_address(source.url, networks)
    for what, text in (("base", source.base), ("user", source.user)):
        if len(text) > _LONGEST_DN or not is_printable(text):
            raise NameRefused(f"the {what} has more than {_LONGEST_DN} characters, or some that nobody sees")
    try:
        is_filter = len(source.filter) <= _LONGEST_FILTER and bool(LDAPFilter.from_string(source.filter))
    except (ValueError, RecursionError):
        is_filter = False
    if not is_filter:
        raise NameRefused(f"{source.filter[:80]!r} is no filter", to_do=f"Write one such as {_USUAL_FILTER}.")
    if not 1 <= len(source.number_attributes) <= MOST_NUMBERS:
        raise NameRefused(f"a book takes numbers from 1 to {MOST_NUMBERS} attributes")
    for name in (source.name_attribute, *source.number_attributes):
        if not _ATTRIBUTE.fullmatch(name):
            raise NameRefused(f"{name[:40]!r} is no attribute's name", to_do="Write one such as telephoneNumber.")


def _check_address(url: str, networks: Sequence[str]) -> None:
    try:
        address = urlsplit(url)
        is_url = address.scheme in _SCHEMES and bool(address.hostname) and address.port != 0
    except ValueError:
        is_url = False
    if not is_url or address.path.strip("/") or address.query or address.username or len(url) > 300:  # noqa: PLR2004
        raise NameRefused(f"{url[:80]!r} is not a directory's address", to_do="Write ldaps://HOST or ldap://HOST.")
    _check_literal(str(address.hostname), networks)


def _check_literal(host: str, networks: Sequence[str]) -> None:
    literal = pbx_addresses.literal(host)
    if literal is not None and (why := pbx_addresses.why_not(literal, networks)):
        raise PbxAddressRefused(
            f"the hub may not go to {literal}: {why}",
            to_do="If a directory is there, add its network to `pbx_networks` in hub.toml, and restart the hub.",
        )


def _record(book_id: str) -> str:
    return f"phone-book-directory:{book_id}"
