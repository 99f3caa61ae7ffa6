"""The gate, with a clock and a parent of the test's own: who waits, until when, and that no refusal's time says why."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from ringfence.content.release import TargetKind
from ringfence.guard.asking import Asking
from ringfence.guard.bans import STRIKES
from ringfence.guard.evidence import OnTheWire, Shown, Sighting
from ringfence.guard.moment import Moment
from ringfence.guard.policy import GATEWAY_LEVELS, Policy
from ringfence.guard.record import replay
from ringfence.guard.rules import Rules, read_rules
from ringfence.guard.serving_profile import ServingProfile
from ringfence.guard.windows import Window
from ringfence.phones.assets.book_names import FIND, NOBODY
from ringfence.phones.assets.phone_books import BookEntry, PhoneBook, Shelfmark, files_of
from ringfence.server.access.admission import REFUSED_AFTER_S, Admission
from ringfence.server.access.evidence_wait import LONGEST_WAIT_S, MOST_WAITING, Heard, Question
from ringfence.server.access.neighbours import Links, Neighbours
from ringfence.server.access.refusal_telling import COUNT_EVERY_S, ENUMERATES, ENUMERATES_FROM, NOT_NOW, Refusal
from ringfence.server.events import (
    HTTP,
    Banned,
    DecisionsCounted,
    RequestRefused,
    TransferFinished,
    WorkerEvent,
)
from ringfence.server.files.catalogue import Catalogue, Offer, OfferedFile
from ringfence.wire.messages import GuardNetwork, GuardRules

ANNA, STRANGER = "001122334455", "020000000077"
OWN, MISSING, SHARED = f"SEP{ANNA}.cnf.xml", "SEP0011223344FF.cnf.xml", "dialplan.xml"
HOST = "192.0.2.9"
SEEN = Sighting(ANNA, "lan", 64)


class Table(Links):
    """A neighbour table that shows one MAC address for everybody."""

    def __init__(self, mac: str) -> None:
        self.mac = mac
        self.looked_for: list[str] = []

    def resolve(self, host: str) -> None:
        self.looked_for.append(host)

    def neighbours(self, _now: float) -> Neighbours:
        return _Shows(self.mac)

    def has(self, _host: str, _now: float) -> bool:
        return True


class _Shows(Neighbours):
    def __init__(self, mac: str) -> None:
        self.mac = mac

    def shown_for(self, _host: str) -> tuple[Shown, ...]:
        return (Shown(self.mac, "lan"),) if self.mac else ()

    def is_proven_at(self, mac: str, _host: str) -> bool:
        return mac == self.mac


@dataclass
class Clock:
    """A loop that keeps what is to be called."""

    due: dict[int, tuple[float, Callable[[float], None]]] = field(default_factory=dict)
    serial: int = 0
    now: float = 0.0

    @property
    def moment(self) -> Moment:
        return Moment(self.now, time.time())

    def call_at(self, at: float, callback: Callable[[float], None]) -> int:
        self.serial += 1
        self.due[self.serial] = at, callback
        return self.serial

    def cancel(self, timer: int) -> None:
        self.due.pop(timer, None)

    def go_to(self, now: float) -> None:
        for serial, (at, callback) in sorted(self.due.items(), key=lambda item: item[1][0]):
            if at <= now and self.due.pop(serial, None) is not None:
                self.now = at
                callback(at)
        self.now = now


@dataclass
class Home:
    """A gate before one phone's file and a shared one."""

    admission: Admission
    clock: Clock
    table: Table
    asked: list[Question]
    events: list[WorkerEvent]
    answers: list[tuple[OfferedFile | Refusal, float]] = field(default_factory=list)

    def ask(self, name: str, now: float = 0.0, host: str = HOST) -> None:
        self.clock.now = now
        self.admission.ask(Asking(name, host, 50_000, ttl=64), lambda answer, at: self.answers.append((answer, at)))

    def hear(self, *frames: Sighting, may_have_missed: bool = False) -> None:
        """Let the parent answer all questions."""
        questions, self.asked[:] = list(self.asked), []
        for question in questions:
            self.admission.on_heard(Heard(question.serial, OnTheWire(frames), may_have_missed))

    def answer(self) -> tuple[OfferedFile | Refusal, float]:
        (answer,) = self.answers
        self.answers.clear()
        return answer


