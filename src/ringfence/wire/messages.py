"""The messages of the device API, version 1.

Messages only ever gain fields that have a default, so that a hub and an edge of neighbouring versions understand each
other. Times are Unix seconds. Field names are what is on the wire.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from msgspec import Raw, Struct

from ringfence.secret import Secret
from ringfence.wire.bounds import Whole


@dataclass(frozen=True, slots=True)
class EnrolRequest:
    """An edge presents its one-time token and asks for a certificate."""

    token_secret: Secret
    csr_pem: str
    edge_version: str
    hostname: str = ""


@dataclass(frozen=True, slots=True)
class EnrolResponse:
    """What an edge is from now on; ``root_metadata`` is the first of its site's roots that it trusts, as signed."""

    edge_id: str
    site_id: str
    site_name: str
    certificate_pem: str
    root_metadata: str
    hub_time: float


@dataclass(frozen=True, slots=True)
class RenewRequest:
    """An enrolled edge asks for its next certificate; the request's key is the one that it enrolled with."""

    csr_pem: str


@dataclass(frozen=True, slots=True)
class RenewResponse:
    """The next certificate."""

    certificate_pem: str


@dataclass(frozen=True, slots=True)
class Greeting:
    """The edge that the hub recognises, the hub's time, and the number of the site's newest release (0: none)."""

    edge_id: str
    site_id: str
    site_name: str
    hub_version: str
    hub_time: float
    release: Whole


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the event stream.

    ``greeting`` opens a stream; ``release`` hints that a newer release exists, ``state`` that something of the site's
    state has changed (``SiteState``); ``revoked`` ends it, and with ``wipe`` asks the edge to delete what it has, with
    ``keeps_serving`` to go on with the secrets that it has. A reader ignores kinds that it does not know.
    """

    kind: str
    hub_time: float
    release: Whole = 0
    wipe: bool = False
    keeps_serving: bool = False


EventKind = Literal["greeting", "release", "state", "revoked"]


class ReportKind(StrEnum):
    """What a report tells. An edge sends these; a hub stores others, of newer edges, as they are."""

    FILE_SERVED = "file-served"
    FILE_REFUSED = "file-refused"
    FILE_HELD_BACK = "file-held-back"
    TRANSFER_FAILED = "transfer-failed"
    RELEASE_SERVED = "release-served"
    CONTENT_REFUSED = "content-refused"
    PHONE_RELOADED = "phone-reloaded"
    PHONE_NOT_RELOADED = "phone-not-reloaded"
    WORKER_DIED = "worker-died"
    BANNED = "banned"
    WINDOW_BOUND = "window-bound"
    WINDOW_USED = "window-used"
    DECISIONS_COUNTED = "decisions-counted"
    AGENT_STARTED = "agent-started"
    REPORTS_DROPPED = "reports-dropped"


_REPORT_KINDS = frozenset(ReportKind)


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that happened at an edge, numbered by that edge from 1 without gaps.

    ``kind`` is a ReportKind, or a newer edge's word, which a hub stores as it is. ``name``, ``owner`` and
    ``peer`` are the file, the bare MAC address that it belongs to, and the address that asked, where the kind has them.
    ``finding`` is the guard's word for why, ``level`` what was reached, ``decision`` the whole decision with its
    evidence (``guard.record``). ``count`` such things happened that are told as this one.
    """

    seq: Whole
    at: float
    kind: str
    sentence: str
    name: str = ""
    owner: str = ""
    peer: str = ""
    release: Whole = 0
    size_bytes: Whole = 0
    duration_s: float = 0.0
    finding: str = ""
    level: str = ""
    decision: str = ""
    count: Whole = 1

    @property
    def known_kind(self) -> ReportKind | None:
        """The kind, or None if it is a newer edge's."""
        return ReportKind(self.kind) if self.kind in _REPORT_KINDS else None


@dataclass(frozen=True, slots=True)
class ReportBatch:
    """Reports in the order of their numbers; sent again until acknowledged, stored once.

    ``acknowledged_through`` is the last number that the hub has acknowledged before, so that a hub whose data came from
    a backup can tell its own loss from an edge's fault.
    """

    reports: tuple[Report, ...] = field(default=())
    acknowledged_through: Whole = 0


