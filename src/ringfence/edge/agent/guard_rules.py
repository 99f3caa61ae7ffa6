"""The guard's rules of this edge's site, as a part of its state: checked, and handed to the worker."""

import time
from collections.abc import Callable
from dataclasses import replace

from ringfence.edge.agent.clock import HubClock
from ringfence.errors import EnvironmentFault
from ringfence.guard.rules import read_rules
from ringfence.wire import codec
from ringfence.wire.messages import GuardRules, StatePart

NO_RULES_YET = GuardRules(0)
"""The rules until the hub has sent its own: an edge's default levels, and nothing else."""
CLOCK_MOVED_S = 2.0


class GuardRulesPart:
    """The state's part for the guard; used by one thread at a time.

    The rules' times are the hub's; ``hand_over`` gets them in this machine's time, which may be years off.
    """

    name = StatePart.GUARD

    def __init__(self, clock: HubClock, hand_over: Callable[[GuardRules], None]) -> None:
        self._clock = clock
        self._hand_over = hand_over
        self._shift_s = 0.0
        self._held = ""
        self.newest = NO_RULES_YET

    def keep(self, told: bytes) -> None:
        """Apply stored rules, once they are handed to the worker.

        Raises:
            BadMessage, BadRules: They can't be used; the earlier rules stay in force.
        """
        rules = codec.from_json(GuardRules, told)
        read_rules(rules)
        self.newest = rules

    def take(self, told: bytes) -> bool:
        """Apply the rules from the hub; return whether they are new.

        Raises:
            BadMessage, BadRules: As ``keep``.
            EnvironmentFault: The worker does not accept them now.
        """
        before = self.newest
        self.keep(told)
        if self.newest == before:
            return False
        try:
            self.apply()
        except EnvironmentFault:
            self.newest = before  # tried again at the next question
            raise
        return True

    def hold(self, why: str) -> None:
        """Hold back phones' own files and secrets from now on, whatever the hub's rules say."""
        if why != self._held:
            self._held = why
            self.apply()

    def on_time(self) -> None:
        """Hand the rules over again if this machine's clock has moved against the hub's."""
        if abs(self._clock_shift() - self._shift_s) > CLOCK_MOVED_S:
            self.apply()

    def apply(self) -> None:
        """Hand over the rules as they are, in this machine's time."""
        shift_s = self._shift_s = self._clock_shift()
        rules = self.newest
        self._hand_over(
            replace(
                rules,
                held=self._held or rules.held,
                windows=tuple(replace(each, until=each.until + shift_s) for each in rules.windows),
                bans=tuple(replace(each, until=each.until + shift_s) for each in rules.bans),
                lifted=tuple(replace(each, until=each.until + shift_s) for each in rules.lifted),
                learned=tuple(
                    replace(each, until=each.until + shift_s if each.until else 0.0) for each in rules.learned
                ),
            )
        )

    def in_words(self, *, refused: str, why_no_frames: str | None) -> str:
        """Return what the guard requires, in sentences.

        Args:
            refused: Why the hub's newest rules are not in force; empty if they are.
            why_no_frames: Why frames are not watched; None if they are.
        """
        levels = read_rules(self.newest).policy.levels
        asked = ", ".join(f"{kind} {level.name}" for kind, level in levels.items())
        text = f"The guard's rules, version {self.newest.version}, require: {asked}."
        if refused:
            text += f" Newer rules are refused: {refused}."
        if held := self._held or self.newest.held:
            text += f" Phones' own files are held back: {held}."
        if why_no_frames is not None:
            text += f" Frames are not watched: {why_no_frames or 'no site requires it'}."
        return text

    def _clock_shift(self) -> float:
        return time.time() - self._clock.now()
