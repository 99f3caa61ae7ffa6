"""The guard's rules of this edge's site: asked of the hub, kept for when it is away, and handed to the worker."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace

from ringfence.edge.clock import HubClock
from ringfence.edge.folder import EdgeFolder
from ringfence.edge.hub_client import HubClient
from ringfence.errors import EnvironmentFault
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
        try:
            self.rules = codec.from_json(GuardRules, folder.disk.read(folder.guard_file) or b"")
        except BadMessage:
            self.rules = NO_RULES_YET  # asked for again as soon as the hub answers

    def refresh(self, client: HubClient) -> bool:
        """Ask the hub, and hand over what changed; say whether that was anything. HubUnreachable, HubRefused."""
        told = client.guard_rules()
        is_new = told is not None and told != self.rules
        if told is not None and is_new:
            self.rules = told
        if is_new or abs(self._clock_shift() - self._shift_s) > CLOCK_MOVED_S:
            self.apply()
        if is_new:
            try:
                self._folder.disk.replace(self._folder.guard_file, json.dumps(asdict(self.rules)).encode())
            except EnvironmentFault:
                return True  # in force all the same; without room on the disk they are asked for after a restart
        return is_new

    def apply(self) -> None:
        """Hand over the rules as they are, in this machine's time."""
        shift_s = self._shift_s = self._clock_shift()
        rules = self.rules
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

    def _clock_shift(self) -> float:
        return time.time() - self._clock.now()
