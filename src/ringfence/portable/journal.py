"""What has happened while a bundle was served, as sentences in every language."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ringfence.content.release import TargetKind
from ringfence.portable import words
from ringfence.portable.manifest import BundledPhone, BundleManifest
from ringfence.portable.transfers import Happening, RequestDeclined, TransferBegan, TransferEnded
from ringfence.portable.words import Language
from ringfence.printable import printable

MOST_KEPT = 100
_REPEATS_S = 60.0
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class HomeEvent:
    """Something that happened, at a time in Unix seconds."""

    at: float
    key: str
    phone: BundledPhone | None = None
    file: str = ""
    source: str = ""

    def sentence(self, language: Language) -> str:
        """Return it in words."""
        return words.say(
            language,
            self.key,
            who=name_of(self.phone, language),
            file=self.file,
            source=self.source,
            time=clock(self.at),
        )


class HomeJournal:
    """Keeps the newest entries, hands each on to ``show``, and knows which phones have their file.

    The same refusal is told once a minute, however often somebody asks.
    """

    def __init__(self, show: Callable[[HomeEvent], None], now: Callable[[], float] = time.time) -> None:
        self._show, self._now = show, now
        self._lock = threading.Lock()
        self._entries: deque[HomeEvent] = deque(maxlen=MOST_KEPT)
        self._told: dict[tuple[str, str, str], float] = {}
        self._served: set[str] = set()

    def hear(self, happening: Happening) -> None:
        """Take over what the transfers tell."""
        now = self._now()
        match happening:
            case TransferBegan(source, file, phone):
                if file.kind == TargetKind.FIRMWARE:
                    self._add(HomeEvent(now, "takes", phone, file.name, source))
            case TransferEnded(source, file, phone, is_whole):
                is_own = file.owner is not None and file.kind == TargetKind.CONFIGURATION
                if is_whole and is_own:
                    self._served.add(str(file.owner))
                key = ("took" if is_own else "took-other") if is_whole else "broke-off"
                self._add(HomeEvent(now, key, phone, file.name, source))
            case RequestDeclined(source, name, why):
                self._add_once(HomeEvent(now, why.told, why.phone, printable(name, _LONGEST_NAME), source))

    def has_all(self, manifest: BundleManifest) -> bool:
        """Return whether every phone that has a file of its own in the bundle took it."""
        owners = {f.owner for f in manifest.files if f.owner is not None and f.kind == TargetKind.CONFIGURATION}
        return bool(owners) and owners <= self._served

    def newest(self) -> list[HomeEvent]:
        """Return the entries, the newest first."""
        with self._lock:
            return list(reversed(self._entries))

    def _add_once(self, entry: HomeEvent) -> None:
        about = (entry.key, entry.source, entry.phone.mac if entry.phone is not None else "")
        if entry.at < self._told.get(about, 0.0) + _REPEATS_S:
            return
        if len(self._told) >= MOST_KEPT:
            self._told.clear()
        self._told[about] = entry.at
        self._add(entry)

    def _add(self, entry: HomeEvent) -> None:
        with self._lock:
            self._entries.append(entry)
        self._show(entry)


def name_of(phone: BundledPhone | None, language: Language) -> str:
    """Return what people call a phone."""
    if phone is None:
        return words.say(language, "a-phone")
    if phone.name:
        return phone.name
    return words.say(language, "this-phone", mac=":".join(phone.mac[at : at + 2] for at in range(0, 12, 2)))


def clock(unix_s: float) -> str:
    """Return a time of this day, as this computer's clock has it."""
    return time.strftime("%H:%M", time.localtime(unix_s))
