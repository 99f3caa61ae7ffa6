"""The names of firmware files by their folded form, kept as long as their folder does not change.

A flood of names that do not exist must stay cheap: a folder is listed again only when its own time of change says so,
and never for more than a twentieth of the time.
"""

import os
import time
from dataclasses import dataclass

from cachetools import LRUCache

from ringfence.phones.filenames import is_firmware
from ringfence.server.files.safe_open import Beneath

MOST_FOLDERS = 128
MOST_ENTRIES = 50_000
"""Entries of one folder that are looked at; in a longer one, firmware is found by its exact name alone."""
PAUSE_FACTOR = 20
_CLOCK_STEP_NS = 50_000_000
"""More than the step of the clock that file systems write times with: a change that soon after another may not show."""


@dataclass(frozen=True, slots=True)
class _Listing:
    identity: tuple[int, int, int]
    is_settled: bool
    names: dict[str, str]


class OtherCases:
    """What is there beneath ``beneath``, whatever the case that it is asked for in."""

    def __init__(self, beneath: Beneath) -> None:
        self._beneath = beneath
        self._listings: LRUCache[str, _Listing] = LRUCache(MOST_FOLDERS)
        self._next_at = 0.0
        self.listed = 0
        """How often a folder was listed."""

    def find(self, name: str) -> str | None:
        """Return the name that differs from the firmware name ``name`` by the case of its last part only, or None."""
        folder, slash, last = name.rpartition("/")
        try:
            listing = self._listing(folder)
        except OSError:
            return None  # no such folder, or one that can't be listed
        found = listing.names.get(last.casefold()) if listing is not None else None
        return None if found is None else f"{folder}{slash}{found}"

    def _listing(self, folder: str) -> _Listing | None:
        facts = self._beneath.look(folder or ".")
        identity = (facts.st_dev, facts.st_ino, facts.st_mtime_ns)
        kept = self._listings.get(folder)
        if kept is not None and kept.identity == identity and kept.is_settled:
            return kept
        began_at = time.monotonic()
        if began_at < self._next_at:
            return kept
        is_settled = time.time_ns() - facts.st_mtime_ns > _CLOCK_STEP_NS
        made = _Listing(identity, is_settled, self._list(folder))
        self._next_at = time.monotonic() + PAUSE_FACTOR * (time.monotonic() - began_at)
        self._listings[folder] = made
        return made

    def _list(self, folder: str) -> dict[str, str]:
        """Return the firmware names by their folded form; of two that differ by case only, the first by order."""
        self.listed += 1
        fd = self._beneath.open_folder(folder)
        names = []
        try:
            with os.scandir(fd) as entries:
                for count, entry in enumerate(entries):
                    if count == MOST_ENTRIES:
                        return {}
                    name = os.fsencode(entry.name).decode("utf-8", "surrogateescape")
                    if is_firmware(name):
                        names.append(name)
        finally:
            os.close(fd)
        return {name.casefold(): name for name in sorted(names, reverse=True)}
