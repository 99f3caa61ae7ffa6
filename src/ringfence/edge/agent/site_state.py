"""What an edge gets beside releases: fetched from the hub, stored for when the hub is unreachable, handed to its parts.

The hub's answer names each part (``wire.messages.StatePart``). Each part reads and checks its own message. If a part
can't be used, its last value stays in force, and no other part is affected.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Raw

from ringfence.edge.agent.hub_client import HubClient
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.errors import EnvironmentFault, PeerFault
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage
from ringfence.wire.messages import SiteState, StatePart


class Part(Protocol):
    """Something that uses a part of the state."""

    @property
    def name(self) -> StatePart:
        """The part's name."""

    def keep(self, told: bytes) -> None:
        """Take over the stored value.

        Raises:
            PeerFault: It can't be used; the value in force stays.
        """

    def take(self, told: bytes) -> bool:
        """Apply the hub's value; return whether it is new.

        Raises:
            PeerFault: It can't be used; the value in force stays.
            EnvironmentFault: It can't be put in force now; it is offered again at the next request.
        """

    def apply(self) -> None:
        """Have what is kept in force."""

    def on_time(self) -> None:
        """Look whether time alone changes anything; called after each question to the hub."""


class StateKeeper:
    """Keeps the newest state on the disk, part by part; used by one thread at a time."""

    def __init__(self, folder: EdgeFolder, parts: Sequence[Part]) -> None:
        self._folder = folder
        self._parts = parts
        self.version = 0
        self.refused: dict[StatePart, str] = {}
        """Why a part of the hub's newest state is not gone by."""
        self._kept: dict[StatePart | str, Raw] = {}
        self._take_kept()

    def read_again(self) -> None:
        """Have in force what is kept, once a locked folder can be read."""
        self._take_kept()
        self.apply()

    def apply(self) -> None:
        """Have what is kept in force."""
        for part in self._parts:
            part.apply()

    def refresh(self, client: HubClient) -> list[StatePart]:
        """Ask the hub, and return which parts are news.

        Raises:
            HubUnreachable, HubRefused: The hub does not answer.
            EnvironmentFault: A part can't be put in force now.
        """
        told = client.state()
        news = [] if told is None else self._take(told)
        for part in self._parts:
            part.on_time()
        return news

    def _take(self, told: SiteState) -> list[StatePart]:
        news = []
        self.refused.clear()
        for part in self._parts:
            raw = told.parts.get(part.name)
            if raw is not None and self._try(part, raw, is_kept=False):
                if part.name is not StatePart.STORAGE:  # it holds the key to what is kept
                    self._kept[part.name] = raw.copy()
                news.append(part.name)
        self.version = told.version
        if news:
            try:
                state = SiteState(told.version, self._kept)
                self._folder.vault.replace(self._folder.state_file, codec.to_json(state))
            except EnvironmentFault:
                return news  # in force all the same; without room on the disk it is asked for after a restart
        return news

    def _take_kept(self) -> None:
        self._kept = self._read()
        for part in self._parts:
            if (told := self._kept.get(part.name)) is not None:
                self._try(part, told, is_kept=True)

    def _try(self, part: Part, raw: Raw, *, is_kept: bool) -> bool:
        try:
            if is_kept:
                part.keep(bytes(raw))
                return False
            return part.take(bytes(raw))
        except PeerFault as fault:
            if not is_kept:  # what was kept and can't be read is asked for again as soon as the hub answers
                self.refused[part.name] = fault.what + (f" ({fault.where})" if fault.where else "")
            return False

    def _read(self) -> dict[str, Raw]:
        try:
            kept = codec.from_json(SiteState, self._folder.vault.read(self._folder.state_file) or b"")
        except BadMessage:
            first_rules = self._folder.disk.read(self._folder.first_rules_file)
            return {} if first_rules is None else {StatePart.GUARD: Raw(first_rules)}
        self.version = kept.version
        return {name: raw.copy() for name, raw in kept.parts.items()}
