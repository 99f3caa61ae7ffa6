"""One decision for each file, whatever the protocol that asks for it, and what is told of refusals.

A decision may wait some milliseconds for what the parent heard on the wire; what has not come by then proves nothing.
Where a site needs evidence at all, every refusal is answered the same time after its request, so that nobody can tell
by the clock a file that is not there from one that is not theirs.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from msgspec.structs import replace

from ringfence.content.errors import BadName
from ringfence.content.release import STUBS
from ringfence.guard.decision import Decision, Operation
from ringfence.guard.evidence import OnTheWire
from ringfence.guard.findings import Finding
from ringfence.guard.levels import Level
from ringfence.guard.policy import Policy
from ringfence.guard.record import to_text
from ringfence.guard.rules import Rules
from ringfence.guard.windows import Window
from ringfence.phones.filenames import owner_of
from ringfence.server.access.evaluation import Asking, Judge
from ringfence.server.access.neighbours import Links
from ringfence.server.access.refusal_log import RefusalLog
from ringfence.server.access.reload_tokens import Passes
from ringfence.server.access.served_site import Holdings, ServedSite
from ringfence.server.errors import NotNow
from ringfence.server.events import (
    HTTP,
    Banned,
    DecisionsCounted,
    RecordText,
    RequestRefused,
    TransferFailed,
    TransferFinished,
    WindowChanged,
    WorkersOwnEvent,
    printable,
)
from ringfence.server.files.catalogue import OfferedFile
from ringfence.server.io.loop import Loop
from ringfence.server.limits.budgets import Budgets
from ringfence.server.limits.settings import DEFAULT_LIMITS, Limits

LONGEST_NAME = 255
WAIT_S = 0.03
"""How long a decision waits at most for what the parent heard: half a millisecond does, but on a busy small machine."""
REFUSED_AFTER_S = 0.04
"""How long after its request every refusal is answered, where a site needs evidence."""
MOST_WAITING = 256
MOST_GRANTED = 4096
COUNT_EVERY_S = 60.0

NOT_ITS_OWN = frozenset(
    {Finding.UNKNOWN_PHONE, Finding.NO_WINDOW, Finding.WINDOW_TAKEN, Finding.BEHAVIOUR, Finding.LEVEL_TOO_LOW}
)
"""What a source on the internet is told when it asks for the file of a phone that it is not."""

# Findings beside the guard's own.
MALFORMED = "malformed"
"""It is no request that the protocol knows."""
OVER_LIMIT = "over-limit"
"""It would have cost more than its source, or all sources, may."""
NOT_NOW = "not-now"
"""The machine could not say what it holds."""
BANNED = "banned"
"""Its source is shut out."""
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


Answer = Callable[[OfferedFile | Refusal, float], None]
"""Takes what becomes of a request, and the loop's time; called once, at once or some milliseconds later."""
AskParent = Callable[[int, str, int], None]
"""Asks the parent, under a number, what it heard of a host and port; ``Gate.on_heard`` takes the answer."""


@dataclass(slots=True)
class _Waiting:
    asking: Asking
    site: ServedSite
    offered: OfferedFile
    answer: Answer
    came_at: float
    timer: int