@dataclass(frozen=True, slots=True)
class ReportAcknowledgement:
    """Every report up to and including ``stored_through`` is stored."""

    stored_through: Whole


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of a release's missing files an edge has fetched; only for people to see."""

    release: Whole
    done_bytes: Whole
    total_bytes: Whole


class EdgeProblem(StrEnum):
    """What keeps an edge from doing its work, for programs."""

    DISK_FULL = "disk-full"
    DISK_FAULT = "disk-fault"
    CONTENT_REFUSED = "content-refused"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class EdgeHealth:
    """How an edge is, told when it connects, when that changes, and now and then.

    ``problem`` is an ``EdgeProblem``, empty for none, and ``sentence`` says it for people. ``at`` is the edge's own
    clock, which may be wrong. ``http_addresses`` are where phones in its room may reach its HTTP, as ``host:port``.
    ``jobs`` are those that its own policy file allows, and ``jobs_problem`` says why that file can't be used.
    ``mode`` is an ``EdgeMode``; empty from an edge that can't seal its files. ``version`` is the edge's own; empty from
    one that tells it when it enrols alone.
    """

    at: float
    problem: str = ""
    sentence: str = ""
    disk_free_bytes: Whole = 0
    http_addresses: tuple[str, ...] = field(default=())
    jobs: tuple[str, ...] = field(default=())
    jobs_problem: str = ""
    mode: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class GuardNeed:
    """The level (``L0`` … ``L5``) that a kind of file needs (``guard.levels``)."""

    kind: str
    level: str


@dataclass(frozen=True, slots=True)
class GuardNetwork:
    """A network that is known to belong to the site, until when (0: for good), and why, in words."""

    network: str
    why: str
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class GuardHabits:
    """How the phones of a family boot, and which phones of the site are of that family (``guard.behaviour``)."""

    family: str
    macs: tuple[str, ...] = field(default=())
    before: tuple[str, ...] = field(default=())
    options: tuple[str, ...] | None = None
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class GuardWindow:
    """A provisioning window that a person opened (``guard.windows``)."""

    id: str
    mac: str
    who: str
    until: float
    bound_to: str = ""
    used: bool = False


@dataclass(frozen=True, slots=True)
class GuardBan:
    """An address that a person has banned."""

    host: str
    until: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class GuardElsewhere:
    """A phone that another site has seen recently, and that site's name: here it is refused."""

    mac: str
    where: str


@dataclass(frozen=True, slots=True)
class GuardCredentialKey:
    """What proves one of a phone's credentials (``phones.credentials``): as secret as the phone's own file."""

    serial: Whole
    ha1: Secret


@dataclass(frozen=True, slots=True)
class GuardCredential:
    """The credentials that a phone may have its own file with, by its bare MAC address; the newest comes first."""

    mac: str
    keys: tuple[GuardCredentialKey, ...]


@dataclass(frozen=True, slots=True)
class GuardShares:
    """What one address may cost a site's edge; 0 is the default (``server.limits.settings.SourceShares``)."""

    transfers: Whole = 0
    connections: Whole = 0
    requests: Whole = 0
    refusals: Whole = 0


@dataclass(frozen=True, slots=True)
class GuardRules:
    """What a site requires before it gives out a file, always complete. ``version`` grows with every change.

    MAC addresses are bare. ``held`` stops every phone's own file and is the reason, in words. ``gateway``: the site
    lets a gateway serve it to the internet; ``stubs``: and give files without secrets to known networks.
    """

    version: Whole
    needs: tuple[GuardNeed, ...] = field(default=())
    networks: tuple[str, ...] = field(default=())
    first_contact: str = "allow"
    held: str = ""
    gateway: bool = False
    stubs: bool = False
    never_admitted: tuple[str, ...] = field(default=())
    blocked: tuple[str, ...] = field(default=())
    elsewhere: tuple[GuardElsewhere, ...] = field(default=())
    learned: tuple[GuardNetwork, ...] = field(default=())
    habits: tuple[GuardHabits, ...] = field(default=())
    windows: tuple[GuardWindow, ...] = field(default=())
    bans: tuple[GuardBan, ...] = field(default=())
    lifted: tuple[GuardBan, ...] = field(default=())
    """Addresses that a person has unbanned; ``until`` is when: bans from before that time are over."""
    shares: GuardShares = GuardShares()
    credentials: tuple[GuardCredential, ...] = field(default=())


