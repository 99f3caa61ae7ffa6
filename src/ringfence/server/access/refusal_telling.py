"""What is reported of refusals: answers within a source's budget, events for the log, counts, and bans for guessing."""

from collections.abc import Callable
from enum import Enum, auto

from msgspec.structs import replace

from ringfence.guard.asking import Asking
from ringfence.guard.decision import Decision
from ringfence.guard.evaluation import Evaluation
from ringfence.guard.moment import Moment
from ringfence.phones.filenames import owner_of, says_nothing_of_phones
from ringfence.server.access.refusal_log import RefusalLog
from ringfence.server.access.served_site import ServedSite
from ringfence.server.events import (
    Banned,
    DecisionsCounted,
    RecordText,
    RequestRefused,
    WorkersOwnEvent,
    printable,
)
from ringfence.server.limits.budgets import Budgets
from ringfence.server.limits.settings import Limits

LONGEST_NAME = 255
COUNT_EVERY_S = 60.0

# Findings beside the guard's own.
MALFORMED = "malformed"
"""It is not a request that the protocol knows."""
OVER_LIMIT = "over-limit"
"""It would have cost more than its source, or all sources, may."""
NOT_NOW = "not-now"
"""The machine could not tell whether it has the file."""
BANNED = "banned"
"""Its source is banned."""
ENUMERATES = "enumerates"
"""Its source asks for one phone after the other."""
ENUMERATES_FROM = 5
"""Names of phones that nobody has, from one source within some minutes (TFTP.md section 4.5)."""


class Refusal(Enum):
    """How to answer a request that was refused."""

    ANSWER = auto()
    """As a file that does not exist, whatever the reason was."""
    SILENCE = auto()
    """Not at all: the source has used up what it may be told."""


class RefusalTelling:
    """Reports to ``on_event``, which must not block; ``evaluation`` tracks who guesses and who is banned."""

    def __init__(
        self,
        evaluation: Evaluation[ServedSite],
        *,
        limits: Limits,
        on_event: Callable[[WorkersOwnEvent], None],
        moment: Callable[[], Moment],
    ) -> None:
        self._evaluation = evaluation
        self._on_event = on_event
        self._moment = moment
        self._log = RefusalLog()
        self._budgets = Budgets(limits.refusal_burst, limits.refusals_per_s)
        self._spare = Budgets(limits.spare_burst, limits.spare_per_s)
        self._counts: dict[tuple[str, str, str], int] = {}
        self._counted_at = 0.0
        self.by_finding: dict[str, int] = {}
        """How many requests were not granted, by finding."""

    def set_limits(self, limits: Limits) -> None:
        """Go by other limits from the next refusal on."""
        self._budgets.set(limits.refusal_burst, limits.refusals_per_s)

    def spend(self, host: str, name: str = "") -> Refusal:
        """Take an answer from a source's budget, or from what all have to spare for names that say nothing of phones.

        There is one budget for all names of phones: if existing phones had their own, silence would reveal which phones
        do not exist.
        """
        mono = self._moment().mono
        if name and says_nothing_of_phones(name) and self._spare.take("", mono):
            return Refusal.ANSWER
        return Refusal.ANSWER if self._budgets.take(host, mono) else Refusal.SILENCE

    def note(
        self,
        name: str,
        host: str,
        port: int,
        sentence: str,
        finding: str = OVER_LIMIT,
        record: Callable[[], str] | None = None,
        site: str = "",
    ) -> None:
        """Report something that was not granted; repeats are only counted for a while.

        ``record`` returns the whole decision, and is only called if it is reported.
        """
        self.by_finding[finding] = self.by_finding.get(finding, 0) + 1
        shown = printable(name)[:LONGEST_NAME]
        told = self._log.note(
            RequestRefused(self._moment().wall, host, port, shown, printable(sentence), finding=str(finding), site=site)
        )
        if told is not None:
            self._on_event(told if record is None else replace(told, decision=RecordText(record())))

    def count(self, decision: Decision, site: ServedSite) -> None:
        """Count a decision, whatever its verdict."""
        key = (site.id, decision.verdict.value, decision.reached.name)
        self._counts[key] = self._counts.get(key, 0) + 1

    def on_guess(self, asking: Asking) -> None:
        """Count a name that is not the source's own; report once it asks for one phone after another."""
        guesses = self._evaluation.note_guess(asking, self._moment())
        if guesses >= ENUMERATES_FROM:
            sentence = (
                f"{asking.host} asks for the files of one phone after another: {guesses} phones that are not its own."
            )
            self.note("(guessed names)", asking.host, asking.port, sentence, ENUMERATES)

    def on_strike(self, name: str, host: str) -> None:
        """Count the phone that a refused name belongs to, over TCP, where the sender really exists.

        It makes no difference whether some site has that phone: otherwise a ban would reveal which phones exist.
        Requests over TFTP do not count: on one port a forger knows everything in an acknowledgement, so anybody could
        get anybody banned. There, the budget of answers for each source limits guessing.
        """
        owner, wall = owner_of(name), self._moment().wall
        ban = self._evaluation.bans.on_strike(host, owner.bare, wall) if owner is not None else None
        if ban is not None:
            self._on_event(Banned(wall, host, ban.until, ban.why))

    def flush(self) -> None:
        """Report what was only counted, when it is due, and drop old budgets; to be called now and then."""
        moment = self._moment()
        self._budgets.forget_refilled(moment.mono)
        for refused in self._log.flush(moment.wall):
            self._on_event(refused)
        if self._counts and moment.mono - self._counted_at >= COUNT_EVERY_S:
            self._counted_at = moment.mono
            counts, self._counts = self._counts, {}
            for (site, verdict, level), count in counts.items():
                self._on_event(DecisionsCounted(moment.wall, verdict, level, count, site))
