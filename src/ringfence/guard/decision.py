"""May this file go to this source? Evidence in, level and decision out, with the sentence that explains it.

The laws:

- ``decide`` is total: it answers every request, whatever its bytes, and raises nothing.
- What the catalogue does not hold is refused whatever is known of the source.
- What it holds is allowed if the level that the evidence proves is at least the one that the policy needs.
- No level claims more than it proves (DESIGN.md section 5): L1 rests on a source address, which can be forged.

The wire answer to every refusal is the same; the sentence is for the site's operator alone. This module runs in the
serving worker: it imports no template engine and no XML library.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from types import MappingProxyType

from ringfence.content.errors import BadName
from ringfence.content.names import normalise
from ringfence.content.release import TargetKind
from ringfence.phones.filenames import is_optional, is_signed_configuration, owner_of
from ringfence.phones.mac import Mac

Network = IPv4Network | IPv6Network


class Level(IntEnum):
    """How much is known of who asks; each level includes the ones below it (DESIGN.md section 5)."""

    L0 = 0
    L1 = 1
    L2 = 2
    L3 = 3
    L4 = 4
    L5 = 5

    @property
    def meaning(self) -> str:
        """What the level proves, in operators' words."""
        return _MEANINGS[self]


_MEANINGS: Mapping[Level, str] = MappingProxyType(
    {
        Level.L0: "nothing is known of who asks",
        Level.L1: "its address is in an allowed network, which can be forged",
        Level.L2: "it behaves like the phone that it claims to be, which can be imitated",
        Level.L3: "it is on the wire behind this edge with the MAC address that it asks for",
        Level.L4: "it holds the phone's own key",
        Level.L5: "only that phone can use the bytes",
    }
)


class Operation(StrEnum):
    """What a request asks for: phones read; they have no business writing."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class FileRequest:
    """One request as it came: the name as the phone wrote it, and the address that it came from."""

    name: str
    source_host: str
    operation: Operation = Operation.READ


@dataclass(frozen=True, slots=True)
class HeldFile:
    """What the catalogue says of a file that it holds; ``owner`` is a bare MAC address or None."""

    kind: TargetKind
    owner: str | None = None


Holding = HeldFile | None
"""What the catalogue says of the name; None where it does not hold it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known besides the request itself.

    ``known_owners`` are the bare MAC addresses that own a file of the catalogue: this site's phones. It changes what a
    refusal says, never whether it is one. ``macs`` are the bare MAC addresses that this machine's links show for the
    address that asks; none where no link knows it, or where nobody has looked.
    """

    known_owners: Collection[str] = frozenset()
    macs: frozenset[str] = frozenset()


NO_LEVELS: Mapping[TargetKind, Level] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Policy:
    """The level that each kind of file needs; L0 where nothing is said.

    Where ``allowed_networks`` are named, an address outside them gets nothing: every kind needs L1 at least.
    """

    levels: Mapping[TargetKind, Level] = field(default_factory=lambda: NO_LEVELS)
    allowed_networks: tuple[Network, ...] = ()

    def needed(self, kind: TargetKind) -> Level:
        """Return the level that a file of this kind needs."""
        floor = Level.L1 if self.allowed_networks else Level.L0
        return max(floor, self.levels.get(kind, Level.L0)) if self.levels else floor


class Finding(StrEnum):
    """Why a decision is what it is; reports and counters use it, people read the sentence."""

    ALLOWED = "allowed"
    WRITE_REFUSED = "write-refused"
    BAD_NAME = "bad-name"
    OUTSIDE_NETWORKS = "outside-networks"
    LEVEL_TOO_LOW = "level-too-low"
    OTHER_MAC = "other-mac"
    TWO_MACS = "two-macs"
    NOT_ON_LINK = "not-on-link"
    UNKNOWN_PHONE = "unknown-phone"
    OPTIONAL_FILE = "optional-file"
    SIGNED_ONLY = "signed-only"
    NOT_IN_RELEASE = "not-in-release"


_BECAUSE: Mapping[Finding, str] = MappingProxyType(
    {
        Finding.ALLOWED: "it is {what} of site {site}; level {needed} is enough ({needed_meaning})",
        Finding.WRITE_REFUSED: "phones may not write files here",
        Finding.BAD_NAME: "{bad_name}",
        Finding.OUTSIDE_NETWORKS: "its address is outside the networks that site {site} allows",
        Finding.LEVEL_TOO_LOW: "site {site} needs level {needed} for {what} ({needed_meaning}), and the request "
        "reached {reached} ({reached_meaning})",
        Finding.OTHER_MAC: "that address belongs to MAC {macs}, not to the phone it asks for",
        Finding.TWO_MACS: "two machines claim that address: {macs}",
        Finding.NOT_ON_LINK: "no link of this machine shows whose address that is, and site {site} needs level "
        "{needed} for {what} ({needed_meaning})",
        Finding.UNKNOWN_PHONE: "no phone of site {site} has that MAC address",
        Finding.OPTIONAL_FILE: "the release of site {site} does not hold it; harmless, phones go on without this "
        "optional file",
        Finding.SIGNED_ONLY: "the phone takes signed files only, so it still holds another system's trust list; "
        "erase its CTL and ITL in the phone's security settings",
        Finding.NOT_IN_RELEASE: "the release of site {site} does not hold that name",
    }
)

_WHAT: Mapping[TargetKind, str] = MappingProxyType(
    {
        TargetKind.CONFIGURATION: "a phone's configuration",
        TargetKind.SHARED: "a shared file",
        TargetKind.FIRMWARE: "a firmware file",
    }
)

LONGEST_SHOWN = 80
"""Characters of a name that a sentence shows: a log line's length is not for the sender to choose."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, and what it rests on."""

    allow: bool
    reached: Level
    needed: Level
    finding: Finding
    request: FileRequest
    kind: TargetKind
    site: str
    bad_name: str = ""
    macs: frozenset[str] = frozenset()

    @property
    def sentence(self) -> str:
        """The sentence for the operator."""
        because = _BECAUSE[self.finding].format(
            site=self.site,
            what=_WHAT[self.kind],
            bad_name=self.bad_name,
            macs=" and ".join(str(Mac(mac)) for mac in sorted(self.macs)),
            needed=self.needed.name,
            needed_meaning=self.needed.meaning,
            reached=self.reached.name,
            reached_meaning=self.reached.meaning,
        )
        verdict = "Allowed" if self.allow else "Refused"
        return f"{verdict} {_shown(self.request.name)} to {_shown(self.request.source_host)}: {because}."


