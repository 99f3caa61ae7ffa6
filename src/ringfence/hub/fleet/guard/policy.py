"""What a site requires before a file is given out, as people set it; the rest has defaults."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.guard.levels import FileKind, Level
from ringfence.guard.policy import EDGE_LEVELS, FirstContact, read_network
from ringfence.hub.errors import BadPolicy
from ringfence.hub.fleet import sites
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import GuardPolicyRow

DEFAULT = "default"
"""Used instead of a level: back to the default."""
MOST_NETWORKS = 64
LONGEST_LEARNED_DAYS = 365
PER_ADDRESS = ("transfers", "connections", "requests", "refusals")
"""What one address may cost an edge, as it can be set (``wire.messages.GuardShares``)."""
MOST_PER_ADDRESS = 10_000


class GatewayUse(StrEnum):
    """Whether a gateway may serve a site to the internet."""

    OFF = "off"
    """It may not."""
    WINDOWS = "windows"
    """Only to a phone for which a person has opened a window."""
    STUBS = "stubs"
    """Like WINDOWS, and files without secrets to what behaves like their phone in a known network."""


class EdgeMoves(StrEnum):
    """What happens when an edge connects from a new network."""

    IGNORE = "ignore"
    ALERT = "alert"
    HOLD = "hold"
    """It holds phones' own files back until a person accepts the network."""


_NO_NEEDS: Mapping[FileKind, Level] = MappingProxyType({})
_NO_SHARES: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SitePolicy:
    """What one site requires; ``needs`` are the levels that were set, ``per_address`` the limits of PER_ADDRESS."""

    needs: Mapping[FileKind, Level] = field(default_factory=lambda: _NO_NEEDS)
    networks: tuple[str, ...] = ()
    first_contact: FirstContact = FirstContact.ALLOW
    gateway: GatewayUse = GatewayUse.OFF
    edge_moves: EdgeMoves = EdgeMoves.ALERT
    learned_days: int = 30
    per_address: Mapping[str, int] = field(default_factory=lambda: _NO_SHARES)

    def level(self, kind: FileKind) -> Level:
        """Return the level that an edge requires for files of a kind."""
        return self.needs.get(kind, EDGE_LEVELS[kind])


@dataclass(frozen=True, slots=True)
class PolicyParts:
    """Changes to a policy, in the words that people write; None leaves a part as it is."""

    needs: Mapping[str, str] | None = None
    networks: tuple[str, ...] | None = None
    first_contact: str | None = None
    gateway: str | None = None
    edge_moves: str | None = None
    learned_days: int | None = None
    per_address: Mapping[str, int] | None = None
    """0 is back to the default."""


def get(session: Session, site_id: str) -> SitePolicy:
    """Return what a site requires; UnknownSite if there is no such site."""
    row = session.get(GuardPolicyRow, sites.get(session, site_id).id)
    if row is None:
        return SitePolicy()
    return SitePolicy(
        {FileKind(kind): Level[level] for kind, level in row.needs.items()},
        tuple(row.networks),
        FirstContact(row.first_contact),
        GatewayUse(row.gateway),
        EdgeMoves(row.edge_moves),
        row.learned_days,
        dict(row.per_address),
    )


def sites_with_stubs(session: Session, site_ids: Sequence[str]) -> set[str]:
    """Return the sites whose gateway may give out phones' files in a form without secrets."""
    chosen = select(GuardPolicyRow.site_id).where(
        GuardPolicyRow.site_id.in_(site_ids), GuardPolicyRow.gateway == GatewayUse.STUBS.value
    )
    return set(session.scalars(chosen))


def change(change: Change, site_id: str, parts: PolicyParts) -> SitePolicy:
    """Change parts of what a site requires; BadPolicy names the first word that means nothing."""
    before = get(change.session, site_id)
    after = before
    if parts.needs is not None:
        after = replace(after, needs=_needs(before.needs, parts.needs))
    if parts.networks is not None:
        after = replace(after, networks=_networks(parts.networks))
    if parts.first_contact is not None:
        after = replace(after, first_contact=_word(FirstContact, "first contact", parts.first_contact))
    if parts.gateway is not None:
        after = replace(after, gateway=_word(GatewayUse, "use of a gateway", parts.gateway))
    if parts.edge_moves is not None:
        after = replace(after, edge_moves=_word(EdgeMoves, "answer to an edge's move", parts.edge_moves))
    if parts.learned_days is not None:
        if not 0 <= parts.learned_days <= LONGEST_LEARNED_DAYS:
            raise BadPolicy(
                f"learned networks can be kept for 0 to {LONGEST_LEARNED_DAYS} days, not {parts.learned_days}"
            )
        after = replace(after, learned_days=parts.learned_days)
    after = replace(after, per_address=_per_address(before.per_address, parts.per_address or {}))
    if after != before:
        _keep(change, site_id, after)
        if GatewayUse.STUBS in {before.gateway, after.gateway} and before.gateway is not after.gateway:
            sites.get(change.session, site_id).edits += 1  # its releases have other files now
        change.note("guard.policy", site_id, _told(before, after))
    return after


