"""The guard's rules of this edge's site: asked of the hub, kept for when it is away, and handed to the worker."""

import time
from collections.abc import Callable
from dataclasses import replace

from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.hub_client import HubClient
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.errors import EnvironmentFault
from ringfence.guard.errors import BadRules
from ringfence.guard.rules import read_rules
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage
from ringfence.wire.messages import GuardRules

NO_RULES_YET = GuardRules(0)
"""What holds until the hub has told its own: an edge's levels, and nothing else."""
CLOCK_MOVED_S = 2.0


class GuardKeeper:
    """Keeps the newest rules; used by one thread at a time.

    The rules' times are the hub's; ``hand_over`` gets them in this machine's time, which may be years off.
    """

    def __init__(self, folder: EdgeFolder, clock: HubClock, hand_over: Callable[[GuardRules], None]) -> None:
        self._folder = folder
        self._clock = clock
        self._hand_over = hand_over
        self._shift_s = 0.0
        self.refused = ""
        """Why the hub's newest rules are not gone by; empty where they are."""
        try:
            self.newest = codec.from_json(GuardRules, folder.disk.read(folder.guard_file) or b"")
            read_rules(self.newest)
        except (BadMessage, BadRules):
            self.newest = NO_RULES_YET  # asked for again as soon as the hub answers

    def refresh(self, client: HubClient) -> bool:
        """Ask the hub for the site's rules, and hand over what changed.

        Returns:
            Whether anything changed.

        Raises:
            HubUnreachable, HubRefused: As ``HubClient.guard_rules``; the rules stay as they were.
        """
        told = self._readable(client.guard_rules())
        is_new = told is not None and told != self.newest
        if told is not None and is_new:
            self.newest = told
        if is_new or abs(self._clock_shift() - self._shift_s) > CLOCK_MOVED_S:
            self.apply()
        if is_new:
            try:
                self._folder.disk.replace(self._folder.guard_file, codec.to_json(self.newest))
            except EnvironmentFault:
                return True  # in force all the same; without room on the disk they are asked for after a restart
        return is_new

    def _readable(self, told: GuardRules | None) -> GuardRules | None:
        """Return rules that can be gone by; what a newer hub words in a way not known here leaves the old in force."""
        self.refused = ""
        try:
            if told is not None:
                read_rules(told)
        except BadRules as fault:
            self.refused = fault.what + (f" ({fault.where})" if fault.where else "")
            return None
        return told

    def apply(self) -> None:
        """Hand over the rules as they are, in this machine's time."""
        shift_s = self._shift_s = self._clock_shift()
        rules = self.newest
        self._hand_over(
            replace(
                rules,
                windows=tuple(replace(each, until=each.until + shift_s) for each in rules.windows),
                bans=tuple(replace(each, until=each.until + shift_s) for each in rules.bans),
                lifted=tuple(replace(each, until=each.until + shift_s) for each in rules.lifted),
                learned=tuple(
                    replace(each, until=each.until + shift_s if each.until else 0.0) for each in rules.learned
                ),
            )
        )

    def in_words(self, *, why_no_frames: str | None) -> str:
        """Say what is asked of whoever wants a file; ``why_no_frames``: None where frames are watched."""
        levels = read_rules(self.newest).policy.levels
        asked = ", ".join(f"{kind} {level.name}" for kind, level in levels.items())
        text = f"The guard's rules, version {self.newest.version}: {asked}."
        if self.refused:
            text += f" Newer ones are refused: {self.refused}."
        if self.newest.held:
            text += f" Phones' own files are held back: {self.newest.held}."
        if why_no_frames is not None:
            text += f" Frames are not watched: {why_no_frames or 'nobody asked for it'}."
        return text

    def _clock_shift(self) -> float:
        return time.time() - self._clock.now()
