"""Which addresses are banned for guessing names, and for how long.

Invariants:

- Only a request whose source has completed a round trip counts against it: a TCP connection, or an acknowledgement of
  what was sent to it. Nothing that came from an unproven address counts against it, because anybody can forge the
  sender of a packet.
- A ban ends by itself, and a person can end it at once.
- Memory is bounded: the oldest entries are dropped first.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from cachetools import FIFOCache

STRIKES = 8
"""Phones whose files a source may be refused within STRIKES_WITHIN_S."""
STRIKES_WITHIN_S = 600.0
FIRST_BAN_S = 600.0
LONGEST_BAN_S = 86_400.0
MOST_SOURCES = 4096


@dataclass(frozen=True, slots=True)
class Ban:
    """An address that gets nothing until ``until`` (the caller's clock), and why; ``since`` is when that began."""

    host: str
    until: float
    why: str
    since: float = 0.0


@dataclass(slots=True)
class _Record:
    phones: deque[tuple[float, str]]
    bans: int = 0


class Bans:
    """Strikes and bans; each further ban of an address is twice as long."""

    def __init__(self) -> None:
        self._records: FIFOCache[str, _Record] = FIFOCache(MOST_SOURCES)
        self._bans: FIFOCache[str, Ban] = FIFOCache(MOST_SOURCES)
        self._by_people: dict[str, Ban] = {}

    def on_strike(self, host: str, phone: str, now: float) -> Ban | None:
        """Count a phone whose file a proven source was refused; return the ban if the source has reached the limit."""
        record = self._records.get(host)
        if record is None:
            record = self._records[host] = _Record(deque(maxlen=STRIKES))
        if all(phone != known for _, known in record.phones):
            record.phones.append((now, phone))
        recent = [at for at, _ in record.phones if now - at <= STRIKES_WITHIN_S]
        if len(recent) < STRIKES:
            return None
        record.phones.clear()
        lasts_s = min(FIRST_BAN_S * 2**record.bans, LONGEST_BAN_S)
        record.bans += 1
        ban = self._bans[host] = Ban(host, now + lasts_s, f"it asked for the files of {STRIKES} other phones", now)
        return ban

    def replace_peoples(self, bans: Iterable[Ban]) -> None:
        """Take over the bans that people have set at the hub, in place of the ones that they had set before."""
        self._by_people = {ban.host: ban for ban in bans}

    def lift(self, host: str, at: float) -> None:
        """End the ban of an address that was banned before ``at``, and start counting again."""
        ban = self._bans.get(host)
        if ban is not None and ban.since <= at:
            del self._bans[host]
            self._records.pop(host, None)

    def of(self, host: str, now: float) -> Ban | None:
        """Return the ban of an address, if there is one now."""
        for kept in (self._by_people, self._bans):
            ban = kept.get(host)
            if ban is not None:
                if now < ban.until:
                    return ban
                del kept[host]
        return None

    def all(self, now: float) -> tuple[Ban, ...]:
        """Return every ban that holds now, those of people first."""
        return tuple(ban for kept in (self._by_people, self._bans) for ban in kept.values() if now < ban.until)
