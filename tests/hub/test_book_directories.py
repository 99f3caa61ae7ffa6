"""Books that are read from directories: a real slapd, and directories that mean harm."""

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count

import pytest
from sansldap import BindRequest, ExtendedRequest, LDAPError, LDAPServer, PartialAttribute, SearchRequest

from ringfence.hub.errors import DirectoryUnavailable, PbxAddressRefused
from ringfence.hub.fleet import book_directories
from ringfence.hub.fleet.book_directories import DirectorySource
from ringfence.hub.telephony import directory_refresh, ldap_directory
from ringfence.hub.telephony.pbx.connection import PbxAccess
from ringfence.secret import Secret
from support import chosen_database
from support.paper import read, send
from support.running_hub import Json, RunningHub
from support.slapd_server import BASE, PASSWORD, USER, Slapd, running_slapd

HERE = ("127.0.0.0/8",)
PEOPLE = [("Anna Söhne", "+49 30 123"), ("Ben", "202"), ("Without", ""), ("No number", "ext. ?")]
PEOPLE += [(f"Person {number:03}", f"7{number:03}") for number in range(700)]
READ = 702
_numbers = count(1)


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with running_slapd(tmp_path_factory.mktemp("slapd"), PEOPLE) as running:
        yield running


@pytest.fixture(autouse=True)
def reachable(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub may go to loopback, and reads nothing by itself: tests ask for it."""
    monkeypatch.setattr(running.hub.config, "pbx_networks", HERE)
    monkeypatch.setattr(directory_refresh, "go_on", lambda _hub: None)


def book(running: RunningHub) -> str:
    return str(running.do("POST", "/phone-books", {"name": f"People {next(_numbers)}", "source": "ldap"})["id"])


def entries(running: RunningHub, book_id: str) -> list[Json]:
    return list(running.do("GET", f"/phone-books/{book_id}/entries?limit=5000")["items"])


def at(slapd: Slapd, **parts: object) -> Json:
    url = f"ldaps://127.0.0.1:{slapd.tls_port}"
    return {"url": url, "base": BASE, "user": USER, "password": PASSWORD, "trust": slapd.authority_pem, **parts}


@pytest.mark.slow
@pytest.mark.needs("slapd")
@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
def test_a_book_has_what_its_directory_has(running: RunningHub, slapd: Slapd, scheme: str) -> None:
    made = book(running)
    port = slapd.tls_port if scheme == "ldaps" else slapd.port
    put = running.do("PUT", f"/phone-books/{made}/directory", at(slapd, url=f"{scheme}://127.0.0.1:{port}"))
    assert PASSWORD not in str(put)
    done = running.do("POST", f"/phone-books/{made}/refresh")
    assert (done["entries"], done["directory"]["problem"]) == (READ, "")
    assert done["directory"]["answered_at"] is not None
    found = entries(running, made)
    assert {"name": "Anna Söhne", "number": "+4930123"} in found
    assert not [each for each in found if each["name"] in {"Without", "No number"}]
    changed_at = done["changed_at"]
    assert running.do("POST", f"/phone-books/{made}/refresh")["changed_at"] == changed_at, "nothing is new"
    refused = running.ask("PUT", f"/phone-books/{made}/entries", {"entries": []})
    assert refused.json["kind"] == "bad-name"
    noted = running.ask("GET", "/audit?limit=100")
    assert {"phone-book.directory", "phone-book.refresh"} <= {each["action"] for each in noted.json["items"]}
    assert PASSWORD not in noted.data.decode()
    assert PASSWORD.encode() not in chosen_database.all_bytes(running.folder.path)
    running.do("DELETE", f"/phone-books/{made}")


@pytest.mark.slow
@pytest.mark.needs("slapd")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"password": "wrong"}, "does not take the user and password"),
        ({"user": "", "password": ""}, "has nothing at the base"),
        ({"base": "ou=nowhere,dc=example,dc=org"}, "has nothing at the base"),
        ({"trust": ""}, "can't be reached"),
        ({"trust": "0" * 64}, "another certificate"),
    ],
)
def test_while_it_refuses_the_book_keeps_what_it_has(running: RunningHub, slapd: Slapd, wrong: Json, said: str) -> None:
    made = book(running)
    running.do("PUT", f"/phone-books/{made}/directory", at(slapd))
    running.do("POST", f"/phone-books/{made}/refresh")
    running.do("PUT", f"/phone-books/{made}/directory", at(slapd, **wrong))
    answer = running.ask("POST", f"/phone-books/{made}/refresh")
    assert (answer.status, answer.json["kind"]) == (503, "directory-unavailable"), answer.data
    assert said in answer.json["what"]
    assert len(entries(running, made)) == READ
    assert said in running.do("GET", f"/phone-books/{made}")["directory"]["problem"]
    page = read(running, f"/phone-books/{made}")
    assert "It was not read" in page
    assert "The book keeps the entries that it has" in page
    running.do("DELETE", f"/phone-books/{made}")


@pytest.mark.slow
@pytest.mark.needs("slapd")
def test_a_directory_is_named_and_read_by_page(running: RunningHub, slapd: Slapd) -> None:
    made = book(running)
    typed = {"url": f"ldaps://127.0.0.1:{slapd.tls_port}", "base": BASE, "user": USER, "trust": slapd.authority_pem}
    refused = send(running, f"/phone-books/{made}/directory", {**typed, "filter": "(cn=", "password": PASSWORD})
    assert refused.status == 422
    assert "is no filter" in refused.data.decode()
    assert 'value="(cn="' in refused.data.decode(), "what was typed stays"
    assert PASSWORD not in refused.data.decode()
    assert send(running, f"/phone-books/{made}/directory", {**typed, "password": PASSWORD}).status == 303
    assert send(running, f"/phone-books/{made}/refresh").status == 303
    page = read(running, f"/phone-books/{made}")
    assert "Anna Söhne" in page
    assert PASSWORD not in page
    assert send(running, f"/phone-books/{made}/directory", typed).status == 303, "without a password the old one stays"
    assert send(running, f"/phone-books/{made}/refresh").status == 303
    moved = {**typed, "url": f"ldap://127.0.0.1:{slapd.port}"}
    assert send(running, f"/phone-books/{made}/directory", moved).status == 303
    lost = send(running, f"/phone-books/{made}/refresh")
    assert lost.status == 503, "another address does not get the password"
    running.do("DELETE", f"/phone-books/{made}")


def test_what_is_no_directory_is_refused(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    made = book(running)
    usual = {"url": "ldaps://directory.example.org", "base": "dc=example"}
    bad: list[Json] = [
        {"url": "https://directory.example.org"}, {"url": "ldaps://"}, {"url": "ldaps://a:b@host"},
        {"url": "ldaps://host/dc=x?cn"}, {"url": "ldaps://host:99999"}, {"filter": "cn"}, {"filter": "(" * 2000},
        {"name_attribute": "c n"}, {"number_attributes": []}, {"number_attributes": ["a,b"]}, {"base": "x" * 501},
        {"user": "a\nb"}, {"trust": "nothing"},
    ]  # fmt: skip
    for wrong in bad:
        answer = running.ask("PUT", f"/phone-books/{made}/directory", {**usual, **wrong})
        assert answer.status == 422, (wrong, answer.data)
    monkeypatch.setattr(running.hub.config, "pbx_networks", ())
    for url in ("ldap://127.0.0.1", "ldaps://169.254.169.254", "ldap://[::1]"):
        answer = running.ask("PUT", f"/phone-books/{made}/directory", {**usual, "url": url})
        assert answer.json["kind"] == "pbx-address-refused"
    with pytest.raises(PbxAddressRefused, match="a link to a directory may not go to"):
        ldap_directory.read(DirectorySource("ldap://localhost", ""), Secret(""), PbxAccess())
    table = running.do("POST", "/phone-books", {"name": f"Table {next(_numbers)}"})["id"]
    assert running.ask("PUT", f"/phone-books/{table}/directory", usual).status == 422
    unnamed = running.ask("POST", f"/phone-books/{made}/refresh")
    assert (unnamed.status, "has no directory" in unnamed.json["what"]) == (503, True)
    for each in (made, table):
        running.do("DELETE", f"/phone-books/{each}")


def test_it_is_read_when_it_is_due_and_by_one_hub(running: RunningHub) -> None:
    made = book(running)
    running.do("PUT", f"/phone-books/{made}/directory", {"url": "ldap://127.0.0.1:1", "base": "dc=example"})

    def due() -> list[str]:
        with running.hub.change("test") as change:
            return [each for each in book_directories.take_due(change) if each == made]

    assert due() == [made]
    assert due() == [], "somebody reads it"
    with running.clock.forward(book_directories.TRIED_AGAIN_AFTER_S + 1):
        assert due() == []
        assert running.ask("POST", f"/phone-books/{made}/refresh").status == 503
    with running.clock.forward(2 * book_directories.TRIED_AGAIN_AFTER_S + 2):
        assert due() == [made], "what failed is tried again sooner"
    running.do("DELETE", f"/phone-books/{made}")


Talk = Callable[[socket.socket], None]


@contextmanager
def peer(talk: Talk) -> Iterator[DirectorySource]:
    """What listens on a port of loopback, talks to each that connects, and is believed to be a directory."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    link, _peer = listener.accept()
                except OSError:
                    return
                with suppress(OSError, LDAPError), link:
                    link.settimeout(60)
                    talk(link)

        talking = threading.Thread(target=serve, daemon=True)
        talking.start()
        yield DirectorySource(f"ldap://127.0.0.1:{listener.getsockname()[1]}", "dc=x", allows_clear_text=True)
        listener.shutdown(socket.SHUT_RDWR)
        talking.join(60)


def serving(entries_of_search: Callable[[LDAPServer, int, socket.socket], None]) -> Talk:
    """A directory that lets everybody in."""

    def talk(link: socket.socket) -> None:
        server = LDAPServer()
        while data := link.recv(65_536):
            for message in server.receive(data):
                if isinstance(message, BindRequest):
                    server.bind_response(message.message_id)
                elif isinstance(message, SearchRequest):
                    entries_of_search(server, message.message_id, link)
            link.sendall(server.data_to_send())

    return talk


def somebody(server: LDAPServer, message_id: int, name: bytes, number: bytes) -> None:
    told = [PartialAttribute("CN", [name]), PartialAttribute("telephonenumber", [number])]
    server.search_result_entry(message_id, "cn=x", told)


def three(server: LDAPServer, message_id: int, _link: socket.socket) -> None:
    somebody(server, message_id, b"Anna\xff", b"201")
    somebody(server, message_id, "\N{RIGHT-TO-LEFT OVERRIDE}Ben\n<x>".encode(), b"+49 (30) 2")
    somebody(server, message_id, b"", b"203")
    server.search_result_done(message_id)


def read_here(source: DirectorySource, **how: object) -> ldap_directory.DirectoryContent:
    return ldap_directory.read(source, Secret(""), PbxAccess(HERE, **how))  # type: ignore[arg-type]  # its own fields


def test_names_and_numbers_are_as_phones_take_them() -> None:
    with peer(serving(three)) as source:
        found = [(entry.name, entry.number) for entry in read_here(source).entries]
    assert found == [("Anna\N{REPLACEMENT CHARACTER}", "201"), ("Ben <x>", "+49302")]


def endless(server: LDAPServer, message_id: int, link: socket.socket) -> None:
    for number in count():
        somebody(server, message_id, b"x" * 1000, str(number).encode())
        if number % 100 == 0:
            link.sendall(server.data_to_send())


def garbage(link: socket.socket) -> None:
    link.recv(1024)
    link.sendall(b"\x30\x84\xff\xff\xff\xff" + b"\xa0" * 5000)


def nested(link: socket.socket) -> None:
    link.recv(1024)
    link.sendall(base64.b64decode("MIQAAABk") + b"\x30\x80" * 5000)


def http(link: socket.socket) -> None:
    link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    link.recv(1024)


def silent(link: socket.socket) -> None:
    while link.recv(1024):
        pass


@pytest.mark.parametrize(
    ("talk", "said"),
    [
        (serving(endless), "too long|more than 50,000 entries"),
        (garbage, "does not speak LDAP|too long|ended the connection"),
        (nested, "does not speak LDAP|ended the connection"),
        (http, "does not speak LDAP|ended the connection"),
        (lambda _link: None, "ended the connection|can't be reached"),
        (silent, "can't be reached"),
    ],
    ids=["endless", "garbage", "nested", "http", "gone", "silent"],
)
def test_a_directory_that_means_harm_ends_in_bounds(monkeypatch: pytest.MonkeyPatch, talk: Talk, said: str) -> None:
    monkeypatch.setattr(ldap_directory, "LONGEST_S", 5.0 if talk is silent else 60.0)
    monkeypatch.setattr(ldap_directory, "MOST_BYTES", 4 << 20)
    with peer(talk) as source, pytest.raises(DirectoryUnavailable, match=said):
        read_here(source)


@pytest.mark.parametrize("and_more", [True, False])
def test_nothing_goes_on_in_clear_text_where_tls_does_not_begin(and_more: bool) -> None:
    heard = bytearray()

    def talk(link: socket.socket) -> None:
        server = LDAPServer()
        (asked,) = server.receive(link.recv(65_536))
        assert isinstance(asked, ExtendedRequest)
        server.extended_response(asked.message_id)
        answer = server.data_to_send()
        link.sendall(answer * 2 if and_more else answer)
        link.sendall(b"no TLS")
        while data := link.recv(1024):
            heard.extend(data)

    with peer(talk) as source:
        secure = DirectorySource(source.url, source.base, "cn=reader")
        with pytest.raises(DirectoryUnavailable):
            ldap_directory.read(secure, Secret("Never-in-the-clear-8"), PbxAccess(HERE))
    assert b"Never-in-the-clear-8" not in heard


def test_a_password_of_a_directory_is_one_of_the_fleets_secrets(running: RunningHub) -> None:
    made = book(running)
    body = {"url": "ldaps://directory.example.org", "base": "dc=x", "user": "cn=r", "password": "Sealed-Password-55"}
    running.do("PUT", f"/phone-books/{made}/directory", body)
    with running.hub.database.reading() as session:
        found = dict(book_directories.passwords(session, running.hub.sealer))
    assert found[made].reveal() == "Sealed-Password-55"
    running.do("DELETE", f"/phone-books/{made}")
