"""May this file go to this source? Evidence in, level and decision out, with the sentence that explains it.

Invariants:

- ``decide`` is total: it answers every request, whatever its bytes, and raises nothing.
- Its answer is the first row of ``TABLE`` that applies; a row is a finding and the condition under which it holds.
- A file that the catalogue does not hold is refused, whatever is known about the source.
- No level claims more than it proves: L1 and L2 rest on what can be forged and imitated, and say so.
- Two pieces of evidence that contradict each other prove less than one: then there is no L3.

Every refusal gives the same answer on the wire; only the site's operator sees the sentence. This module runs in the
serving worker: it imports no template engine and no XML library.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from ringfence.content.errors import BadName
from ringfence.content.names import normalise
from ringfence.content.release import TargetKind
from ringfence.guard.dhcp import names_a_phone
from ringfence.guard.evidence import (
    FIRST_HOPS,
    NOTHING_KNOWN,
    Contradiction,
    CredentialState,
    Evidence,
)
from ringfence.guard.evidence_in_words import EVIDENCE_IN_WORDS, shown
from ringfence.guard.findings import BECAUSE, DELAYED, GIVEN, WAITS_FOR, Finding
from ringfence.guard.levels import FileKind, Level
from ringfence.guard.policy import GOOD_BEHAVIOUR, OPEN, FirstContact, Policy, is_inside
from ringfence.phones.filenames import device_of_second_port, is_optional, is_signed_configuration, owner_of
from ringfence.phones.mac import Mac


class Operation(StrEnum):
    """What a request asks for: phones read, and never need to write."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class FileRequest:
    """One request as it came: the name as the phone wrote it, and the address that it came from."""

    name: str
    source_host: str
    operation: Operation = Operation.READ


class HeldFile(Struct, frozen=True, array_like=True):
    """What the catalogue says about a file that it holds; ``owner`` is a bare MAC address or None.

    ``secret``: it contains a secret, as every phone's own file does unless the hub says otherwise. ``sealed``: only the
    owner can read the bytes (level L5).
    """

    kind: TargetKind
    owner: str | None = None
    secret: bool = True
    sealed: bool = False

    @property
    def file_kind(self) -> FileKind:
        """What it is to the guard."""
        match self.kind:
            case TargetKind.FIRMWARE:
                return FileKind.FIRMWARE
            case TargetKind.SHARED:
                return FileKind.SHARED
            case TargetKind.CONFIGURATION:
                return FileKind.SECRET if self.secret else FileKind.CONFIGURATION


Holding = HeldFile | None
"""What the catalogue says about the name; None if it does not hold it."""


