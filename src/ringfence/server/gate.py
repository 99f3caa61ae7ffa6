"""One decision for each file, whatever the protocol that asks for it, and what is told of refusals."""

import time
from collections.abc import Callable, Collection
from enum import Enum, auto
from typing import Protocol

from ringfence.content.errors import BadName
from ringfence.content.names import normalise
from ringfence.guard.decision import Decision, Evidence, FileRequest, HeldFile, Operation, Policy, decide
from ringfence.server.catalogue import NOTHING_OFFERED, OfferedFile
from ringfence.server.events import RequestRefused, WorkerEvent, printable
from ringfence.server.limits import DEFAULT_LIMITS, Limits
from ringfence.server.refusals import RefusalLog
from ringfence.server.sources import Budgets

LONGEST_NAME = 255


class Holdings(Protocol):
    """What there is to be served: a release's catalogue, or a plain folder."""

    @property
    def known_owners(self) -> Collection[str]:
        """The bare MAC addresses of the phones that own a file here."""

    def find(self, name: str) -> OfferedFile | None:
        """Return the file that a phone means by ``name`` (normalised), or None."""

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
    ) -> None:
        self.tell = on_event
        self._site = site
        self._policy = policy or Policy()
        self._holdings: Holdings = NOTHING_OFFERED
        self._evidence = Evidence()
        self._log = RefusalLog()
        self._budgets = Budgets(limits.refusal_burst, limits.refusals_per_s)

    def adopt(self, holdings: Holdings) -> None:
        """Serve ``holdings`` from the next request on; transfers under way finish on the bytes they began with."""
        old, self._holdings = self._holdings, holdings
        self._evidence = Evidence(known_owners=holdings.known_owners)
        old.retire()

    def ask(self, name: str, host: str, port: int, now: float) -> OfferedFile | Refusal:
        """Return the file that ``host`` may have under ``name`` (as it was written); a refusal is told already.

        ``now`` is the loop's time. Who reads the file calls its ``hold``, and ``let_go`` when done.
        """
        try:
            offered = self._holdings.find(normalise(name))
        except BadName:
            offered = None
        decision = self._judge(FileRequest(name, host), offered)
        if decision.allow and offered is not None:
            return offered
        return self.refuse(name, host, port, decision.sentence, now)

    def refuse_writing(self, name: str, host: str, port: int, now: float) -> Refusal:
        """Refuse to take a file."""
        return self.refuse(name, host, port, self._judge(FileRequest(name, host, Operation.WRITE), None).sentence, now)

    def refuse(self, name: str, host: str, port: int, sentence: str, now: float) -> Refusal:
        """Tell of a refusal, bounded by what the source may cost, and return how to answer it."""
        self.note(name, host, port, sentence)
        return Refusal.ANSWER if self._budgets.take(host, now) else Refusal.SILENCE

    def note(self, name: str, host: str, port: int, sentence: str) -> None:
        """Tell of something that went unanswered; the same thing again is only counted for a while."""
        told = self._log.note(
            RequestRefused(time.time(), host, port, printable(name)[:LONGEST_NAME], printable(sentence))
        )
        if told is not None:
            self.tell(told)

    def flush(self) -> None:
        """Tell what was only counted, once its time has come; to be called now and then."""
        for refused in self._log.flush(time.time()):
            self.tell(refused)

    def _judge(self, request: FileRequest, offered: OfferedFile | None) -> Decision:
        holding = None if offered is None else HeldFile(offered.kind, offered.owner)
        return decide(request, holding, self._evidence, self._policy, self._site)
