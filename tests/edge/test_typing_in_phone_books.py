"""Somebody types the first letters of a name: a real worker finds the page, with no hub anywhere."""

import os
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping

import pytest

from ringfence.content.release import TargetKind
from ringfence.phones.assets.book_names import ASK, FIND, NOBODY
from ringfence.phones.assets.phone_books import BookEntry, PhoneBook, Shelfmark, files_of
from ringfence.phones.family import BookForm
from ringfence.server.errors import FileRefused
from ringfence.server.events import TransferFinished, WorkerEvent
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.server.tftp.client import fetch
from ringfence.sim.directory_key import DirectoryKey
from stack import wait_for
from support.namespaces import Wire, entered

EDGE, PHONE = "192.0.2.1", "192.0.2.9"
URL = f"http://{EDGE}:6970"
NAMES = [f"{letter}{number:02} Person" for letter in "ABMZ" for number in range(40)]
ENTRIES = [BookEntry(name, f"{100 + number}") for number, name in enumerate([*NAMES, "Méier, Anna", "Meier, Ben"])]
OWN = "SEP001122334455.cnf.xml"

pytestmark = [pytest.mark.needs("root"), pytest.mark.needs("netns"), pytest.mark.needs("curl")]


def books(form: BookForm = BookForm.CISCO) -> tuple[Mapping[str, bytes], str]:
    """The files of a book, and the name of its menu, which takes what is typed."""
    files = files_of([PhoneBook("Company", ENTRIES)], Shelfmark(URL, form))
    (root,) = [name for name in files if name.endswith("/" + FIND)]
    return files, root


class Edge:
    """An edge's worker on a wire, and what it told."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.events: list[WorkerEvent] = []
        with entered(wire.server):
            self.supervisor = WorkerSupervisor(
                listen=[(EDGE, 69)], http=[(EDGE, 6970)], site="Home", on_event=self.events.append
            )
            self.supervisor.start()
        files = {**books()[0], **books(BookForm.SNOM)[0], OWN: b"<device/>"}
        self.supervisor.offer(1, [self._offer(name, data) for name, data in files.items()])

    def _offer(self, name: str, data: bytes) -> Offer:
        fd = os.memfd_create("file")
        os.write(fd, data)
        if name == OWN:
            return Offer(name, fd, len(data), TargetKind.CONFIGURATION, "001122334455")
        return Offer(name, fd, len(data), TargetKind.SHARED)

    def curl(self, path: str) -> tuple[str, bytes]:
        """The status and the body of an answer; a path goes out as it is written."""
        with entered(self.wire.client):
            ended = subprocess.run(
                ["curl", "-sS", "-m", "60", "--path-as-is", "-w", "\\n%{http_code}", URL + path],
                capture_output=True, check=True,
            )  # fmt: skip
        body, _, status = ended.stdout.rpartition(b"\n")
        return status.decode(), body


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with Wire([f"{EDGE}/24"], [f"{PHONE}/24"]) as wire:
        edge = Edge(wire)
        yield edge
        edge.supervisor.stop()


def test_letters_open_the_page_of_those_whose_names_begin_so(edge: Edge) -> None:
    files, root = books()
    status, page = edge.curl(f"/{root}?q=MEI")
    assert status == "200"
    assert "Méier, Anna".encode() in page
    assert b"Meier, Ben" in page
    assert page in files.values(), "no edge writes a page"
    assert edge.curl(f"/{root}?q=x") == ("200", files[root.replace(FIND, NOBODY)])
    assert edge.curl(f"/{root}") == edge.curl(f"/{root}?q=") == ("200", files[root])


@pytest.mark.parametrize("form", [BookForm.CISCO, BookForm.SNOM])
@pytest.mark.parametrize("letters", ["mei", "MÉI", "meier, a", "M"])
def test_a_phone_types_and_finds(edge: Edge, form: BookForm, letters: str) -> None:
    with entered(edge.wire.client):
        key = DirectoryKey(f"{URL}/{Shelfmark(URL, form).menu_name}")
        key.choose("Company")
        assert list(key.items)[:2] == ["Search", "A"]
        key.choose("Search")
        assert key.title == "Company"
        key.type(letters)
        if letters == "M":  # more than a page has room for
            key.choose(next(each for each in key.items if each.endswith("Meier, Ben")))
        assert {"Méier, Anna", "Meier, Ben"} <= key.entries.keys()
        assert key.entries["Meier, Ben"] == ENTRIES[-1].number


def test_a_phone_is_told_that_nobody_begins_so_and_asks_again(edge: Edge) -> None:
    with entered(edge.wire.client):
        key = DirectoryKey(f"{URL}/{books()[1].replace(FIND, ASK)}")
        key.type("xyz")
        assert key.prompt == "No name begins so."
        key.choose("Search")
        key.type("a01")
        assert "A01 Person" in key.entries
        with pytest.raises(FileRefused):
            DirectoryKey(f"{URL}/phonebook/none/{FIND}?q=mei")


@pytest.mark.parametrize(
    "query",
    [
        "q=%00", "q=..%2f..%2f" + OWN, "q=../../" + OWN, "q=%2e%2e%5c" + OWN, "q=/etc/passwd", "q=%D9%A1%D9%A2", "q=%",
        "q=%zz", "q=%c3", "q=%ff%fe", "q=mei&q=" + OWN, "q=a&name=SEP001122334455", "q[]=mei", "q=" + "m" * 3000,
        "q=" + "%C3%84" * 300, "?q=mei", "q=mei#" + OWN, "q=" + urllib.parse.quote("\N{RIGHT-TO-LEFT OVERRIDE}a"),
        "q=6d65-69.xml", "q=<MenuItem>",
    ],
)  # fmt: skip
def test_whatever_is_typed_opens_a_page_of_this_book_alone(edge: Edge, query: str) -> None:
    files, root = books()
    folder = root.removesuffix(FIND)
    status, page = edge.curl(f"/{root}?{query}")
    assert status == "200"
    assert page in {data for name, data in files.items() if name.startswith(folder)}


def test_a_head_that_is_too_long_is_refused_as_ever(edge: Edge) -> None:
    assert edge.curl(f"/{books()[1]}?q={'m' * 10_000}")[0] == "431"


def test_other_names_take_no_query(edge: Edge) -> None:
    files, root = books()
    form = root.replace(FIND, ASK)
    assert edge.curl(f"/{form}?q=mei") == ("200", files[form])
    assert edge.curl(f"/{OWN}?q=mei") == ("200", b"<device/>")
    assert edge.curl(f"/{root}%3Fq=mei")[0] == edge.curl("/nothing.xml?q=mei")[0] == "404"
    assert edge.curl(f"/phonebook/../{root}?q=mei")[0] == "404"
    with entered(edge.wire.client), pytest.raises(FileRefused):
        fetch((EDGE, 69), f"{root}?q=mei")


def test_the_guard_sees_one_request_for_the_page_that_opens(edge: Edge) -> None:
    files, root = books()
    name = root.replace(FIND, "7a30-32.xml")
    assert edge.curl(f"/{root}?q=z1") == ("200", files[name])

    def told() -> list[TransferFinished]:
        return [each for each in edge.events if isinstance(each, TransferFinished) and each.name == name]

    wait_for("the transfer", told)
    assert {(each.owner, each.size_bytes) for each in told()} == {(None, len(files[name]))}
    assert not any("?" in each.name for each in edge.events if isinstance(each, TransferFinished))
