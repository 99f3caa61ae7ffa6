"""One attack with what may come of it, and how it is carried out: in a place of its own, while the real phone boots.

Calm boots are taken before and after, as in ``sim.attacks.target``: what is compared is the attack, and not a slow
minute of a machine that others use.
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

import pytest
from _pytest.mark import ParameterSet

from ringfence.errors import RingfenceError
from ringfence.sim.attacks.target import Fairness, fairness
from ringfence.sim.errors import ConfigurationMissing

BOOTS = 3
"""Of which a median is taken: a phone that boots more often in so short a time uses up what it may be refused."""
PAUSE_S = 2.5
RECOVERED_S = 60.0
TOLD_WITHIN_S = 60.0
_DATA = b"\0\3"


class Talkative(Protocol):
    """What has a log."""

    def said(self) -> list[str]:
        """Return what the log said since the last time."""


class Place(Talkative, Protocol):
    """Where an attack takes place."""

    secret: bytes
    """The phone's own file."""
    did: str
    """What the attacker notes of what he did: figures, for the table."""

    def boot_s(self) -> float:
        """Boot the real phone and return how long it took. RingfenceError where it does not get its own file."""

    def settle(self) -> None:
        """Undo what the attacker has done to the network."""


P = TypeVar("P", bound=Place)
Got = list[bytes]


@dataclass(frozen=True, slots=True)
class Entry(Generic[P]):
    """One attack. ``attack`` returns every file and packet that it got, and goes on until the event at most."""

    name: str
    attack: Callable[[P, threading.Event], Got]
    place: Callable[[], AbstractContextManager[P]]
    leaks: str = ""
    """Why nothing can tell the attacker from the phone, or why it is lost: it is stated, not hidden. Empty: no leak."""
    says: str = ""
    """What the log must say of it."""
    cuts_off: bool = False
    """Whether it takes the phone's place on the network, so that nothing at all reaches the phone while it lasts."""
    without_phone: bool = False
    """Whether it is over before the phone is there."""
    knows_phone: bool = True
    """Whether the phone has booted there before."""
    then_refuses_phone: bool = False
    """Whether the guard takes the attacker for the phone for two minutes more (``guard.places``), and says so."""
    slows: str = ""
    """Why the phone's boots may take longer than twice as long: it is stated, too. Empty: they may not."""
    lasts_s: float = 0.0
    """How long the phone goes on booting under it at least."""


def floods_alone(entry: Entry[P]) -> ParameterSet:
    """Return a test's parameter; what floods fills the machine, so that beside it nobody's time-outs hold."""
    floods = "000 requests/s" in entry.name
    return pytest.param(entry, id=entry.name, marks=[pytest.mark.alone] if floods else [])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attack."""

    name: str
    leaked_bytes: int
    fairness: Fairness | None
    """None where the phone is refused afterwards."""
    said: str
    did: str
    cut_off_s: float = 0.0
    """How long after an attack that took the phone's place the phone could boot."""

    def figures(self) -> dict[str, object]:
        """Return it for scripts."""
        return {
            "attack": self.name,
            "secret_bytes": self.leaked_bytes,
            **(self.fairness.figures() if self.fairness is not None else {}),
            "cut_off_s": round(self.cut_off_s, 1),
            "did": self.did,
            "log": self.said,
        }


def carry_out(entry: Entry[P]) -> Outcome:
    """Attack, and boot the phone meanwhile, or as soon as it is there again."""
    with entry.place() as place:
        before: list[float] = []
        if entry.knows_phone:
            place.boot_s()  # addresses are resolved, caches are warm
            before = boots_s(place)
            place.said()
        if entry.then_refuses_phone:
            return _with_the_phone_refused(entry, place)
        attacker = _Attacker(partial(entry.attack, place))
        attacker.start()
        attacker.join(None if entry.without_phone or entry.cuts_off else 0.3)
        cut_off_s = 0.0
        if entry.cuts_off:
            place.settle()
            cut_off_s = _until_it_boots(place)
        until = time.monotonic() + entry.lasts_s
        during = boots_s(place)
        while attacker.is_alive() and time.monotonic() < until:
            attacker.join(PAUSE_S)
            during.append(place.boot_s())
        attacker.over.set()
        attacker.join()
        place.settle()
        if attacker.fault is not None:
            raise attacker.fault
        said = heard_of(entry.says, place)
        fair = fairness(before or boots_s(place), during, lambda: boots_s(place))
        leaked = sum(_secret_bytes(data, place.secret) for data in attacker.got)
        return Outcome(entry.name, leaked, fair, said, place.did, cut_off_s)


def _with_the_phone_refused(entry: Entry[P], place: P) -> Outcome:
    got = entry.attack(place, threading.Event())
    place.settle()
    with suppress(ConfigurationMissing):
        place.boot_s()
        raise AssertionError("the phone was not refused")
    said = heard_of(entry.says, place)
    return Outcome(entry.name, sum(_secret_bytes(data, place.secret) for data in got), None, said, place.did)


def boots_s(place: Place) -> list[float]:
    """Return how long some boots take, one after the other."""
    return [place.boot_s() for _ in range(BOOTS)]


class _Attacker(threading.Thread):
    def __init__(self, attack: Callable[[threading.Event], Got]) -> None:
        super().__init__(name="attacker")
        self.over = threading.Event()
        self.got: Got = []
        self.fault: BaseException | None = None
        self._attack = attack

    def run(self) -> None:
        try:
            self.got = self._attack(self.over)
        except BaseException as fault:  # noqa: BLE001 - raised by who started it
            self.fault = fault


def _secret_bytes(data: bytes, secret: bytes) -> int:
    """Return how many bytes of the phone's file there are in what the attacker got: a file, or one packet of it."""
    body = data[4:] if data.startswith(_DATA) else data
    return len(body) if body and body in secret else 0


def heard_of(says: str, place: Talkative) -> str:
    """Return the first sentence of the log with these words in it; where none comes in time, all that it said."""
    until = time.monotonic() + TOLD_WITHIN_S
    heard: list[str] = []
    while says:
        told = place.said()
        found = next((sentence for sentence in told if says in sentence), "")
        heard += told
        if found:
            return found
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    return "\n".join(heard)


def _until_it_boots(place: Place) -> float:
    """Return how long after the attack the network leads to the phone again."""
    began = time.monotonic()
    while True:
        try:
            place.boot_s()
        except RingfenceError:
            if time.monotonic() - began > RECOVERED_S:
                raise
        else:
            return time.monotonic() - began
