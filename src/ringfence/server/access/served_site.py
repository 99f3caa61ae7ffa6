"""One site as the worker serves it: its files, its rules, and what happened to its windows."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from ringfence.guard.levels import Level
from ringfence.guard.policy import OPEN, Policy
from ringfence.guard.rules import Rules
from ringfence.guard.windows import Windows
from ringfence.server.files.catalogue import NOTHING_OFFERED, OfferedFile


class Holdings(Protocol):
    """What there is to be served: a release's catalogue, or a plain folder."""

    @property
    def known_owners(self) -> Collection[str]:
        """The bare MAC addresses of the phones that own a file here."""

    def find(self, name: str) -> OfferedFile | None:
        """Return the file that a phone means by ``name`` (normalised), or None. NotNow: it may be there in a moment."""

    def retire(self) -> None:
        """Let go of what no transfer reads any more. Once."""


@dataclass(slots=True)
class ServedSite:
    """``id`` is the hub's, empty where there is one site only; ``name`` is for people."""

    id: str
    name: str
    rules: Rules = field(default_factory=lambda: Rules(OPEN))
    holdings: Holdings = NOTHING_OFFERED
    windows: Windows = field(default_factory=Windows)

    @property
    def policy(self) -> Policy:
        """What it asks of whoever wants a file."""
        return self.rules.policy

    def take_rules(self, rules: Rules) -> None:
        """Judge by other rules from now on."""
        self.rules = rules
        self.windows.replace(rules.windows)

    def take_holdings(self, holdings: Holdings) -> None:
        """Serve other files from the next request on; transfers under way finish on the bytes they began with."""
        old, self.holdings = self.holdings, holdings
        old.retire()

    def needed(self, file: OfferedFile) -> Level:
        """Return the level that a file of this site needs."""
        return self.policy.needed(file.held.file_kind)
