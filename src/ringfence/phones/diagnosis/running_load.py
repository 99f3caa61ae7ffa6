"""Which firmware a phone runs, told from what it asked for (PHONES.md sections 1 and 7).

A phone that takes its configuration asks for the load that it names, as NAME.loads, unless it runs that load already
[certain]. So a boot in which it went on to other files and asked for no load shows what it runs: what its
configuration names, or, where that names none, what it last fetched.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ringfence.phones.diagnosis.activity import (
    BOOT_S,
    ActivitySentence,
    Known,
    Seen,
    Urgency,
    ago,
    comes_after_configuration,
)
from ringfence.phones.filenames import (
    LOADS_SUFFIX,
    is_first_of_configuration,
    is_loads,
    is_recovery,
)
from ringfence.phones.mac import Mac


@dataclass(frozen=True, slots=True)
class Running:
    """A load, and the moment at which it was seen to run, in Unix seconds."""

    load: str
    at: float

    def in_words(self, now: float) -> ActivitySentence:
        """Return it as a sentence for an operator."""
        return ActivitySentence(Urgency.FINE, "runs", f"It runs {self.load}, as its boot {ago(now - self.at)} showed.")


def running_load(mac: Mac, seen: Sequence[Seen], known: Known, now: float) -> Running | None:
    """Return what a phone runs, by its newest finished boot; None if that does not show. ``seen`` is in order."""
    own = [each for each in seen if each.was_served and is_first_of_configuration(each.name, mac)]
    if not own or now < own[-1].at + BOOT_S:
        return None
    last = own[-1]
    after = [each for each in seen if last.at <= each.at <= last.at + BOOT_S and each is not last]
    if any(_names_load(each) for each in after) or not any(comes_after_configuration(each.name) for each in after):
        return None
    if known.named_load and last.release >= known.current_release:
        return Running(known.named_load, last.at)
    fetched = [each for each in seen if each.at < last.at and each.was_served and _names_load(each)]
    return Running(fetched[-1].name[: -len(LOADS_SUFFIX)], last.at) if fetched else None


def _names_load(each: Seen) -> bool:
    return is_loads(each.name) and not is_recovery(each.name)