def home_with(*, watches: bool = False, profile: ServingProfile = ServingProfile.LAN) -> Iterator[Home]:
    asked: list[Question] = []
    events: list[WorkerEvent] = []
    clock, table = Clock(), Table(ANNA)
    admission = Admission(
        clock,
        site="Home",
        on_event=events.append,
        links=table,
        ask_parent=asked.append if watches else None,
        watches_frames=watches,
        profile=profile,
    )
    offers = []
    for name, kind, owner in ((OWN, TargetKind.CONFIGURATION, ANNA), (SHARED, TargetKind.SHARED, None)):
        descriptor = os.memfd_create(name)
        os.write(descriptor, b"content")
        offers.append(Offer(name, descriptor, 7, kind, owner))
    admission.adopt(Catalogue(1, offers))
    levels = profile.levels
    admission.take_rules("", "Home", Rules(Policy(levels, windows=profile.has_windows)))
    yield Home(admission, clock, table, asked, events)
    admission.adopt(Catalogue(0, ()))


@pytest.fixture
def home() -> Iterator[Home]:
    yield from home_with(watches=False)


@pytest.fixture
def hearing_home() -> Iterator[Home]:
    yield from home_with(watches=True)


@pytest.fixture
def gateway() -> Iterator[Home]:
    yield from home_with(profile=ServingProfile.INTERNET)


def test_every_refusal_is_answered_the_same_time_after_its_request(home: Home, hearing_home: Home) -> None:
    for here in (home, hearing_home):
        here.table.mac = STRANGER
        for name in (OWN, MISSING, "nothing.xml", "../../etc/passwd", "ITLFile.tlv"):
            here.ask(name, now=5.0)
            here.clock.go_to(5.001)
            here.hear()
            here.clock.go_to(5.03)
            assert here.answers == [], name
            here.clock.go_to(5.0 + REFUSED_AFTER_S)
            assert here.answer() == (Refusal.ANSWER, 5.0 + REFUSED_AFTER_S), name


def test_what_may_go_out_does_so_at_once(home: Home) -> None:
    home.ask(OWN)
    file, at = home.answer()
    assert isinstance(file, OfferedFile)
    assert (file.name, at) == (OWN, 0.0)


def test_a_decision_waits_for_what_the_parent_heard(hearing_home: Home) -> None:
    home = hearing_home
    home.ask(OWN)
    (asked,) = home.asked
    assert (asked.host, asked.port) == (HOST, 50_000)
    assert home.answers == []
    home.clock.go_to(LONGEST_WAIT_S / 2)
    home.hear(SEEN)
    file, at = home.answer()
    assert isinstance(file, OfferedFile)
    assert at == LONGEST_WAIT_S / 2, "a busy machine's answer counts as long as the phone waits"
    home.admission.on_heard(Heard(asked.serial, OnTheWire()))
    assert home.answers == [], "it is answered once"


def test_a_request_that_the_parent_says_nothing_of_is_neither_allowed_nor_refused(hearing_home: Home) -> None:
    home = hearing_home
    home.ask(OWN)
    home.clock.go_to(LONGEST_WAIT_S)
    assert home.answer() == (Refusal.SILENCE, LONGEST_WAIT_S)
    home.hear(SEEN)
    assert home.answers == [], "the phone has asked again by then"
    refused = home.events[-1]
    assert isinstance(refused, RequestRefused)
    assert refused.finding == NOT_NOW


def test_without_its_frame_it_is_refused_but_not_where_frames_were_lost(hearing_home: Home) -> None:
    home = hearing_home
    home.ask(OWN)
    home.hear(may_have_missed=True)
    assert home.answer()[0] is Refusal.SILENCE
    home.events.clear()
    home.ask(OWN, host="192.0.2.10")
    home.hear()
    home.clock.go_to(REFUSED_AFTER_S)
    assert home.answer() == (Refusal.ANSWER, REFUSED_AFTER_S)
    refused = home.events[-1]
    assert isinstance(refused, RequestRefused)
    assert refused.finding == "no-frame"
    assert replay(refused.decision).finding.value == "no-frame"