class Gate:
    """Decides, and tells ``on_event``, which must not block.

    ``site`` is the one site that is served until rules name others. Without a ``loop`` nothing waits.
    """

    def __init__(
        self,
        *,
        site: str,
        on_event: Callable[[WorkersOwnEvent], None],
        policy: Policy | None = None,
        limits: Limits = DEFAULT_LIMITS,
        links: Links | None = None,
        loop: Loop | None = None,
        ask_parent: AskParent | None = None,
        watches_frames: bool = False,
        faces_internet: bool = False,
    ) -> None:
        self._on_event = on_event
        self._loop = loop
        self._ask_parent = ask_parent
        self._watches_frames = watches_frames
        self._faces_internet = faces_internet
        self._judge = Judge(links)
        self._judge.sites[""] = ServedSite("", site, Rules(policy or Policy()))
        self._judge.on_rules()
        self._log = RefusalLog()
        self._budgets = Budgets(limits.refusal_burst, limits.refusals_per_s)
        self._waiting: dict[int, _Waiting] = {}
        self._serial = 0
        self._granted: OrderedDict[tuple[str, int, str], Decision] = OrderedDict()
        self._counts: dict[tuple[str, str, str], int] = {}
        self._counted_at = 0.0
        self.passes = Passes()
        """What confirms the agent's orders to phones."""
        self.requests = 0
        """How many requests were judged."""
        self.refusals: dict[str, int] = {}
        """How many requests were not granted, by finding."""

    # -- what is served ---------------------------------------------------------------------------------------

    def adopt(self, holdings: Holdings, site_id: str = "") -> None:
        """Serve ``holdings`` from the next request on; transfers under way finish on the bytes they began with."""
        self._judge.sites[site_id].take_holdings(holdings)

    def take_rules(self, site_id: str, name: str, rules: Rules) -> None:
        """Judge a site's requests by ``rules`` from now on; a site that was not known is served from now on."""
        sites = self._judge.sites
        if site_id and "" in sites:
            del sites[""]  # it stood for the one site that nobody had named yet
        site = sites.setdefault(site_id, ServedSite(site_id, name))
        site.name = name
        site.take_rules(rules)
        self._judge.on_rules()

    # -- requests ---------------------------------------------------------------------------------------------

    def ask(self, asking: Asking, now: float, answer: Answer) -> None:
        """Have ``answer`` called with the file that may go out, or a refusal, which is told already.

        ``now`` is the loop's time. Who reads the file calls its ``hold``, and ``let_go`` when done.
        """
        self.requests += 1
        name, host, port = asking.name, asking.host, asking.port
        ban = self._judge.bans.of(host, time.time())
        if ban is not None:
            self.note("(shut out)", host, port, f"Left {host} unanswered: {ban.why}.", BANNED)
            answer(Refusal.SILENCE, now)
            return
        if self._judge.is_discreet:
            self._judge.note(asking, now)
        try:
            site, offered = self._judge.find(name, host)
        except BadName:
            site, offered = self._judge.site_for("", host), None
        except NotNow as fault:
            self.note(name, host, port, f"Left {printable(name)} to {host} unanswered: {fault.what}.", NOT_NOW)
            answer(Refusal.SILENCE, now)
            return
        if (
            offered is not None
            and self._ask_parent is not None
            and self._loop is not None
            and len(self._waiting) < MOST_WAITING
            and self._judge.needs_the_wire(site, offered)
        ):
            self._wait(asking, site, offered, answer, now)
            return
        decision = self._judge.decide(asking, site, offered, now, watches_frames=self._watches_frames)
        if self._faces_internet and not decision.allow and offered is not None and offered.owner is not None:
            # What holds no secret may go out where the file itself may not: it points at a VPN, or at HTTPS.
            stub = site.holdings.find(STUBS + offered.name)
            if stub is not None and stub.owner == offered.owner:
                of_stub = self._judge.decide(asking, site, stub, now)
                decision, offered = (of_stub, stub) if of_stub.allow else (decision, offered)
        self._decided(decision, site, offered, asking, answer, came_at=now, now=now)

    def on_heard(self, serial: int, heard: OnTheWire, now: float) -> None:
        """Go on with the request that waits for what the parent heard; too late is as good as nothing."""
        self._go_on(serial, heard, now)

    def is_one_of_ours(self, name: str) -> bool:
        """Say whether a name is that of a phone which some site has."""
        owner = owner_of(name)
        return owner is not None and self._judge.has_phone(owner.bare)

    def keeps_watch(self, offered: OfferedFile) -> bool:
        """Say whether a file is for one place or one address alone, so that ``is_still_there`` must be asked."""
        if offered.owner is None:
            return False
        site = self._site_of(offered)
        return site.needed(offered) >= Level.L3 or site.policy.windows

    def is_still_there(self, offered: OfferedFile, host: str, *, has_answered: bool = False) -> bool:
        """Say whether ``host`` may have a file's next bytes: its address may have gone to another machine meanwhile.

        ``has_answered``: it has just acknowledged something, and keeps its window by that.
        """
        site = self._site_of(offered)
        if has_answered:
            self._tell_window(site, self._judge.on_round_trip(site, offered, host), host)
        return self._judge.is_still_there(site, offered, host, time.monotonic())

    def refuse_writing(self, name: str, host: str, port: int, now: float) -> Refusal:
        """Refuse to take a file."""
        self.requests += 1
        asking = Asking(name, host, port)
        site = self._judge.site_for("", host)
        decision = self._judge.decide(asking, site, None, now, operation=Operation.WRITE)
        self._count(decision, site)
        return self._refuse(name, host, port, decision.sentence, decision.finding, now)

    def refuse(self, name: str, host: str, port: int, sentence: str, now: float) -> Refusal:
        """Refuse a request that the protocol does not know; bounded by what the source may cost."""
        self.requests += 1
        return self._refuse(name, host, port, sentence, MALFORMED, now)

    # -- what is told -----------------------------------------------------------------------------------------

    def tell(self, event: WorkersOwnEvent) -> None:
        """Tell of a transfer, with the decision by which it began."""
        if isinstance(event, TransferFinished | TransferFailed) and event.owner is not None:
            decision = self._granted.pop((event.peer_host, event.peer_port, event.name), None)
            if decision is not None and isinstance(event, TransferFinished):
                site = self._judge.site_for(event.name, event.peer_host)
                held = site.holdings.find(event.name)
                record = to_text(decision, held.held if held is not None else None)
                event = replace(event, level=decision.reached.name, decision=RecordText(record), site=site.id)
                window = self._judge.on_taken(
                    site, event.owner or "", event.name, event.peer_host, decision.evidence, time.monotonic()
                )
                self._on_event(event)
                self._tell_window(site, window, event.peer_host)
                return
        if self._faces_internet and isinstance(event, TransferFinished | TransferFailed):
            event = replace(event, site=self._judge.site_for(event.name, event.peer_host).id)
        self._on_event(event)

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
        """Tell of something that was not granted; the same thing again is only counted for a while.

        ``record`` gives the whole decision, and is asked only where it is told.
        """
        self.refusals[finding] = self.refusals.get(finding, 0) + 1
        shown = printable(name)[:LONGEST_NAME]
        told = self._log.note(
            RequestRefused(time.time(), host, port, shown, printable(sentence), finding=str(finding), site=site)
        )
        if told is not None:
            self._on_event(told if record is None else replace(told, decision=RecordText(record())))

    def flush(self, now: float) -> None:
        """Tell what was only counted, once its time has come, and forget old budgets; to be called now and then."""
        self._budgets.forget_refilled(now)
        self.passes.forget_old(now)
        for refused in self._log.flush(time.time()):
            self._on_event(refused)
        if self._counts and now - self._counted_at >= COUNT_EVERY_S:
            self._counted_at = now
            counts, self._counts = self._counts, {}
            for (site, verdict, level), count in counts.items():
                self._on_event(DecisionsCounted(time.time(), verdict, level, count, site))

    # -- the way of a request ---------------------------------------------------------------------------------

    def _wait(self, asking: Asking, site: ServedSite, offered: OfferedFile, answer: Answer, now: float) -> None:
        if self._loop is None or self._ask_parent is None:
            raise AssertionError("nobody to wait for")
        self._serial += 1
        serial = self._serial
        offered.hold()
        timer = self._loop.call_at(now + WAIT_S, lambda now: self._go_on(serial, None, now))
        self._waiting[serial] = _Waiting(asking, site, offered, answer, now, timer)
        self._ask_parent(serial, asking.host, asking.port)

    def _go_on(self, serial: int, heard: OnTheWire | None, now: float) -> None:
        waiting = self._waiting.pop(serial, None)
        if waiting is None or self._loop is None:
            return
        self._loop.cancel(waiting.timer)
        offered = waiting.offered
        try:
            decision = self._judge.decide(
                waiting.asking, waiting.site, offered, now, heard, watches_frames=self._watches_frames
            )
            self._decided(
                decision, waiting.site, offered, waiting.asking, waiting.answer, came_at=waiting.came_at, now=now
            )
        finally:
            offered.let_go()

    def _decided(
        self,
        decision: Decision,
        site: ServedSite,
        offered: OfferedFile | None,
        asking: Asking,
        answer: Answer,
        *,
        came_at: float,
        now: float,
    ) -> None:
        self._count(decision, site)
        name, host, port = asking.name, asking.host, asking.port
        if decision.allow and offered is not None:
            if offered.owner is not None and site.policy.levels:
                self._granted[(host, port, offered.name)] = decision
                if len(self._granted) > MOST_GRANTED:
                    self._granted.popitem(last=False)
                self._tell_window(site, self._judge.on_begun(site, offered, asking), host)
            answer(offered, now)
            return
        is_guess = decision.finding is Finding.UNKNOWN_PHONE or (
            self._faces_internet and decision.finding in NOT_ITS_OWN
        )
        if is_guess:
            self._on_guess(asking, now)
        held = offered.held if offered is not None else None
        self.note(name, host, port, decision.sentence, decision.finding, lambda: to_text(decision, held), site.id)
        if self._faces_internet and asking.protocol == HTTP and not self._judge.is_known(site, host, now):
            self._on_strike(name, host)
        # One budget for whatever is named: with another for phones that are there, silence would tell who is not.
        if asking.is_beyond_budget or not self._budgets.take(host, now):
            answer(Refusal.SILENCE, now)
        elif self._judge.is_discreet and self._loop is not None and now < came_at + REFUSED_AFTER_S:
            self._loop.call_at(came_at + REFUSED_AFTER_S, lambda now: answer(Refusal.ANSWER, now))
        else:
            answer(Refusal.ANSWER, now)

    def _on_strike(self, name: str, host: str) -> None:
        """Count the phone that a refused name is of, over TCP, whose sender is there.

        Whether some site has that phone makes no difference: a ban would tell which phones are there. Over TFTP none
        counts: on one port nothing in an acknowledgement is unknown to who forges it, so anybody could have anybody
        shut out. There the budget of what a source is told is what meets who guesses.
        """
        owner = owner_of(name)
        ban = self._judge.bans.on_strike(host, owner.bare, time.time()) if owner is not None else None
        if ban is not None:
            self._on_event(Banned(time.time(), host, ban.until, ban.why))

    def _on_guess(self, asking: Asking, now: float) -> None:
        guesses = self._judge.note_guess(asking, now)
        if guesses >= ENUMERATES_FROM:
            sentence = f"{asking.host} asks for the files of one phone after the other: {guesses} that are not its own."
            self.note("(guessed names)", asking.host, asking.port, sentence, ENUMERATES)

    def _refuse(self, name: str, host: str, port: int, sentence: str, finding: str, now: float) -> Refusal:
        self.note(name, host, port, sentence, finding)
        return Refusal.ANSWER if self._budgets.take(host, now) else Refusal.SILENCE

    def _count(self, decision: Decision, site: ServedSite) -> None:
        key = (site.id, decision.verdict.value, decision.reached.name)
        self._counts[key] = self._counts.get(key, 0) + 1

    def _site_of(self, offered: OfferedFile) -> ServedSite:
        return self._judge.site_for(offered.name, "")

    def _tell_window(self, site: ServedSite, window: Window | None, host: str) -> None:
        if window is not None:
            self._on_event(WindowChanged(time.time(), site.id, window.id, window.mac, host, used=window.used))
