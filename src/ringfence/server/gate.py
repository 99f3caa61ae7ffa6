"""One decision for each file, whatever the protocol that asks for it, and what is told of refusals."""

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from enum import Enum, auto
from typing import Protocol

from ringfence.content.errors import BadName
from ringfence.content.names import normalise
from ringfence.guard.decision import Decision, Evidence, FileRequest, Level, Operation, Policy, decide
from ringfence.server.catalogue import NOTHING_OFFERED, OfferedFile
from ringfence.server.errors import NotNow
from ringfence.server.events import RequestRefused, WorkerEvent, printable
from ringfence.server.limits import DEFAULT_LIMITS, Limits
from ringfence.server.neighbours import Neighbours
from ringfence.server.passes import Passes
from ringfence.server.refusals import RefusalLog
from ringfence.server.sources import Budgets

LONGEST_NAME = 255

# Findings beside the guard's own.
MALFORMED = "malformed"
"""It is no request that the protocol knows."""
OVER_LIMIT = "over-limit"
"""It would have cost more than its source, or all sources, may."""
NOT_NOW = "not-now"
"""The machine could not say what it holds."""


class Holdings(Protocol):
    """What there is to be served: a release's catalogue, or a plain folder."""

    @property
    def known_owners(self) -> Collection[str]:
        """The bare MAC addresses of the phones that own a file here."""

    def find(self, name: str) -> OfferedFile | None:
        """Return the file that a phone means by ``name`` (normalised), or None. NotNow: it may be there in a moment."""

    def retire(self) -> None:
        """Let go of what no transfer reads any more. Once."""


class Refusal(Enum):
    """How to answer a request that was refused."""

    ANSWER = auto()
    """As a file that does not exist, whatever the reason was."""
    SILENCE = auto()
    """Not at all: the source has used up what it may be told."""


class Gate:
    """Decides, and tells ``on_event``, which must not block."""

    def __init__(
        self,
        *,
        site: str,
        on_event: Callable[[WorkerEvent], None],
        policy: Policy | None = None,
        limits: Limits = DEFAULT_LIMITS,
        neighbours: Neighbours | None = None,
    ) -> None:
        self.tell = on_event
        self._site = site
        self._policy = policy or Policy()
        self._holdings: Holdings = NOTHING_OFFERED
        self._evidence = Evidence()
        self._neighbours = neighbours
        self._log = RefusalLog()
        self._budgets = Budgets(limits.refusal_burst, limits.refusals_per_s)
        self.passes = Passes()
        """What confirms the agent's orders to phones."""
        self.requests = 0
        """How many requests were judged."""
        self.refusals: dict[str, int] = {}
        """How many requests were not granted, by finding."""

    def adopt(self, holdings: Holdings) -> None:
        """Serve ``holdings`` from the next request on; transfers under way finish on the bytes they began with."""
        old, self._holdings = self._holdings, holdings
        self._evidence = Evidence(known_owners=holdings.known_owners)
        old.retire()

    def ask(self, name: str, host: str, port: int, now: float) -> OfferedFile | Refusal:
        """Return the file that ``host`` may have under ``name`` (as it was written); a refusal is told already.

        ``now`` is the loop's time. Who reads the file calls its ``hold``, and ``let_go`` when done.
        """
        self.requests += 1
        try:
            offered = self._holdings.find(normalise(name))
        except BadName:
            offered = None
        except NotNow as fault:
            self.note(name, host, port, f"Left {printable(name)} to {host} unanswered: {fault.what}.", NOT_NOW)
            return Refusal.SILENCE
        decision = self._judge(FileRequest(name, host), offered)
        if decision.allow and offered is not None:
            return offered
        return self._refuse(name, host, port, decision.sentence, decision.finding, now)

    def keeps_watch(self, offered: OfferedFile) -> bool:
        """Say whether a file is for one place on the wire, so that ``is_still_there`` must hold while it is sent."""
        return self._neighbours is not None and self._policy.needed(offered.kind) >= Level.L3

    def is_still_there(self, offered: OfferedFile, host: str) -> bool:
        """Say whether ``host`` may have a file's next bytes: its address may have gone to another machine meanwhile."""
        return self._judge(FileRequest(offered.name, host), offered).allow

    def refuse_writing(self, name: str, host: str, port: int, now: float) -> Refusal:
        """Refuse to take a file."""
        self.requests += 1
        decision = self._judge(FileRequest(name, host, Operation.WRITE), None)
        return self._refuse(name, host, port, decision.sentence, decision.finding, now)

    def refuse(self, name: str, host: str, port: int, sentence: str, now: float) -> Refusal:
        """Refuse a request that the protocol does not know; bounded by what the source may cost."""
        self.requests += 1
        return self._refuse(name, host, port, sentence, MALFORMED, now)

    def note(self, name: str, host: str, port: int, sentence: str, finding: str = OVER_LIMIT) -> None:
        """Tell of something that went unanswered; the same thing again is only counted for a while."""
        self.refusals[finding] = self.refusals.get(finding, 0) + 1
        shown = printable(name)[:LONGEST_NAME]
        told = self._log.note(RequestRefused(time.time(), host, port, shown, printable(sentence), finding=str(finding)))
        if told is not None:
            self.tell(told)

    def flush(self, now: float) -> None:
        """Tell what was only counted, once its time has come, and forget old budgets; to be called now and then."""
        self._budgets.forget_refilled(now)
        self.passes.forget_old(now)
        for refused in self._log.flush(time.time()):
            self.tell(refused)

    def _refuse(self, name: str, host: str, port: int, sentence: str, finding: str, now: float) -> Refusal:
        self.note(name, host, port, sentence, finding)
        return Refusal.ANSWER if self._budgets.take(host, now) else Refusal.SILENCE

    def _judge(self, request: FileRequest, offered: OfferedFile | None) -> Decision:
        if offered is None:
            return decide(request, None, self._evidence, self._policy, self._site)
        if self._neighbours is None or self._policy.needed(offered.kind) < Level.L3:
            return decide(request, offered.held, self._evidence, self._policy, self._site)
        evidence = replace(self._evidence, macs=self._neighbours.macs_of(request.source_host))
        return decide(request, offered.held, evidence, self._policy, self._site)