def test_a_phone_that_no_link_knows_yet_is_looked_for_and_asks_again(hearing_home: Home) -> None:
    home = hearing_home
    home.table.mac = ""
    home.ask(OWN)
    home.hear(SEEN)
    assert home.answer()[0] is Refusal.SILENCE
    assert home.table.looked_for == [HOST]
    for frames in ((), (Sighting(STRANGER, "lan", 64),), (SEEN, Sighting(STRANGER, "lan", 64))):
        home.ask(OWN, now=home.clock.now)
        home.hear(*frames)
        home.clock.go_to(home.clock.now + REFUSED_AFTER_S)
        assert home.answer()[0] is Refusal.ANSWER, "somebody else is not looked for"
    assert home.table.looked_for == [HOST]


def test_a_lost_frame_excuses_nothing_else(hearing_home: Home) -> None:
    home = hearing_home
    home.ask(OWN)
    home.hear(Sighting(STRANGER, "lan", 64), may_have_missed=True)
    home.clock.go_to(REFUSED_AFTER_S)
    assert home.answer()[0] is Refusal.ANSWER


def test_a_flood_that_waits_takes_no_room_from_others(hearing_home: Home) -> None:
    home = hearing_home
    for _ in range(2 * MOST_WAITING):
        home.ask(OWN, host="192.0.2.66")
    assert len(home.clock.due) == MOST_WAITING
    home.answers.clear()
    home.ask(OWN)
    assert [answer for answer, _ in home.answers] == [Refusal.SILENCE], "the oldest of the flood gave way"
    home.answers.clear()
    home.hear(SEEN)
    assert sum(isinstance(answer, OfferedFile) for answer, _ in home.answers) == MOST_WAITING


def test_nothing_waits_for_what_does_not_need_it(hearing_home: Home) -> None:
    hearing_home.ask(SHARED)
    assert isinstance(hearing_home.answer()[0], OfferedFile)
    assert hearing_home.asked == []


def test_who_has_used_up_what_it_may_be_told_hears_nothing_and_nothing_is_kept_for_it(home: Home) -> None:
    for number in range(500):
        home.ask(f"SEP00112233{number:04X}.cnf.xml")
    home.clock.go_to(1.0)
    told = [answer for answer, _ in home.answers]
    assert told.count(Refusal.ANSWER) == 64
    assert told.count(Refusal.SILENCE) == 500 - 64
    assert home.clock.due == {}


def test_on_the_internet_silence_does_not_tell_which_phones_are_there(gateway: Home) -> None:
    for number in range(500):
        gateway.ask(f"SEP00112233{number:04X}.cnf.xml")
    gateway.answers.clear()
    for name in (OWN, f"CTLSEP{ANNA}.tlv", MISSING):
        gateway.ask(name)
        assert gateway.answer() == (Refusal.SILENCE, 0.0), name


def test_on_the_internet_a_ban_does_not_tell_which_phones_are_there(gateway: Home) -> None:
    def shut_out_after(names: list[str], host: str) -> int:
        for number, name in enumerate(names, 1):
            asking = Asking(name, host, 50_000, HTTP)
            gateway.admission.ask(asking, lambda _answer, _at: None)
            if any(isinstance(event, Banned) and event.peer_host == host for event in gateway.events):
                return number
        return 0

    nobodys = [f"CTLSEP00112244{number:04X}.tlv" for number in range(STRIKES - 1)]
    for number, own in enumerate((f"CTLSEP{ANNA}.tlv", OWN, f"{OWN}.sgn", MISSING)):
        assert shut_out_after([*nobodys, own], f"203.0.113.{number}") == STRIKES, own
    boot = [f"CTLSEP{ANNA}.tlv", f"ITLSEP{ANNA}.tlv", "ITLFile.tlv", OWN, f"{OWN}.sgn"]
    assert shut_out_after(3 * boot, "203.0.113.99") == 0, "one phone, however often"


