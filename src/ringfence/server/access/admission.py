"""One decision for each file, over any protocol.

If a site needs evidence at all, every refusal takes the same way, by the parent where there is one, and leaves the same
time after its request, so that timing does not reveal whether a file does not exist or belongs to somebody else.
"""

from collections.abc import Callable

from cachetools import FIFOCache
from msgspec.structs import replace

from ringfence.content.errors import BadName
from ringfence.content.names import normalise
from ringfence.content.release import BY_HTTPS, STUBS
from ringfence.guard.asking import HTTP, Asking
from ringfence.guard.decision import Decision, Operation
from ringfence.guard.evaluation import Evaluation, LinkKnowledge
from ringfence.guard.findings import Finding
from ringfence.guard.levels import Level
from ringfence.guard.policy import Policy
from ringfence.guard.record import to_text
from ringfence.guard.rules import Rules
from ringfence.guard.serving_profile import ServingProfile
from ringfence.guard.windows import Window
from ringfence.phones.filenames import is_credential_asked_for, owner_of
from ringfence.server.access.evidence_wait import AskTheParent, EvidenceWait, Heard, Timing
from ringfence.server.access.refusal_telling import BANNED, MALFORMED, NOT_NOW, Refusal, RefusalTelling
from ringfence.server.access.reload_tokens import ReloadTokens
from ringfence.server.access.served_site import Holdings, ServedSite
from ringfence.server.errors import NotNow
from ringfence.server.events import (
    RecordText,
    TransferFailed,
    TransferFinished,
    WindowChanged,
    WorkersOwnEvent,
    printable,
)
from ringfence.server.files.catalogue import OfferedFile
from ringfence.server.limits.settings import DEFAULT_LIMITS, Limits

REFUSED_AFTER_S = 0.04
"""How long after its request every refusal is answered, where a site needs evidence."""
MOST_GRANTED = 4096

NOT_ITS_OWN = frozenset(
    {Finding.UNKNOWN_PHONE, Finding.NO_WINDOW, Finding.WINDOW_TAKEN, Finding.BEHAVIOUR, Finding.LEVEL_TOO_LOW}
)
"""What a source on the internet is told when it asks for the file of a phone that it is not."""

Answer = Callable[[OfferedFile | Refusal, float], None]
"""Takes what becomes of a request, and the loop's time; called once, at once or some milliseconds later."""