class Verdict(StrEnum):
    """What happens to a request. ``DELAY``: not yet; the sender sees a refusal, and phones ask again."""

    ALLOW = "allow"
    REFUSE = "refuse"
    DELAY = "delay"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, and what it rests on."""

    verdict: Verdict
    reached: Level
    needed: Level
    finding: Finding
    request: FileRequest
    kind: FileKind
    site: str
    evidence: Evidence = NOTHING_KNOWN
    policy: Policy = OPEN
    bad_name: str = ""

    @property
    def allow(self) -> bool:
        """Whether the file may go out now."""
        return self.verdict is Verdict.ALLOW

    @property
    def reasons(self) -> tuple[str, ...]:
        """What was known, one sentence each, for people who want all details."""
        return tuple(_reasons(self))

    @property
    def sentence(self) -> str:
        """The sentence for the operator."""
        evidence, grant = self.evidence, self.evidence.grant
        worst = min(evidence.behaviour.parts, key=lambda part: part.points - part.of, default=None)
        because = BECAUSE[self.finding].format(
            site=self.site,
            what=self.kind.called,
            bad_name=self.bad_name,
            macs=_macs(evidence.macs),
            frames=_macs(frozenset(seen.mac for seen in evidence.frames)),
            lease=_macs(frozenset({evidence.lease.mac}) if evidence.lease else frozenset()),
            ttl=_ttl(evidence),
            held=self.policy.held,
            before=evidence.conflict.before if evidence.conflict else "",
            who=grant.who if grant else "",
            bound_to=grant.bound_to if grant else "",
            score=evidence.behaviour.score,
            enough=GOOD_BEHAVIOUR,
            certificate_of=_macs(frozenset({evidence.certificate_of} - {""})),
            worst=worst.why if worst else "it was never seen before",
            waits_for=WAITS_FOR[self.policy.first_contact],
            needed=self.needed.name,
            needed_meaning=self.needed.meaning,
            reached=self.reached.name,
            reached_meaning=self.reached.meaning,
        )
        verdict = _VERDICTS[self.verdict]
        return f"{verdict} {shown(self.request.name)} to {shown(self.request.source_host)}: {because}."


_VERDICTS: Mapping[Verdict, str] = MappingProxyType(
    {Verdict.ALLOW: "Allowed", Verdict.REFUSE: "Refused", Verdict.DELAY: "Held back"}
)


@dataclass(frozen=True, slots=True)
class _Case:
    """A request with all that the table's rows look at."""

    request: FileRequest
    holding: Holding
    evidence: Evidence
    policy: Policy
    name: str
    bad_name: str
    owner: str | None
    reached: Level
    needed: Level

    @property
    def is_held(self) -> bool:
        return self.holding is not None

    @property
    def is_owned(self) -> bool:
        return self.holding is not None and self.holding.owner is not None

    @property
    def is_secret(self) -> bool:
        return self.holding is not None and self.holding.file_kind is FileKind.SECRET

    @property
    def is_short(self) -> bool:
        """Whether less is known than the file needs, and no credential stands in for it."""
        return self.reached < self.needed and not self.has_shown(CredentialState.RIGHT)

    def has_shown(self, state: CredentialState) -> bool:
        """Return whether that came of a credential that can stand in for a place on this edge's wire."""
        shown_one = self.evidence.credential
        stands_in = self.is_owned and self.needed <= Level.L3 and not self.policy.windows
        return stands_in and shown_one is not None and shown_one.state is state

    @property
    def lacks_place(self) -> bool:
        """Whether what it lacks is a place on the wire."""
        return self.is_short and self.needed is Level.L3

    @property
    def is_in_window(self) -> bool:
        grant = self.evidence.grant
        return self.policy.windows and grant is not None and grant.bound_to in {"", self.request.source_host}

    @property
    def is_new(self) -> bool:
        """Whether a first contact lacks what the site asks of it."""
        if self.owner not in self.policy.never_admitted:
            return False
        match self.policy.first_contact:
            case FirstContact.ALLOW:
                return False
            case FirstContact.HOLD:
                return True
            case FirstContact.WINDOW:
                return self.evidence.grant is None
            case FirstContact.DHCP:
                told = (self.evidence.lease, self.evidence.dhcp)
                return not any(
                    each is not None and each.mac == self.owner and names_a_phone(each.vendor_class) for each in told
                )

    @property
    def is_anothers(self) -> bool:
        """Whether the sender has shown the certificate of another phone."""
        return self.owner is not None and self.evidence.certificate_of not in {"", self.owner}

    def contradicts(self, what: Contradiction) -> bool:
        conflict = self.evidence.conflict
        return self.is_owned and self.needed >= Level.L1 and conflict is not None and conflict.what is what