def test_what_comes_beyond_its_sources_budget_is_answered_with_its_file_or_not_at_all(gateway: Home) -> None:
    def ask() -> OfferedFile | Refusal:
        asking = Asking(OWN, HOST, 50_000, is_beyond_budget=True)
        gateway.admission.ask(asking, lambda answer, at: gateway.answers.append((answer, at)))
        return gateway.answer()[0]

    assert ask() is Refusal.SILENCE, "its refusal would tell that the phone is there"
    opened = Window("w1", ANNA, "carla", time.time() + 60)
    gateway.admission.take_rules("", "Home", Rules(Policy(GATEWAY_LEVELS, windows=True), windows=(opened,)))
    assert isinstance(ask(), OfferedFile)


def test_who_asks_for_one_phone_after_the_other_is_told_of_once(home: Home) -> None:
    for number in range(10 * ENUMERATES_FROM):
        home.ask(f"SEP00112233{number:04X}.cnf.xml")
    told = [event for event in home.events if isinstance(event, RequestRefused) and event.finding == ENUMERATES]
    assert len(told) == 1
    assert told[0].reason.startswith(f"{HOST} asks for the files of one phone after another")


def test_a_transfer_is_told_with_the_decision_by_which_it_began(home: Home) -> None:
    home.ask(OWN)
    finished = TransferFinished(1.0, HOST, 50_000, OWN, ANNA, 7, 0.1, 1, 0)
    home.admission.tell(finished)
    told = home.events[-1]
    assert isinstance(told, TransferFinished)
    assert told.level == "L3"
    assert replay(told.decision).allow
    home.admission.tell(finished)
    again = home.events[-1]
    assert isinstance(again, TransferFinished)
    assert again.decision == ""


def test_decisions_are_counted_by_verdict_and_level(home: Home) -> None:
    for name in (OWN, SHARED, MISSING, MISSING):
        home.ask(name)
    home.clock.now = COUNT_EVERY_S
    home.admission.flush()
    counted = {
        (event.verdict, event.level): event.count for event in home.events if isinstance(event, DecisionsCounted)
    }
    assert counted == {("allow", "L3"): 1, ("allow", "L1"): 1, ("refuse", "L0"): 2}
    home.events.clear()
    home.clock.now = 2 * COUNT_EVERY_S
    home.admission.flush()
    assert home.events == []


def test_a_gateway_opens_what_was_typed_in_the_book_of_the_site_that_asks() -> None:
    admission = Admission(Clock(), site="none", on_event=lambda _event: None, profile=ServingProfile.INTERNET)
    roots, answers = set[str](), list[OfferedFile | Refusal]()
    for site, network, letter in (("anna", "192.0.2.0/25", "a"), ("ben", "192.0.2.128/25", "b")):
        told = GuardRules(1, gateway=True, learned=(GuardNetwork(network, "a phone booted there"),))
        admission.take_rules(site, site, read_rules(told, ServingProfile.INTERNET))
        entries = [BookEntry(f"{letter}{number:02}", "1") for number in range(40)]
        offers = []
        for name, data in files_of([PhoneBook("Company", entries)], Shelfmark("http://gateway")).items():
            descriptor = os.memfd_create("page")
            os.write(descriptor, data)
            offers.append(Offer(name, descriptor, len(data), TargetKind.SHARED))
            roots.update([name] if name.endswith(FIND) else [])
        admission.adopt(Catalogue(1, offers), site)
    (root,) = roots
    folder = root.removesuffix(FIND)

    def typed(query: bytes, host: str) -> str | None:
        """The name of the file that somebody gets, None where nothing goes out."""
        answers.clear()
        asking = Asking(admission.opened_by(root, query, host), host, 50_000)
        admission.ask(asking, lambda answer, _at: answers.append(answer))
        found = [answer.name.removeprefix(folder) for answer in answers if isinstance(answer, OfferedFile)]
        return found[0] if found else None

    at_anna, at_ben, stranger = "192.0.2.5", "192.0.2.200", "198.51.100.1"
    assert (typed(b"q=a3", at_anna), typed(b"q=b3", at_anna)) == ("6133.xml", NOBODY)
    assert (typed(b"q=b", at_ben), typed(b"q=a", at_ben)) == ("62.xml", NOBODY)
    assert typed(b"q=a", stranger) is typed(b"", stranger) is None, "a query makes nobody known"
    for site in ("anna", "ben"):
        admission.adopt(Catalogue(0, ()), site)
