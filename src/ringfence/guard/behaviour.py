"""Does a source behave like the phone that it claims to be? What it asked for, and points for named parts of that.

A score gives level L2 at most: somebody who has watched a phone boot can imitate everything here. A low score raises
suspicion and tells operators what was odd; a high score alone never releases a secret. Habits are what the hub knows
about a phone's family (``phones.family``); the caller provides sources and clocks. Memory is always bounded.
"""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cachetools import FIFOCache

from ringfence.guard.dhcp import names_a_phone
from ringfence.guard.evidence import (
    AskedDhcp,
    Behaviour,
    BehaviourPart,
    Evidence,
)
from ringfence.phones.filenames import owner_of

MOST_SOURCES = 2048
MOST_ASKED = 48
"""Requests of one source that are remembered."""
BOOT_S = 300.0
"""Within how long the requests of one boot come, with the phone's own pauses (PHONES.md section 2b)."""
SHORTEST_GAP_S = 0.002
"""Between two requests of a phone: it takes a file, or an error, before it asks for the next."""
ENUMERATES_FROM = 5
"""Phones that one source may ask for before it counts as guessing (TFTP.md section 4.5)."""
_USER_AGENT_MAC = re.compile(r"\(([0-9A-Fa-f]{12})\)")


@dataclass(frozen=True, slots=True)
class Habits:
    """How phones of one family boot.

    ``before``: the names that they ask for before their own file, in order; ``{MAC}`` and ``{mac}`` stand for their MAC
    address.

    ``options`` are the TFTP options that they send, None if unknown. ``user_agent`` is how their HTTP header begins,
    empty if unknown.
    """

    family: str
    before: tuple[str, ...]
    options: tuple[str, ...] | None = None
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when, for what, how; ``at`` on the caller's clock in seconds."""

    at: float
    name: str
    protocol: str = "tftp"
    options: tuple[str, ...] = ()
    user_agent: str = ""


class Watch:
    """What each source asked for recently."""

    def __init__(self) -> None:
        self._asked: FIFOCache[str, deque[Asked]] = FIFOCache(MOST_SOURCES)
        self._guessed: FIFOCache[str, dict[str, float]] = FIFOCache(MOST_SOURCES)

    def note(self, host: str, asked: Asked) -> None:
        """Remember a request."""
        kept = self._asked.get(host)
        if kept is None:
            kept = self._asked[host] = deque(maxlen=MOST_ASKED)
        kept.append(asked)

    def of(self, host: str, now: float) -> tuple[Asked, ...]:
        """Return what a source asked for within the time of a boot, oldest first."""
        return tuple(asked for asked in self._asked.get(host, ()) if now - asked.at <= BOOT_S)

    def note_guess(self, host: str, name: str, now: float) -> int:
        """Remember a name of a phone that does not exist; return how many of these the source asked for recently."""
        guessed = self._guessed.get(host)
        if guessed is None:
            guessed = self._guessed[host] = {}
        if name in guessed or len(guessed) < MOST_ASKED:
            guessed[name] = now
        for old in [each for each, at in guessed.items() if now - at > BOOT_S]:
            del guessed[old]
        return len(guessed)


def judge(
    mac: str,
    asked: Sequence[Asked],
    habits: Habits | None,
    evidence: Evidence,
    *,
    last_boot_s: float | None = None,
    fingerprint: AskedDhcp | None = None,
) -> Behaviour:
    """Return how well a source that asks for ``mac``'s own file behaves like that phone.

    ``asked``: what it asked for recently, oldest first, the request itself last. ``last_boot_s``: how long ago the
    phone took its file before, ``fingerprint`` how it asked for an address then; None if that is not known. Parts
    that nothing is known of are left out.
    """
    parts = [_one_phone(mac, asked), _pace(asked), _time(last_boot_s)]
    if habits is not None and habits.before:
        parts.append(_order(mac, asked, habits))
    if habits is not None and habits.options is not None and asked and asked[-1].protocol == "tftp":
        parts.append(_options(asked[-1], habits.options))
    if habits is not None and habits.user_agent and asked and asked[-1].protocol == "http":
        parts.append(_user_agent(mac, asked[-1], habits))
    if evidence.lease is not None and evidence.lease.vendor_class:
        parts.append(_lease(mac, evidence))
    if evidence.dhcp is not None:
        parts += _dhcp(mac, evidence.dhcp, fingerprint)
    if evidence.announced is not None:
        parts.append(_announced(mac, evidence))
    return Behaviour(tuple(parts))


