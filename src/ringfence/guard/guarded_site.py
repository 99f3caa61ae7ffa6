"""One site as its requests are judged: its rules, its phones, and what happened to its windows."""

from collections.abc import Collection
from dataclasses import dataclass, field

from ringfence.guard.decision import HeldFile
from ringfence.guard.levels import Level
from ringfence.guard.policy import OPEN, Policy
from ringfence.guard.rules import Rules
from ringfence.guard.windows import Windows


@dataclass(slots=True)
class GuardedSite:
    """``id`` is the hub's, empty if there is only one site; ``name`` is for people."""

    id: str
    name: str
    rules: Rules = field(default_factory=lambda: Rules(OPEN))
    windows: Windows = field(default_factory=Windows)

    @property
    def known_owners(self) -> Collection[str]:
        """The bare MAC addresses of the site's phones; none here, a subclass that has files overrides it."""
        return ()

    @property
    def policy(self) -> Policy:
        """What it requires of requests for files."""
        return self.rules.policy

    def take_rules(self, rules: Rules) -> None:
        """Judge by other rules from now on."""
        self.rules = rules
        self.windows.replace(rules.windows)

    def needed(self, held: HeldFile) -> Level:
        """Return the level that a file of this site needs."""
        return self.policy.needed(held.file_kind)