class Admission:
    """Decides, and reports to ``on_event``, which must not block.

    ``site`` is the one site that is served until rules name others. The time is that of the loop's turn (``timing``).
    """

    def __init__(
        self,
        timing: Timing,
        *,
        site: str,
        on_event: Callable[[WorkersOwnEvent], None],
        policy: Policy | None = None,
        limits: Limits = DEFAULT_LIMITS,
        links: LinkKnowledge | None = None,
        ask_parent: AskTheParent | None = None,
        watches_frames: bool = False,
        profile: ServingProfile = ServingProfile.LAN,
    ) -> None:
        self._timing = timing
        self._on_event = on_event
        self._watches_frames = watches_frames
        self._profile = profile
        self._evaluation = Evaluation(ServedSite("", "here"), links)
        self._evaluation.sites[""] = ServedSite("", site, Rules(policy or Policy()))
        self._evaluation.on_rules()
        self._wait = EvidenceWait(timing, ask_parent)
        self._granted: FIFOCache[tuple[str, int, str], Decision] = FIFOCache(MOST_GRANTED)
        self.telling = RefusalTelling(self._evaluation, limits=limits, on_event=on_event, moment=lambda: timing.moment)
        self.note = self.telling.note
        self.reload_tokens = ReloadTokens()
        """What confirms the agent's orders to phones."""
        self.requests = 0
        """How many requests were judged."""

    # -- what is served ---------------------------------------------------------------------------------------

    def adopt(self, holdings: Holdings, site_id: str = "") -> None:
        """Serve ``holdings`` from the next request on; transfers in progress finish with the bytes they began with."""
        self._evaluation.sites[site_id].take_holdings(holdings)

    def take_rules(self, site_id: str, name: str, rules: Rules) -> None:
        """Judge a site's requests by ``rules`` from now on; a site that was not known is served from now on."""
        sites = self._evaluation.sites
        if site_id and "" in sites:
            del sites[""]  # it stood for the one site that nobody had named yet
        site = sites.setdefault(site_id, ServedSite(site_id, name))
        site.name = name
        site.take_rules(rules)
        self._evaluation.on_rules()

    # -- requests ---------------------------------------------------------------------------------------------

    def ask(self, asking: Asking, answer: Answer) -> None:
        """Call ``answer`` with the file that may go out, or with a refusal, which is already reported.

        The reader of the file calls its ``hold``, and ``let_go`` when done.
        """
        self.requests += 1
        moment, evaluation = self._timing.moment, self._evaluation
        host, port = asking.host, asking.port
        ban = evaluation.bans.of(host, moment.wall)
        if ban is not None:
            self.note("(banned)", host, port, f"Did not answer {host}: {ban.why}.", BANNED)
            answer(Refusal.SILENCE, moment.mono)
            return
        if evaluation.is_discreet:
            evaluation.note(asking, moment)
        try:
            site, offered = self._find(asking)
        except NotNow as fault:
            self._leave_unanswered(asking, answer, fault.what)
            return
        needs_more = evaluation.is_discreet if offered is None else evaluation.needs_the_wire(site, offered.held)
        if needs_more and self._wait.has_parent:
            came_at = moment.mono
            self._wait.begin(
                host, port, offered, lambda heard: self._on_evidence(asking, site, offered, answer, heard, came_at)
            )
            return
        held = offered.held if offered is not None else None
        decision = evaluation.decide(asking, site, held, moment, watches_frames=self._watches_frames)
        if self._profile.gives_stubs and not decision.allow and offered is not None and offered.owner is not None:
            decision, offered = self._stub_or(decision, offered, site, asking)
        self._on_decision(decision, site, offered, asking, answer, moment.mono)

    def opened_by(self, name: str, query: bytes, host: str) -> str:
        """Return the name of the file that a request with a query opens, which is then asked for like any other."""
        try:
            normal = normalise(name)
        except BadName:
            return name
        return self._site_for(normal, host).holdings.opened_by(normal, query)

    def on_heard(self, heard: Heard) -> None:
        """Go on with the request that waits for the parent's observations; a late answer is ignored."""
        self._wait.on_heard(heard)

    def is_one_of_ours(self, name: str) -> bool:
        """Return whether a name belongs to a phone of some site."""
        owner = owner_of(name)
        return owner is not None and self._evaluation.has_phone(owner.bare)

    def asks_for_credential(self, name: str) -> bool:
        """Return whether a refused request over HTTP is asked for a credential.

        It depends on the name's form alone, or the answer would tell which phones there are.
        """
        return self._evaluation.asks_for_credentials and is_credential_asked_for(name)

    def keeps_watch(self, offered: OfferedFile, host: str, port: int) -> bool:
        """Return whether a file is for one place or one address only, so that ``is_still_there`` must be asked."""
        if offered.owner is None:
            return False
        granted = self._granted.get((host, port, offered.name))
        if granted is not None and granted.finding is Finding.BY_CREDENTIAL:
            return False
        site = self._site_for(offered.name)
        return site.needed(offered.held) >= Level.L3 or site.policy.windows

    def is_still_there(self, offered: OfferedFile, host: str, *, has_answered: bool = False) -> bool:
        """Return whether ``host`` may have a file's next bytes: its address may be another machine's meanwhile.

        ``has_answered``: it has just acknowledged something, and keeps its window by that.
        """
        site, moment = self._site_for(offered.name), self._timing.moment
        if has_answered:
            self._tell_window(site, self._evaluation.on_round_trip(site, offered.held, host, moment), host)
        return self._evaluation.is_still_there(site, offered.held, host, moment)

    def refuse_writing(self, name: str, host: str, port: int) -> Refusal:
        """Refuse to take a file."""
        site = self._site_for("", host)
        asking, moment = Asking(name, host, port), self._timing.moment
        decision = self._evaluation.decide(asking, site, None, moment, operation=Operation.WRITE)
        self.telling.count(decision, site)
        return self.refuse(name, host, port, decision.sentence, decision.finding)

    def refuse(self, name: str, host: str, port: int, sentence: str, finding: str = MALFORMED) -> Refusal:
        """Refuse a request that the protocol does not know; bounded by what the source may cost."""
        self.requests += 1
        self.note(name, host, port, sentence, finding)
        return self.telling.spend(host)

    # -- what came of it --------------------------------------------------------------------------------------

    def tell(self, event: WorkersOwnEvent) -> None:
        """Report a transfer, with the decision that allowed it."""
        if not isinstance(event, TransferFinished | TransferFailed):
            self._on_event(event)
            return
        host = event.peer_host
        decision = None if event.owner is None else self._granted.pop((host, event.peer_port, event.name), None)
        if decision is not None and isinstance(event, TransferFinished):
            self._tell_of_own_file(event, event.owner or "", decision)
        elif self._profile is ServingProfile.INTERNET:
            self._on_event(replace(event, site=self._site_for(event.name, host).id))
        else:
            self._on_event(event)

    def flush(self) -> None:
        """Report what was only counted, when it is due, and drop old entries; to be called now and then."""
        self.telling.flush()
        self.reload_tokens.forget_old(self._timing.moment.mono)

    def _tell_of_own_file(self, event: TransferFinished, owner: str, decision: Decision) -> None:
        host, moment = event.peer_host, self._timing.moment
        site = self._site_for(event.name, host)
        offered = site.holdings.find(event.name)
        record = to_text(decision, offered.held if offered is not None else None)
        self._evaluation.on_taken(site, owner, host, decision.evidence, moment)
        self._on_event(replace(event, level=decision.reached.name, decision=RecordText(record), site=site.id))
        if offered is not None and offered.owner == owner:
            self._tell_window(site, site.windows.on_taken(owner, host, moment.wall), host)

    # -- the way of a request ---------------------------------------------------------------------------------

    def _find(self, asking: Asking) -> tuple[ServedSite, OfferedFile | None]:
        """Return which site a request is about, and its file of that name, if any. NotNow."""
        try:
            normal = normalise(asking.name)
        except BadName:
            return self._site_for("", asking.host), None
        site = self._site_for(normal, asking.host)
        if asking.over_tls is not normal.startswith(BY_HTTPS) or _shows_another(asking, normal):
            return site, None
        return site, site.holdings.find(normal)

    def _stub_or(
        self, decision: Decision, offered: OfferedFile, site: ServedSite, asking: Asking
    ) -> tuple[Decision, OfferedFile]:
        """Return what holds no secret where the file itself may not go out: it points at a VPN, or at HTTPS."""
        stub = site.holdings.find(STUBS + offered.name)
        if stub is not None and stub.owner == offered.owner:
            of_stub = self._evaluation.decide(asking, site, stub.held, self._timing.moment)
            if of_stub.allow:
                return of_stub, stub
        return decision, offered

    def _on_evidence(
        self,
        asking: Asking,
        site: ServedSite,
        offered: OfferedFile | None,
        answer: Answer,
        heard: Heard | None,
        came_at: float,
    ) -> None:
        if heard is None:
            self._leave_unanswered(asking, answer, "what the edge observed of the sender is not known yet")
            return
        held = offered.held if offered is not None else None
        decision = self._evaluation.decide(
            asking, site, held, self._timing.moment, heard.wire, watches_frames=self._watches_frames
        )
        if decision.finding is Finding.NO_FRAME and heard.may_have_missed:
            self._leave_unanswered(asking, answer, "some frames were lost just now, maybe this request's too")
        elif self._evaluation.look_for(decision, held):
            self._leave_unanswered(asking, answer, "no link shows yet whose address that is, and it is being found out")
        else:
            self._on_decision(decision, site, offered, asking, answer, came_at)

    def _leave_unanswered(self, asking: Asking, answer: Answer, why: str) -> None:
        """Neither allow nor refuse what will be asked again: by then more is known."""
        name, host = asking.name, asking.host
        sentence = f"Did not answer {host}'s request for {printable(name)}: {why}. It will ask again."
        self.note(name, host, asking.port, sentence, NOT_NOW)
        answer(Refusal.SILENCE, self._timing.moment.mono)

    def _on_decision(
        self,
        decision: Decision,
        site: ServedSite,
        offered: OfferedFile | None,
        asking: Asking,
        answer: Answer,
        came_at: float,
    ) -> None:
        self.telling.count(decision, site)
        if not decision.allow or offered is None:
            self._on_refusal(decision, site, offered, asking, answer, came_at)
            return
        moment, host = self._timing.moment, asking.host
        if offered.owner is not None and site.policy.levels:
            self._granted[(host, asking.port, offered.name)] = decision
            self._tell_window(site, self._evaluation.on_begun(site, offered.held, asking, moment), host)
        answer(offered, moment.mono)

    def _on_refusal(
        self,
        decision: Decision,
        site: ServedSite,
        offered: OfferedFile | None,
        asking: Asking,
        answer: Answer,
        came_at: float,
    ) -> None:
        name, host, port, profile = asking.name, asking.host, asking.port, self._profile
        moment, finding, telling = self._timing.moment, decision.finding, self.telling
        if finding is Finding.UNKNOWN_PHONE or (profile.counts_strikes and finding in NOT_ITS_OWN):
            telling.on_guess(asking)
        held = offered.held if offered is not None else None
        telling.note(name, host, port, decision.sentence, finding, lambda: to_text(decision, held), site.id)
        is_over_tcp = asking.protocol == HTTP
        if profile.counts_strikes and is_over_tcp and not self._evaluation.is_known(site, host, moment):
            telling.on_strike(name, host)
        is_first_try = is_over_tcp and asking.credential is None and self.asks_for_credential(name)
        if is_first_try:  # of which each fetch has one, and which says nothing of phones
            self._timing.call_at(came_at + REFUSED_AFTER_S, lambda now: answer(Refusal.ANSWER, now))
        elif (
            asking.is_beyond_budget or telling.spend(host, "" if profile.may_be_forged_to else name) is Refusal.SILENCE
        ):
            answer(Refusal.SILENCE, moment.mono)
        elif self._evaluation.is_discreet and moment.mono < came_at + REFUSED_AFTER_S:
            self._timing.call_at(came_at + REFUSED_AFTER_S, lambda now: answer(Refusal.ANSWER, now))
        else:
            answer(Refusal.ANSWER, moment.mono)

    def _site_for(self, name: str, host: str = "") -> ServedSite:
        return self._evaluation.site_for(name, host, self._timing.moment)

    def _tell_window(self, site: ServedSite, window: Window | None, host: str) -> None:
        if window is not None:
            wall = self._timing.moment.wall
            self._on_event(WindowChanged(wall, site.id, window.id, window.mac, host, used=window.used))


def _shows_another(asking: Asking, name: str) -> bool:
    """Return whether somebody has shown the certificate of another phone than the one whose file is asked for."""
    owner = owner_of(name)
    return asking.over_tls and asking.certificate_of != "" and owner is not None and owner.bare != asking.certificate_of