class StatePart(StrEnum):
    """A part of what an edge gets beside releases; each part has its own message."""

    GUARD = "guard"
    """GuardRules."""
    MEMORY = "memory"
    """HubMemory."""
    ROOM_ORDERS = "room-orders"
    """RoomOrders."""
    NETWORK = "network"
    """NetworkRules (``wire.network_messages``), for boxes alone."""
    JOBS = "jobs"
    """JobOrders (``wire.job_messages``)."""
    EDGE_TLS = "edge-tls"
    """EdgeTlsOrder (``wire.edge_tls_messages``)."""
    STORAGE = "storage"
    """StorageOrder, for edges that were ever told to seal their files; no edge keeps it on its disk."""


@dataclass(frozen=True, slots=True)
class RoomOrder:
    """An order for a phone that its PBX can't bring it, so that its edge sends it: once, and not after ``until``.

    ``host`` and ``port`` are the phone's own, as its PBX has learnt them from its REGISTER, and ``register_call_id`` is
    that REGISTER's Call-ID. ``owner`` is the phone's bare MAC address, ``action`` one of service-control's.
    """

    number: str
    owner: str
    host: str
    port: Whole
    action: str
    register_call_id: str
    until: float


class RoomOrders(Struct, frozen=True):
    """The orders of a site that are not too old; an edge knows by their numbers which ones it has carried out."""

    orders: tuple[RoomOrder, ...] = ()


class HubMemory(Struct, frozen=True):
    """What the hub gives its edges to keep for it, sealed with a key of the hub: nobody else can read or change it.

    It comes back in ``EdgeStanding``, so that a hub that lost its newest data learns which edges it had revoked.
    """

    sealed: str = ""


@dataclass(frozen=True, slots=True)
class EdgeStanding:
    """What an edge has, told whenever it connects, so that a hub that lost its newest data does not fall behind it.

    ``timestamp`` and ``snapshot`` are the newest that it trusts, as the hub signed them, and prove the numbers in them;
    both are empty before the first release. ``revoked``: it was told that it is revoked. ``root`` is the root that it
    trusts, as signed, and ``hub_url`` the address at which it reaches the hub.
    """

    release: Whole = 0
    timestamp: str = ""
    snapshot: str = ""
    state_version: Whole = 0
    memory: str = ""
    revoked: bool = False
    root: str = ""
    hub_url: str = ""


@dataclass(frozen=True, slots=True)
class StandingAnswer:
    """Why the hub gives the caller nothing for now, in words; empty if it does."""

    waits: str = ""


class EdgeMode(StrEnum):
    """How an edge keeps its files, as it says."""

    OPEN = "open"
    SEALED = "sealed"
    LOCKED = "locked"
    """Sealed, and the key is not in its memory: it serves nothing."""


@dataclass(frozen=True, slots=True)
class StorageOrder:
    """Whether an edge is to seal its files, and the key (32 bytes in base64): empty where it may not have it now."""

    sealed: bool
    key: Secret


class SiteState(Struct, frozen=True):
    """Everything that an edge gets beside releases, always complete; ``version`` grows with every change of any part.

    ``parts``: by name, each as separate JSON. If an edge can't read a part, the others stay in force; a part that it
    does not know (``StatePart``) is ignored.
    """

    version: Whole
    parts: dict[str, Raw] = {}


@dataclass(frozen=True, slots=True)
class Problem:
    """What a refused request is answered with: the parts of a RingfenceError."""

    what: str
    where: str = ""
    to_do: str = ""
    kind: str = ""
    """A fixed word for programs: see PROBLEM_KINDS."""


PROBLEM_KINDS = (
    "bad-request",
    "proxy-refused",
    "token-wrong",
    "token-used",
    "token-expired",
    "token-revoked",
    "certificate-missing",
    "certificate-unknown",
    "certificate-expired",
    "renewed-too-often",
    "edge-revoked",
    "edge-revoked-serves",
    "edge-moved",
    "not-found",
    "out-of-order",
    "unavailable",
    "internal",
)