_Row = tuple[Finding, Callable[[_Case], bool]]
TABLE: tuple[_Row, ...] = (
    (Finding.WRITE_REFUSED, lambda case: case.request.operation is Operation.WRITE),
    (Finding.BAD_NAME, lambda case: bool(case.bad_name)),
    (Finding.OUTSIDE_NETWORKS, lambda case: not _is_allowed_here(case.request, case.policy)),
    (Finding.BLOCKED, lambda case: case.owner is not None and case.owner in case.policy.blocked),
    (Finding.OTHER_CERTIFICATE, lambda case: case.is_anothers and (case.is_short or not case.is_held)),
    # What is not there.
    (
        Finding.UNKNOWN_PHONE,
        lambda case: not case.is_held and case.owner is not None and case.owner not in case.evidence.known_owners
        and device_of_second_port(case.name, case.evidence.known_owners) is None,
    ),
    (Finding.OPTIONAL_FILE, lambda case: not case.is_held and is_optional(case.name)),
    (
        Finding.SIGNED_ONLY,
        lambda case: not case.is_held and case.owner is not None and is_signed_configuration(case.name),
    ),
    (Finding.NOT_IN_RELEASE, lambda case: not case.is_held),
    # What only its owner can read, anybody may have.
    (Finding.ALLOWED, lambda case: case.holding is not None and case.holding.sealed),
    # One phone's own file, and any other with a secret in it.
    (Finding.SITE_HELD, lambda case: (case.is_owned or case.is_secret) and bool(case.policy.held)),
    (Finding.IN_WINDOW, lambda case: case.is_owned and case.is_short and case.is_in_window),
    (Finding.WRONG_CREDENTIAL, lambda case: case.is_short and case.has_shown(CredentialState.WRONG)),
    (Finding.NO_CREDENTIAL, lambda case: case.is_short and case.has_shown(CredentialState.MISSING)),
    # What a place on the wire lacks, the plainest first.
    (Finding.TWO_MACS, lambda case: case.lacks_place and len(case.evidence.macs) > 1),
    (
        Finding.OTHER_MAC,
        lambda case: case.lacks_place and case.is_owned and bool(case.evidence.macs - {case.owner}),
    ),
    (
        Finding.ROUTED,
        lambda case: case.lacks_place and _is_routed(case.evidence)
        and bool(case.evidence.macs or case.evidence.frames),
    ),
    (Finding.NOT_ON_LINK, lambda case: case.lacks_place and not case.evidence.macs),
    (
        Finding.OTHER_FRAME,
        lambda case: case.lacks_place and any(seen.mac not in case.evidence.macs for seen in case.evidence.frames),
    ),
    (
        Finding.NO_FRAME,
        lambda case: case.lacks_place and case.evidence.asked_frames and not case.evidence.frames,
    ),
    (
        Finding.OTHER_LEASE,
        lambda case: case.lacks_place and case.evidence.lease is not None
        and case.evidence.lease.mac not in case.evidence.macs,
    ),
    # What else it lacks.
    (
        Finding.WINDOW_TAKEN,
        lambda case: case.is_owned and case.is_short and case.policy.windows and case.evidence.grant is not None,
    ),
    (
        Finding.NO_WINDOW,
        lambda case: case.is_owned and case.is_short and case.policy.windows and case.needed > Level.L3,
    ),
    (
        Finding.BEHAVIOUR,
        lambda case: case.is_short and case.needed is Level.L2 and case.reached is Level.L1,
    ),
    (Finding.LEVEL_TOO_LOW, lambda case: case.is_short),
    # It may be that phone; but that phone is somewhere else.
    (Finding.TWO_SITES, lambda case: case.contradicts(Contradiction.TWO_SITES)),
    (Finding.TWO_ADDRESSES, lambda case: case.contradicts(Contradiction.TWO_ADDRESSES)),
    (Finding.OTHER_LINK, lambda case: case.contradicts(Contradiction.OTHER_LINK)),
    (Finding.NEW_PHONE, lambda case: case.is_owned and case.is_new),
    (Finding.BY_CREDENTIAL, lambda case: case.reached < case.needed),
    (Finding.ALLOWED, lambda _case: True),
)  # fmt: skip
"""Every finding with its condition: the first row that applies is the answer."""