def _keep(change: Change, site_id: str, policy: SitePolicy) -> None:
    row = change.session.get(GuardPolicyRow, site_id)
    if row is None:
        row = GuardPolicyRow(site_id=site_id)
        change.session.add(row)
    row.needs = {kind.value: level.name for kind, level in policy.needs.items()}
    row.networks = list(policy.networks)
    row.first_contact, row.gateway = policy.first_contact.value, policy.gateway.value
    row.edge_moves, row.learned_days = policy.edge_moves.value, policy.learned_days
    row.per_address = dict(policy.per_address)


def _needs(before: Mapping[FileKind, Level], said: Mapping[str, str]) -> Mapping[FileKind, Level]:
    needs = dict(before)
    for kind_text, level_text in said.items():
        kind = _word(FileKind, "kind of file", kind_text)
        if level_text.casefold() == DEFAULT:
            needs.pop(kind, None)
            continue
        level = Level.__members__.get(level_text.upper())
        if level is None:
            raise BadPolicy(
                f"{level_text[:40]!r} is not a level",
                to_do=f"The levels are {', '.join(Level.__members__)}; or {DEFAULT}.",
            )
        needs[kind] = level
    return needs


def _networks(said: Iterable[str]) -> tuple[str, ...]:
    networks: dict[str, None] = {}
    for text in said:
        try:
            networks[str(read_network(text))] = None
        except ValueError:
            raise BadPolicy(
                f"{text[:60]!r} is not a network", to_do="Write it like 192.168.1.0/24 or 2001:db8:1::/56."
            ) from None
    if len(networks) > MOST_NETWORKS:
        raise BadPolicy(f"a site can allow at most {MOST_NETWORKS} networks, but these are {len(networks)}")
    return tuple(networks)


def _per_address(before: Mapping[str, int], said: Mapping[str, int]) -> Mapping[str, int]:
    shares = dict(before)
    for what, most in said.items():
        if what not in PER_ADDRESS:
            raise BadPolicy(
                f"{what[:40]!r} is nothing that can be limited for an address",
                to_do=f"Use one of: {', '.join(PER_ADDRESS)}.",
            )
        if not 0 <= most <= MOST_PER_ADDRESS:
            raise BadPolicy(f"an address can have 1 to {MOST_PER_ADDRESS} {what}, not {most}", to_do="0: the default.")
        shares[what] = most
    return {what: most for what, most in shares.items() if most}


W = TypeVar("W", bound=StrEnum)


def _word(words: type[W], what: str, text: str) -> W:
    try:
        return words(text.casefold())
    except ValueError:
        raise BadPolicy(f"{text[:40]!r} is not a valid {what}", to_do=f"Use one of: {', '.join(words)}.") from None


def _told(before: SitePolicy, after: SitePolicy) -> str:
    """Return what changed, for the audit log."""
    told = [
        f"{kind.value} {before.level(kind).name} → {after.level(kind).name}"
        for kind in FileKind
        if before.level(kind) is not after.level(kind)
    ]
    if before.networks != after.networks:
        told.append(f"networks {', '.join(after.networks) or 'any'}")
    told += [
        f"{what} of one address {before.per_address.get(what) or DEFAULT} → {after.per_address.get(what) or DEFAULT}"
        for what in PER_ADDRESS
        if before.per_address.get(what) != after.per_address.get(what)
    ]
    told += [
        f"{name.replace('_', ' ')} {getattr(before, name)} → {getattr(after, name)}"
        for name in ("first_contact", "gateway", "edge_moves", "learned_days")
        if getattr(before, name) != getattr(after, name)
    ]
    return "; ".join(told) or "levels set to their defaults"
