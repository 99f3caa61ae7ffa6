"""A directory that speaks LDAP (RFC 4511): names and numbers, read page by page over one bounded connection.

The connection is as to a PBX: its address is checked, and its time and bytes are bounded. What it says is parsed by
sansldap, which does no I/O. A password goes over TLS alone, begun at once (ldaps) or by StartTLS (RFC 4513), unless
somebody has said that the way there is theirs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from sansldap import (
    ExtendedOperations,
    LDAPClient,
    LDAPError,
    LDAPFilter,
    LDAPMessage,
    LDAPResultCode,
    PagedResultControl,
    SearchResultDone,
    SearchResultEntry,
    SearchResultReference,
)

from ringfence.hub.errors import DirectoryUnavailable, PbxUnavailable
from ringfence.hub.fleet.book_directories import DirectorySource
from ringfence.hub.fleet.phone_books import MOST_ENTRIES
from ringfence.hub.telephony.pbx.connection import PbxAccess, PbxConnection, connected
from ringfence.phones.assets.book_names import shown
from ringfence.phones.assets.phone_books import BookEntry, as_dialled
from ringfence.printable import printable
from ringfence.secret import Secret

LONGEST_S = 60.0
MOST_BYTES = 32 << 20
PORTS = {"ldap": 389, "ldaps": 636}
_ON_A_PAGE = 500
_MOST_SEEN = 50_000
"""Entries of a directory that are looked at, with a number or without."""
_MALFORMED = (LDAPError, ValueError, NotImplementedError, LookupError, TypeError, RecursionError)
"""What sansldap raises for bytes that are no LDAP; it documents the first alone."""
_SAYS: dict[int, tuple[str, str]] = {
    LDAPResultCode.INVALID_CREDENTIALS: ("it does not take the user and password", "Give it others."),
    LDAPResultCode.NO_SUCH_OBJECT: ("it has nothing at the base", "Correct the base."),
    LDAPResultCode.INVALID_DN_SYNTAX: ("the user or the base is no distinguished name", "Correct it."),
    LDAPResultCode.INSUFFICIENT_ACCESS_RIGHTS: ("it does not let this user read", "Give its user the right to."),
    LDAPResultCode.CONFIDENTIALITY_REQUIRED: ("it wants TLS", "Use ldaps://."),
    LDAPResultCode.STRONG_AUTH_REQUIRED: ("it wants TLS", "Use ldaps://."),
}


@dataclass(frozen=True, slots=True)
class DirectoryContent:
    """What a directory has for a book, and how many more there are that the book has no room for."""

    entries: list[BookEntry] = field(repr=False)
    left_out: int = 0


def read(source: DirectorySource, password: Secret, access: PbxAccess) -> DirectoryContent:
    """Return the names and numbers that a directory has.

    Raises:
        DirectoryUnavailable: It can't be reached, refuses, or does not answer as it should.
        PbxAddressRefused: The hub may not reach its address.
    """
    address = urlsplit(source.url)
    host, port = str(address.hostname), address.port or PORTS[address.scheme]
    bounded = replace(access, longest_s=LONGEST_S, most_bytes=MOST_BYTES, noun="directory", nouns="directories")
    try:
        with connected(host, port, bounded, tls=address.scheme == "ldaps") as link:
            if address.scheme == "ldap" and not source.allows_clear_text:
                _start_tls(link, host, access.trust)
            session = _LdapSession(link)
            session.bind(source.user, password)
            found = session.search(source)
            session.end()
            return found
    except PbxUnavailable as fault:
        raise DirectoryUnavailable(fault.what, where=fault.where, to_do=fault.to_do) from None
    except OSError as fault:
        raise DirectoryUnavailable(
            f"the directory can't be reached: {_short(fault)}", where=source.url, to_do="Check its address and its TLS."
        ) from None
    except _MALFORMED as fault:
        raise DirectoryUnavailable(f"it does not speak LDAP as it should: {_short(fault)}", where=source.url) from None


def _start_tls(link: PbxConnection, host: str, trust: str) -> None:
    """Begin TLS; nothing that came before it is believed after it (RFC 4513 section 3.1.1)."""
    session = _LdapSession(link)
    answer = session.ask(session.client.extended_request(ExtendedOperations.LDAP_START_TLS.value))
    _require_success(answer)
    if session.has_more:
        raise DirectoryUnavailable("more than its answer came before TLS: somebody is in between")
    link.start_tls(host, trust)


class _LdapSession:
    """Requests one after the other."""

    def __init__(self, link: PbxConnection) -> None:
        self._link = link
        self.client = LDAPClient()
        self._came: list[LDAPMessage] = []

    @property
    def has_more(self) -> bool:
        """Whether messages came that nobody has asked for."""
        return bool(self._came)

    def bind(self, user: str, password: Secret) -> None:
        """Say who asks; nobody in particular, without a user."""
        _require_success(self.ask(self.client.bind_simple(user or None, password.reveal() if user else None)))

    def search(self, source: DirectorySource) -> DirectoryContent:
        """Return what is there for a book."""
        found: dict[tuple[str, str], BookEntry] = {}
        seen, cookie = 0, b""
        wanted = LDAPFilter.from_string(source.filter)
        names = [source.name_attribute, *source.number_attributes]
        while True:
            page = PagedResultControl(critical=False, size=_ON_A_PAGE, cookie=cookie)
            number = self.client.search_request(
                base_object=source.base, filter=wanted, attributes=names, controls=[page], time_limit=int(LONGEST_S)
            )
            for message in self._answers(number):
                if isinstance(message, SearchResultEntry):
                    seen += 1
                    if (entry := _entry(message, source)) is not None:
                        found[entry.name, entry.number] = entry
                elif isinstance(message, SearchResultDone):
                    if message.result.result_code is not LDAPResultCode.SIZE_LIMIT_EXCEEDED:
                        _require_success(message)
                    cookie = _cookie(message)
                if seen > _MOST_SEEN:
                    raise DirectoryUnavailable(
                        f"it has more than {_MOST_SEEN:,} entries there", to_do="Narrow the base or the filter."
                    )
            if not cookie:
                entries = sorted(found.values(), key=lambda entry: (entry.name.casefold(), entry.name, entry.number))
                return DirectoryContent(entries[:MOST_ENTRIES], max(0, len(entries) - MOST_ENTRIES))

    def end(self) -> None:
        """Say goodbye."""
        self.client.unbind()
        self._link.send(self.client.data_to_send())

    def ask(self, number: int) -> LDAPMessage:
        """Return the answer to a request that has one."""
        return next(self._answers(number))

    def _answers(self, number: int) -> Iterator[LDAPMessage]:
        """Send what waits, and yield the answers to a request."""
        self._link.send(self.client.data_to_send())
        while True:
            while not self._came:
                data = self._link.receive()
                if not data:
                    raise DirectoryUnavailable("it has ended the connection", to_do="Try again later.")
                self._came = self.client.receive(data)
            message = self._came.pop(0)
            if message.message_id == number:
                yield message
                if not isinstance(message, SearchResultEntry | SearchResultReference):
                    return


def _entry(message: SearchResultEntry, source: DirectorySource) -> BookEntry | None:
    """Return an entry for a book; None without a name that phones show, or a number that they dial."""
    values: dict[str, list[bytes]] = {}
    for attribute in message.attributes:
        values.setdefault(attribute.name.lower(), []).extend(attribute.values)
    name = next(filter(None, (shown(_text(value)) for value in values.get(source.name_attribute.lower(), ()))), "")
    numbers = (as_dialled(_text(value)) for each in source.number_attributes for value in values.get(each.lower(), ()))
    number = next(filter(None, numbers), "")
    return BookEntry(name, number) if name and number else None


def _text(value: bytes) -> str:
    return bytes(value).decode("utf-8", "replace").strip()


def _cookie(message: SearchResultDone) -> bytes:
    return next((bytes(each.cookie) for each in message.controls if isinstance(each, PagedResultControl)), b"")


def _require_success(message: LDAPMessage) -> None:
    result = getattr(message, "result", None)
    if result is None:
        raise DirectoryUnavailable("it answers something else than what it was asked")
    if result.result_code is LDAPResultCode.SUCCESS:
        return
    what, to_do = _SAYS.get(result.result_code, (f"it answers {result.result_code.name}", "Check it at the directory."))
    raise DirectoryUnavailable(what, where=printable(result.diagnostics_message or "", 120), to_do=to_do)


def _short(fault: BaseException) -> str:
    return printable(str(fault) or type(fault).__name__, 160)
