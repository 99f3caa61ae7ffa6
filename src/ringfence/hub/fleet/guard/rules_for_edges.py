"""The rules of a site's guard, compiled from the fleet: all of them each time, in the form of the device API.

Unlike releases, they are not signed (docs/adr/0017): they change within seconds, and whoever controls the hub can read
the files anyway.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ringfence.guard.bans import LONGEST_BAN_S
from ringfence.guard.policy import FirstContact
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.fleet.guard import credentials, policy
from ringfence.hub.fleet.guard.policy import GatewayUse
from ringfence.hub.store.guard_models import (
    GuardBanRow,
    GuardElsewhereRow,
    GuardNetworkRow,
    GuardWindowRow,
)
from ringfence.hub.store.models import EdgeRow, PhoneRow, SiteRow
from ringfence.phones.families import model as model_of
from ringfence.phones.family import Family, Model
from ringfence.phones.settings.types import Mark
from ringfence.wire.messages import (
    GuardBan,
    GuardElsewhere,
    GuardHabits,
    GuardNeed,
    GuardNetwork,
    GuardRules,
    GuardShares,
    GuardWindow,
)

_ELSEWHERE = "another site"
"""How an edge's rules call another site: people are told which, but an edge need not know which sites there are."""


def compile_rules(session: Session, sealer: Sealer, edge: EdgeRow, now: float, held: str) -> GuardRules:
    """Return the rules for the guard of ``edge``; if it is held back, those say why and name no phone."""
    if held:
        site, asked = session.get_one(SiteRow, edge.site_id), policy.get(session, edge.site_id)
        return GuardRules(site.guard_version, _needs(asked), first_contact=asked.first_contact.value, held=held)
    rules = compile_site(session, edge.site_id, now)
    of_site = session.scalars(select(PhoneRow.mac).where(PhoneRow.site_id == edge.site_id)).all()
    return replace(rules, credentials=credentials.for_edges(session, sealer, of_site))


def compile_site(session: Session, site_id: str, now: float) -> GuardRules:
    """Return the rules of a site's guard, at an edge or a gateway, without what proves its phones' credentials."""
    site, asked = session.get_one(SiteRow, site_id), policy.get(session, site_id)
    phones = session.scalars(select(PhoneRow).where(PhoneRow.site_id == site_id).order_by(PhoneRow.mac)).all()
    is_new = asked.first_contact is not FirstContact.ALLOW
    return GuardRules(
        version=site.guard_version,
        needs=_needs(asked),
        networks=asked.networks,
        first_contact=asked.first_contact.value,
        gateway=asked.gateway is not GatewayUse.OFF,
        stubs=asked.gateway is GatewayUse.STUBS,
        never_admitted=tuple(phone.mac for phone in phones if is_new and phone.admitted_at is None),
        blocked=tuple(phone.mac for phone in phones if phone.blocked),
        elsewhere=_elsewhere(session, site_id, now),
        learned=_learned(session, site_id, now),
        habits=habits_of([(phone.mac, phone.model) for phone in phones]),
        windows=_windows(session, site_id, now),
        bans=_bans(session, site_id, now),
        lifted=_lifted(session, now),
        shares=GuardShares(**asked.per_address),
    )


def _needs(asked: policy.SitePolicy) -> tuple[GuardNeed, ...]:
    return tuple(GuardNeed(kind.value, level.name) for kind, level in sorted(asked.needs.items()))


def habits_of(phones: Sequence[tuple[str, str]]) -> tuple[GuardHabits, ...]:
    """Return how these phones (bare address, model) boot, grouped by those that boot alike."""
    alike: dict[GuardHabits, list[str]] = {}
    for mac, name in phones:
        alike.setdefault(_habits(*model_of(name)), []).append(mac)
    return tuple(
        GuardHabits(each.family, tuple(macs), each.before, each.options, each.user_agent)
        for each, macs in alike.items()
    )


def _habits(family: Family, model: Model) -> GuardHabits:
    before: list[str] = []
    for ask in family.boot.value if family.boot.mark is not Mark.UNKNOWN else ():
        is_own = "{MAC}" in ask.name or "{mac}" in ask.name
        if ask.configures and is_own:
            break
        # As guard.behaviour compares names: the phone's own address left open, and no slash before it.
        before.append(
            ask.name.format(MAC="{MAC}", mac="{mac}", PORT2="", model=model.name, psn=model.psn, digest="").lstrip("/")
        )
    options, agent = family.tftp_options, family.user_agent
    return GuardHabits(
        family.id,
        before=tuple(before),
        options=tuple(name for name, _value in options.value.to_pairs()) if options.mark is not Mark.UNKNOWN else None,
        user_agent=agent.value.format(model=model.name) if agent.mark is not Mark.UNKNOWN else "",
    )


def _elsewhere(session: Session, site_id: str, now: float) -> tuple[GuardElsewhere, ...]:
    chosen = select(GuardElsewhereRow).where(GuardElsewhereRow.site_id == site_id, GuardElsewhereRow.until > now)
    rows = session.scalars(chosen.order_by(GuardElsewhereRow.mac))
    return tuple(GuardElsewhere(row.mac, _ELSEWHERE) for row in rows)


def _learned(session: Session, site_id: str, now: float) -> tuple[GuardNetwork, ...]:
    chosen = select(GuardNetworkRow).where(GuardNetworkRow.site_id == site_id, GuardNetworkRow.until > now)
    rows = session.scalars(chosen.order_by(GuardNetworkRow.network))
    return tuple(GuardNetwork(row.network, row.why, row.until) for row in rows)


def _windows(session: Session, site_id: str, now: float) -> tuple[GuardWindow, ...]:
    chosen = select(GuardWindowRow).where(
        GuardWindowRow.site_id == site_id, GuardWindowRow.until > now, GuardWindowRow.closed_at.is_(None)
    )
    rows = session.scalars(chosen.order_by(GuardWindowRow.opened_at, GuardWindowRow.id))
    return tuple(
        GuardWindow(row.id, row.mac, row.who, row.until, row.bound_to, used=row.used_at is not None) for row in rows
    )


def _bans(session: Session, site_id: str, now: float) -> tuple[GuardBan, ...]:
    chosen = select(GuardBanRow).where(
        or_(GuardBanRow.site_id == site_id, GuardBanRow.site_id.is_(None)), GuardBanRow.until > now
    )
    return tuple(GuardBan(row.host, row.until, row.why) for row in session.scalars(chosen.order_by(GuardBanRow.id)))


def _lifted(session: Session, now: float) -> tuple[GuardBan, ...]:
    """Return which addresses were unbanned lately: bans that gateways set by themselves before then are over."""
    chosen = select(GuardBanRow).where(
        GuardBanRow.made_at == GuardBanRow.until, GuardBanRow.until > now - LONGEST_BAN_S
    )
    return tuple(GuardBan(row.host, row.until) for row in session.scalars(chosen.order_by(GuardBanRow.id)))
