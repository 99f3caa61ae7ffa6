"""Which phones are due to be told to fetch their configuration again: at once after a release, or at night."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from ringfence.content.release import (
    MINUTES_A_DAY,
    Release,
    Reload,
    ReloadMethod,
    Target,
    TargetKind,
)
from ringfence.edge.phones.seen_phones import SeenPhones
from ringfence.phones.sip.notify import ServiceAction

_BY_KEYS = frozenset({"web", "web-when-idle"})
NIGHT_MINUTES = 60
"""Over how long a site's phones are told at night."""


@dataclass(frozen=True, slots=True)
class DueReload:
    """One phone to be told: its bare MAC address, the host and port on which it listens, and how it is told.

    A phone that has registered takes an order with its REGISTER's Call-ID alone.
    """

    owner: str
    host: str
    port: int
    method: ReloadMethod = "sip-notify"
    action: ServiceAction = "restart"
    register_call_id: str = ""


class ReloadAnswer(Enum):
    """How a phone took its order."""

    ACCEPTED = auto()
    REFUSED = auto()
    SILENT = auto()


def due_at_once(previous: Release, release: Release, phones: SeenPhones) -> Iterator[DueReload]:
    """Yield each known phone whose own configuration changed in any form, at the port that it listens on now."""
    before = {target.name: target for target in previous.targets}
    found: set[str] = set()
    for target in release.targets:
        old = before.get(target.name)
        if target.owner is None or target.kind is not TargetKind.CONFIGURATION or old is None or target.owner in found:
            continue
        way, host = old.reload, phones.host_of(target.owner)
        if old.digest == target.digest or target.reload is None or target.reload.minute is not None:
            continue
        if way is not None and host is not None:
            found.add(target.owner)
            yield DueReload(target.owner, host, way.port, _method_of(way, target.reload))


def _method_of(before: Reload, now: Reload) -> ReloadMethod:
    """Return how a phone is told: by its file of before, as it listens by that; keys may wait as the new one says."""
    both = {before.method, now.method}
    return now.method if both <= _BY_KEYS else before.method


def due_at_night(release: Release, phones: SeenPhones, minute: int) -> Iterable[DueReload]:
    """Yield the phones that are due in this minute of the UTC day and have no form of the file that is served now.

    Each has a minute of its own within the hour, so that a site's phones do not all boot at once.
    """
    forms: dict[str, list[Target]] = {}
    for target in release.targets:
        if target.owner is not None and target.reload is not None and target.reload.minute is not None:
            forms.setdefault(target.owner, []).append(target)
    for owner, targets in forms.items():
        reload, host = targets[0].reload, phones.host_of(owner)
        if reload is None or reload.minute is None or host is None:
            continue
        due = (reload.minute + int(owner, 16) % NIGHT_MINUTES) % MINUTES_A_DAY
        if due == minute and all(phones.holds_another(owner, target.digest) for target in targets):
            yield DueReload(owner, host, reload.port, reload.method)