def _order(mac: str, asked: Sequence[Asked], habits: Habits) -> BehaviourPart:
    """Forty points for the files that the family asks for first, in its order."""
    wanted = [_filled(name, mac).casefold() for name in habits.before]
    names = [each.name.replace("\\", "/").lstrip("/").casefold() for each in asked]
    at, found = -1, 0
    for name in wanted:
        later = next((index for index in range(at + 1, len(names)) if names[index] == name), None)
        if later is not None:
            at, found = later, found + 1
    why = (
        f"asked for {found} of the {len(wanted)} files that a {habits.family} phone asks for first, in order"
        if found
        else f"went straight for its file; a {habits.family} phone asks for {_filled(habits.before[0], mac)} first"
    )
    return BehaviourPart("order", round(40 * found / len(wanted)), 40, why)


def _filled(pattern: str, mac: str) -> str:
    return pattern.replace("{MAC}", mac).replace("{mac}", mac.lower())


def _one_phone(mac: str, asked: Sequence[Asked]) -> BehaviourPart:
    others = {owner.bare for each in asked if (owner := owner_of(each.name)) is not None} - {mac}
    if not others:
        return BehaviourPart("one phone", 20, 20, "asked only for this phone's files")
    points = 0 if len(others) >= ENUMERATES_FROM - 1 else 8
    return BehaviourPart("one phone", points, 20, f"asked for the files of {len(others) + 1} phones")


def _pace(asked: Sequence[Asked]) -> BehaviourPart:
    gaps = sorted(later.at - earlier.at for earlier, later in pairwise(asked))
    if not gaps:
        return BehaviourPart("pace", 5, 10, "asked only once")
    middle = gaps[len(gaps) // 2]
    if middle < SHORTEST_GAP_S:
        return BehaviourPart("pace", 0, 10, f"asks every {1000 * middle:.1f} ms, faster than a phone can")
    return BehaviourPart("pace", 10, 10, f"asks every {middle:.2f} s")


def _time(last_boot_s: float | None) -> BehaviourPart:
    if last_boot_s is None:
        return BehaviourPart("time", 5, 10, "its last boot is not known")
    if last_boot_s < 5:  # noqa: PLR2004 - no phone boots in less
        return BehaviourPart(
            "time", 0, 10, f"the phone took its file {last_boot_s:.0f} s ago and can't boot again so soon"
        )
    return BehaviourPart("time", 10, 10, "a phone may boot at this time")


def _options(asked: Asked, options: tuple[str, ...]) -> BehaviourPart:
    sent = tuple(sorted(asked.options))
    if sent == tuple(sorted(options)):
        return BehaviourPart("options", 10, 10, "sends the options that phones of its family send")
    shown = f"the options {', '.join(sent)}" if sent else "no options"
    return BehaviourPart("options", 0, 10, f"sends {shown}, unlike phones of its family")


def _user_agent(mac: str, asked: Asked, habits: Habits) -> BehaviourPart:
    named = _USER_AGENT_MAC.search(asked.user_agent)
    if named is not None and named[1].upper() != mac:
        return BehaviourPart("user agent", 0, 20, f"calls itself {named[1].upper()} in its User-Agent")
    if asked.user_agent.casefold().startswith(habits.user_agent.casefold()):
        return BehaviourPart("user agent", 20, 20, "has the User-Agent of its family")
    return BehaviourPart("user agent", 0, 20, "does not have the User-Agent of its family")


def _lease(mac: str, evidence: Evidence) -> BehaviourPart:
    lease = evidence.lease
    if lease is not None and lease.mac == mac:
        return BehaviourPart("DHCP", 10, 10, "got its address from DHCP under its own MAC address, as a phone does")
    return BehaviourPart("DHCP", 0, 10, "has an address that DHCP gave to another machine")


def _dhcp(mac: str, asked: AskedDhcp, before: AskedDhcp | None) -> list[BehaviourPart]:
    called = asked.vendor_class or "nothing"
    is_phone = asked.mac == mac and names_a_phone(asked.vendor_class)
    why = f"asked for its address as {called}, " + ("as a phone does" if is_phone else "as no phone does")
    found = [BehaviourPart("DHCP class", 10 if is_phone else 0, 10, why)]
    if before is not None:
        same = (asked.vendor_class, asked.options) == (before.vendor_class, before.options)
        why = "asked for its address as it did before" if same else "asked for its address differently than before"
        found.append(BehaviourPart("DHCP fingerprint", 10 if same else 0, 10, why))
    return found


def _announced(mac: str, evidence: Evidence) -> BehaviourPart:
    said = evidence.announced
    if said is not None and said.mac == mac and mac in said.device.upper():
        return BehaviourPart("announcement", 20, 20, f"announces itself as {said.device} ({said.platform})")
    return BehaviourPart("announcement", 0, 20, "another machine announces itself there")