def decide(
    request: FileRequest,
    holding: Holding,
    evidence: Evidence = NOTHING_KNOWN,
    policy: Policy = OPEN,
    site: str = "here",
) -> Decision:
    """Judge one request against what the catalogue holds under its name; total, raises nothing."""
    kind = FileKind.SECRET if holding is None else holding.file_kind
    name, bad_name = _usable(request.name)
    named = owner_of(name)
    owner = holding.owner if holding is not None else named.bare if named is not None else None
    reached = reached_level(request, holding, evidence, policy)
    case = _Case(request, holding, evidence, policy, name, bad_name, owner, reached, policy.needed(kind))
    finding = next(finding for finding, applies in TABLE if applies(case))
    verdict = Verdict.ALLOW if finding in GIVEN else Verdict.DELAY if finding in DELAYED else Verdict.REFUSE
    return Decision(verdict, reached, case.needed, finding, request, kind, site, evidence, policy, bad_name)


def reached_level(request: FileRequest, holding: Holding, evidence: Evidence, policy: Policy) -> Level:
    """Return the highest level that the evidence proves for a request for this file."""
    if not _is_allowed_here(request, policy):
        return Level.L0
    if holding is not None and holding.sealed:
        return Level.L5
    if evidence.holds_key:
        return Level.L4
    # A file without an owner is every phone's of the site.
    entitled = evidence.known_owners if holding is None or holding.owner is None else (holding.owner,)
    if _has_place(evidence) and all(mac in entitled for mac in evidence.macs):
        return Level.L3
    if not (policy.networks or evidence.on_link or evidence.learned or evidence.known_by):
        return Level.L0
    return Level.L2 if evidence.behaviour.score >= GOOD_BEHAVIOUR else Level.L1


def _has_place(evidence: Evidence) -> bool:
    """Return whether all that was seen agrees on one MAC address, on a link of this machine."""
    if len(evidence.macs) != 1 or _is_routed(evidence):
        return False
    if evidence.asked_frames and not evidence.frames:
        return False
    if any(seen.mac not in evidence.macs for seen in evidence.frames):
        return False
    return evidence.lease is None or evidence.lease.mac in evidence.macs


def _is_routed(evidence: Evidence) -> bool:
    return any(ttl not in FIRST_HOPS for ttl in _ttls(evidence))


def _ttl(evidence: Evidence) -> int:
    """Return the TTL to tell of: one that a router has counted down, where there is one."""
    return min(_ttls(evidence), key=lambda ttl: ttl in FIRST_HOPS, default=0)


def _ttls(evidence: Evidence) -> list[int]:
    seen = [frame.ttl for frame in evidence.frames if frame.ttl]
    return seen if evidence.ttl is None else [*seen, evidence.ttl]


def _is_allowed_here(request: FileRequest, policy: Policy) -> bool:
    return not policy.networks or is_inside(request.source_host, policy.networks)


def _usable(name: str) -> tuple[str, str]:
    try:
        return normalise(name), ""
    except BadName as fault:
        return "", fault.what


def _reasons(decision: Decision) -> Iterator[str]:
    evidence, policy = decision.evidence, decision.policy
    ttl = f" with TTL {evidence.ttl}" if evidence.ttl is not None else ""
    yield f"The request came from {shown(decision.request.source_host)}{ttl}."
    if policy.networks:
        inside = "in" if _is_allowed_here(decision.request, policy) else "outside"
        yield f"Its address is {inside} {', '.join(str(network) for network in policy.networks)}."
    for in_words in EVIDENCE_IN_WORDS.values():
        yield from in_words(evidence)
    yield f"That reaches {decision.reached.name}: {decision.reached.meaning}."
    yield f"The site needs {decision.needed.name} for {decision.kind.called}: {decision.needed.meaning}."


def _macs(macs: frozenset[str]) -> str:
    return " and ".join(str(Mac(mac)) for mac in sorted(macs))