def decide(request: FileRequest, holding: Holding, evidence: Evidence, policy: Policy, site: str) -> Decision:
    """Judge one request against what the catalogue holds under its name; total, raises nothing."""
    inside = _is_inside(request.source_host, policy.allowed_networks)
    reached = _reached(holding, evidence, policy, inside=inside)
    kind = TargetKind.CONFIGURATION if holding is None else holding.kind
    needed = policy.needed(kind)
    name, bad_name = _usable(request.name)
    match holding:
        case _ if request.operation is Operation.WRITE:
            finding = Finding.WRITE_REFUSED
        case _ if bad_name:
            finding = Finding.BAD_NAME
        case _ if not inside:
            finding = Finding.OUTSIDE_NETWORKS
        case None:
            finding = _why_not_held(name, evidence)
        case HeldFile() if reached < needed:
            finding = _why_too_low(holding, needed, evidence)
        case HeldFile():
            finding = Finding.ALLOWED
    return Decision(finding is Finding.ALLOWED, reached, needed, finding, request, kind, site, bad_name, evidence.macs)


def _reached(holding: Holding, evidence: Evidence, policy: Policy, *, inside: bool) -> Level:
    if not inside:
        return Level.L0
    # A file without an owner is every phone's of the site.
    entitled = evidence.known_owners if holding is None or holding.owner is None else (holding.owner,)
    if len(evidence.macs) == 1 and all(mac in entitled for mac in evidence.macs):
        return Level.L3
    return Level.L1 if policy.allowed_networks else Level.L0


def _why_too_low(holding: HeldFile, needed: Level, evidence: Evidence) -> Finding:
    if needed is not Level.L3:
        return Finding.LEVEL_TOO_LOW
    if not evidence.macs:
        return Finding.NOT_ON_LINK
    if len(evidence.macs) > 1:
        return Finding.TWO_MACS
    return Finding.LEVEL_TOO_LOW if holding.owner is None else Finding.OTHER_MAC


def _why_not_held(name: str, evidence: Evidence) -> Finding:
    owner = owner_of(name)
    if owner is not None and owner.bare not in evidence.known_owners:
        return Finding.UNKNOWN_PHONE
    if is_optional(name):
        return Finding.OPTIONAL_FILE
    if owner is not None and is_signed_configuration(name):
        return Finding.SIGNED_ONLY
    return Finding.NOT_IN_RELEASE


def _usable(name: str) -> tuple[str, str]:
    try:
        return normalise(name), ""
    except BadName as fault:
        return "", fault.what


def _is_inside(host: str, networks: Collection[Network]) -> bool:
    if not networks:
        return True
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # a dual-stack socket's way to write an IPv4 source
    return any(address.version == network.version and address in network for network in networks)


def _shown(text: str) -> str:
    cut = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in cut) or "''"
