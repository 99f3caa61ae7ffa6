"""One attack on a hub, and how people and edges are served meanwhile.

Calm rounds are taken before and after: what is compared is the attack, and not a slow minute of the machine.
"""

import json
import multiprocessing
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Self

from attacks.attack_outcomes import Got, heard_of
from attacks.attacked_hub import PATIENCE_S, AttackedHub
from ringfence.sim.attacks.target import Fairness, fairness
from stack import wait_for

ROUNDS = 7
LONGEST_S = 60.0
"""How long an attacker has to end."""
_PAUSE_S = 0.5
_NICE = 19
_BEGINS_S = 1.0
"""How long an attack goes on before it is looked at how others are served."""
_SOCKETS_LEFT = 10
"""How many more sockets than before may be open after an attack: keep-alive connections of the users."""


@dataclass(frozen=True, slots=True)
class HubEntry:
    """One attack on a hub. ``attack`` goes on until the event, and returns what it got."""

    name: str
    attack: Callable[[AttackedHub, Event], Got]
    says: str = ""
    """What the log must say of it."""
    grows_mib: float = 128.0
    """How much more memory than in calm the hub may take meanwhile at most."""
    lasts_s: float = 0.0
    """How long it goes on at least."""
    slows: str = ""
    """Why others may wait longer than twice as long: it is stated. Empty: they may not."""
    then: Callable[[AttackedHub], str] | None = None
    """Looks afterwards that the hub is as it must be; returns what people see of the attack."""


@dataclass(frozen=True, slots=True)
class HubOutcome:
    """What came of an attack."""

    name: str
    leaked_bytes: int
    people: Fairness
    edges: Fairness
    news: Fairness
    grown_mib: float
    said: str
    did: str

    def figures(self) -> dict[str, object]:
        """Return it for scripts."""
        served = {"people": self.people, "edges": self.edges, "news": self.news}
        return {
            "attack": self.name,
            "secret_bytes": self.leaked_bytes,
            **{
                f"{who}_{what}": value
                for who, fair in served.items()
                for what, value in (
                    ("before_ms", round(1000 * fair.before_s, 1)),
                    ("during_ms", round(1000 * fair.during_s, 1)),
                    ("after_ms", round(1000 * fair.after_s, 1)),
                    ("ratio", round(fair.ratio, 2)),
                )
            },
            "grown_mib": round(self.grown_mib, 1),
            "did": self.did,
            "log": self.said,
        }


@dataclass(frozen=True, slots=True)
class _CameOfIt:
    got: Got
    did: str
    fault: str = ""


class _Attacker:
    """Attacks in a process of its own, which leaves the processors to others: a real one is on another machine."""

    def __init__(self, attack: Callable[[AttackedHub, Event], Got], place: AttackedHub) -> None:
        fork = multiprocessing.get_context("fork")
        self._over = fork.Event()
        self._told, tells = fork.Pipe(duplex=False)
        self._process = fork.Process(target=_attack, args=(attack, place, self._over, tells))

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_fault: object) -> None:
        self._process.kill()
        self._process.join()

    def end(self) -> _CameOfIt:
        """End the attack, and return what came of it."""
        self._over.set()
        assert self._told.poll(LONGEST_S), "the attacker does not end"
        came_of_it: _CameOfIt = self._told.recv()
        assert not came_of_it.fault, came_of_it.fault
        return came_of_it


def _attack(attack: Callable[[AttackedHub, Event], Got], place: AttackedHub, over: Event, tells: Connection) -> None:
    os.nice(_NICE)
    try:
        tells.send(_CameOfIt(attack(place, over), place.did))
    except BaseException:  # noqa: BLE001 - raised by who started it
        tells.send(_CameOfIt([], place.did, traceback.format_exc()))


def carry_out_on_hub(entry: HubEntry) -> HubOutcome:
    """Attack, and let the hub be used meanwhile: each request of its users must be answered."""
    with AttackedHub() as place:
        rounds(place)  # caches are warm
        before = rounds(place)
        place.said()
        sockets = place.connections
        place.forget_peak()
        calm_mib = place.peak_mib
        with _Attacker(entry.attack, place) as attacker:
            time.sleep(_BEGINS_S)
            until = time.monotonic() + entry.lasts_s
            during = rounds(place)
            while time.monotonic() < until:
                time.sleep(_PAUSE_S)
                for seconds, one in zip(during, rounds(place, 1), strict=True):
                    seconds.extend(one)
            came_of_it = attacker.end()
        grown_mib = place.peak_mib - calm_mib
        said = heard_of(entry.says, place)
        seen = entry.then(place) if entry.then is not None else ""
        wait_for("the connections' end", lambda: place.connections <= sockets + _SOCKETS_LEFT, PATIENCE_S)
        after: list[Rounds] = []

        def calm(who: int) -> list[float]:
            if who == 0 or not after:
                after.append(rounds(place))
            return after[-1][who]

        people, edges, news = (fairness(before[who], during[who], partial(calm, who)) for who in range(3))
        leaked = sum(place.secret in data for data in came_of_it.got) * len(place.secret)
        return HubOutcome(entry.name, leaked, people, edges, news, grown_mib, seen or _kind(said), came_of_it.did)


def _kind(line: str) -> str:
    """Return what a line of the hub's log is about."""
    told = json.loads(line or "{}")
    return ": ".join(str(told[name]) for name in ("event", "kind") if name in told)


Rounds = tuple[list[float], list[float], list[float]]


def rounds(place: AttackedHub, count: int = ROUNDS) -> Rounds:
    """Let the hub be used some times; return how long people, edges and news took."""
    found: Rounds = ([], [], [])
    for _ in range(count):
        for seconds, use in zip(found, (place.person_s, place.edge_s, place.news_s), strict=True):
            seconds.append(use())
    return found
