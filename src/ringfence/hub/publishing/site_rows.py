"""What a site's files are made from, read from the fleet's rows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, selectinload

from ringfence.content.digests import Digest
from ringfence.content.release import Target
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.errors import FirmwareMissing, ScopeExceeded
from ringfence.hub.fleet import lines, phone_https, site_tunnels, sites, vpn_phones
from ringfence.hub.fleet.assets import Shelf
from ringfence.hub.fleet.guard import credentials, policy
from ringfence.hub.fleet.phone_books import BookCase
from ringfence.hub.fleet.settings import ORGANISATION, Row, SettingPlace, ValuesForRendering
from ringfence.hub.fleet.vpn_settings import HeadEnds
from ringfence.hub.publishing import left_out
from ringfence.hub.publishing.firmware_rollout import Stock, check_load, files_for
from ringfence.hub.publishing.left_out import FAULTS_OF_ONE_PHONE, LeftOutPhone
from ringfence.hub.publishing.profile_forms import SealedProfiles
from ringfence.hub.publishing.releases import newest_targets
from ringfence.hub.publishing.signed_forms import NO_TRUST, SiteTrust
from ringfence.hub.store.binding import limited_sites
from ringfence.hub.store.models import PhoneRow, SiteRow
from ringfence.hub.store.setting_models import (
    GroupSettingRow,
    LineSettingRow,
    OrganisationSettingRow,
    OwnTemplateRow,
    PhoneSettingRow,
    SiteSettingRow,
)
from ringfence.phones.assets.kinds import NAMED
from ringfence.phones.families import model as model_of
from ringfence.phones.family import LOAD_SETTING
from ringfence.phones.flat_profile.https import KEEPS_RULE
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import patches_of
from ringfence.phones.rendering.protection import SiteTunnel, check_tunnel
from ringfence.phones.rendering.render_input import (
    NO_CREDENTIAL,
    LineAccount,
    PhoneToRender,
)
from ringfence.phones.rendering.resolve_settings import BUILT_IN, Scope, Value, nearness, resolve
from ringfence.phones.settings.protection import PROTECT_CALLS, ProtectCalls

_READ_AT_ONCE = 100
DIRECTORY_URL = "directory_url"
_DIRECTORIES = (DIRECTORY_URL, "directory")
"""Settings that give a phone a directory of its own."""


@dataclass(frozen=True, slots=True)
class SiteInput:
    """All that one site's files are made from, with what its newest release holds."""

    site_id: str
    newest_release: int
    next_release: int
    edits: int
    published: tuple[Target, ...]
    phones: tuple[PhoneToRender, ...]
    upgrades: Mapping[str, PhoneToRender]
    """Phones that wait for firmware, by address, as they are to be once it is at the site's edges."""
    firmware: tuple[Target, ...]
    assets: tuple[Target, ...]
    lists: Mapping[Digest, bytes]
    """What the lists of ring tones and wallpapers hold."""
    named: Mapping[str, str]
    """Bare address → the load that the phone's file names now, where it named another before."""
    left_out: tuple[LeftOutPhone, ...] = ()
    """Phones that can't be rendered as they are."""
    asked_for: tuple[LeftOutPhone, ...] = ()
    """Phones whose firmware has not been imported: meanwhile their files name what they named before."""
    own_templates: frozenset[str] = frozenset()
    """The families whose files an operator's own templates make, which may write anything into them."""
    stubs: bool = False
    """Whether a gateway may give out phones' own files in a form without secrets."""
    trust: SiteTrust = NO_TRUST
    """What its files are signed with (``site_trust``)."""
    profiles: Mapping[str, SealedProfiles] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """Phones with encrypted profiles, by their bare addresses (``site_profiles``)."""

    def phrases_of(self, mac: Mac) -> set[str]:
        """Return the phrases that a phone's files hold."""
        profiles = self.profiles.get(mac.bare)
        return profiles.secrets if profiles is not None else set()


def due_sites(session: Session, renderer_fingerprint: str, site_ids: Sequence[str] | None) -> tuple[list[str], int]:
    """Return which of these sites, or of all, may differ from what they publish, and how many were asked about.

    Those are the ones that were edited since they were rendered, were rendered by another version of the renderer, or
    have a phone that was left out: what it lacked may be there now. UnknownSite for an id that is none.
    """
    asked = None if site_ids is None else {sites.get(session, site_id).id for site_id in site_ids}
    limits = limited_sites(session)
    if limits is not None and asked is not None and not asked <= limits:
        raise ScopeExceeded(
            "a site is published as a whole, and this access is for some of its phones",
            where=", ".join(sorted(asked - limits)),
            to_do="Ask somebody whose access is for the whole site.",
        )
    if limits is not None and asked is None:
        asked = set(limits & set(session.scalars(select(SiteRow.id))))
    due = select(SiteRow.id).where(
        or_(SiteRow.edits != SiteRow.rendered_edits, SiteRow.rendered_by != renderer_fingerprint)
    )
    found = sorted({*session.scalars(due), *left_out.sites_with(session)})
    if asked is None:
        return found, session.scalar(select(func.count()).select_from(SiteRow)) or 0
    return [site_id for site_id in found if site_id in asked], len(asked)


def phones_without_line(session: Session, site_ids: Sequence[str] | None) -> list[Mac]:
    """Return the phones that get no file: they have no line yet, and phones discard a configuration without one."""
    chosen = select(PhoneRow.mac).where(~PhoneRow.lines.any()).order_by(PhoneRow.mac)
    if site_ids is not None:
        chosen = chosen.where(PhoneRow.site_id.in_(site_ids))
    return [Mac(mac) for mac in session.scalars(chosen)]


def read_sites(session: Session, sealer: Sealer, site_ids: Sequence[str], now: float) -> Iterator[SiteInput]:
    """Return the input of these sites as of the session's one moment, some of them at a time."""
    wide = _Wide(session, sealer, now)
    for start in range(0, len(site_ids), _READ_AT_ONCE):
        yield from _read(session, sealer, wide, site_ids[start : start + _READ_AT_ONCE])


def read_phones(
    session: Session, sealer: Sealer, macs: Sequence[str], now: float
) -> list[PhoneToRender | LeftOutPhone]:
    """Return a few phones as they are to be rendered; those without a line are left out of the list."""
    wide, chosen = _Wide(session, sealer, now), PhoneRow.mac.in_(macs)
    return [fault or found for _row, found, fault in _read_phones(session, sealer, wide, chosen)]


class _Wide:
    """The values of the organisation and of each group, and what else is the same at every site."""

    def __init__(self, session: Session, sealer: Sealer, now: float) -> None:
        self._session = session
        self._tunnels: dict[str, SiteTunnel] = {}
        rows = session.scalars(select(OrganisationSettingRow)).all()
        groups = ((SettingPlace(Scope.GROUP, row.group_id), row) for row in session.scalars(select(GroupSettingRow)))
        self.organisation = ValuesForRendering([(ORGANISATION, row) for row in rows], sealer)
        self.groups = ValuesForRendering(groups, sealer)
        self.own_templates = frozenset(session.scalars(select(OwnTemplateRow.family).distinct()))
        """The families that have some."""
        self.held, self.shelf, self.books = Stock(session, now), Shelf(session), BookCase(session)
        self.head_ends = HeadEnds.read(session)

    def tunnel(self, site_id: str) -> SiteTunnel:
        """Return a site's tunnel, read once for each site with phones whose calls need it."""
        if site_id not in self._tunnels:
            self._tunnels |= site_tunnels.of_sites(self._session, [site_id])
        return self._tunnels[site_id]


def _read(session: Session, sealer: Sealer, wide: _Wide, site_ids: Sequence[str]) -> list[SiteInput]:
    phones: dict[str, list[tuple[PhoneRow, PhoneToRender]]] = {site_id: [] for site_id in site_ids}
    left: dict[str, list[LeftOutPhone]] = {site_id: [] for site_id in site_ids}
    asked: dict[str, list[LeftOutPhone]] = {site_id: [] for site_id in site_ids}
    for row, phone, missing in _read_phones(session, sealer, wide, PhoneRow.site_id.in_(site_ids)):
        asked[row.site_id] += [missing] if missing else []
        if isinstance(phone, LeftOutPhone):
            left[row.site_id].append(phone)
        else:
            phones[row.site_id].append((row, phone))
    published = newest_targets(session, site_ids)
    with_stubs = policy.sites_with_stubs(session, site_ids)
    rows = session.scalars(select(SiteRow).where(SiteRow.id.in_(site_ids)).order_by(SiteRow.id))
    made = (
        (site, _site_input(site, published.get(site.id, ()), phones[site.id], wide.held, wide.shelf)) for site in rows
    )
    books = {site_id: wide.books.for_site(site_id) for site_id in site_ids}
    return [
        replace(
            found,
            assets=(*found.assets, *books[site.id][0]),
            lists={**found.lists, **books[site.id][1]},
            left_out=tuple(left[site.id]),
            asked_for=tuple(asked[site.id]),
            own_templates=wide.own_templates,
            stubs=site.id in with_stubs,
        )
        for site, found in made
    ]


def _read_phones(
    session: Session, sealer: Sealer, wide: _Wide, condition: ColumnElement[bool]
) -> Iterator[tuple[PhoneRow, PhoneToRender | LeftOutPhone, LeftOutPhone | None]]:
    """Yield the phones that have a line, in the order of their addresses; one that can't be rendered harms no other.

    A phone whose firmware has not been imported comes as it is meanwhile, with what is missing.
    """
    chosen = select(PhoneRow).where(condition).options(selectinload(PhoneRow.lines)).order_by(PhoneRow.mac)
    rows = [row for row in session.scalars(chosen) if row.lines]
    by_site = ValuesForRendering(_site_rows(session, {row.site_id for row in rows}), sealer)
    by_phone = ValuesForRendering(_phone_rows(session, condition), sealer)
    by_line = ValuesForRendering(_line_rows(session, condition), sealer)
    passwords = credentials.newest(session, sealer, [row.mac for row in rows])
    with_keys = phone_https.having(session, [row.mac for row in rows])
    for row in rows:
        try:
            layers = (
                (str(Scope.ORGANISATION), wide.organisation.of(ORGANISATION.subject)),
                (str(Scope.SITE), by_site.of(row.site_id)),
                (str(Scope.GROUP), wide.groups.of(row.group_id or "")),
                (str(Scope.PHONE), by_phone.of(row.mac)),
            )
            phone = replace(_phone(row, layers, by_line, sealer), credential=passwords.get(row.mac, NO_CREDENTIAL))
            phone = _with_books(phone, layers, wide.books, row)
            if head_end := str(phone.settings.get(vpn_phones.VPN, "")):
                follows = wide.head_ends.following(head_end, nearness(layers))
                phone = replace(phone, settings={**phone.settings, **follows})
            if row.mac in with_keys and phone_https.has_rule(row.model):  # its URL is known to it alone
                phone = replace(phone, settings={**phone.settings, KEEPS_RULE: True})
            if phone.settings.get(PROTECT_CALLS) == ProtectCalls.TUNNEL:
                for line in phone.lines:
                    check_tunnel({**phone.settings, **line.settings}, wide.tunnel(row.site_id))
            missing = None
            if load := str(phone.settings.get(LOAD_SETTING, "")):
                try:
                    check_load(row, load, wide.held, str(phone.settings.get("load_server", "")))
                except FirmwareMissing as fault:
                    missing = LeftOutPhone(row.site_id, Mac(row.mac), fault)
                    phone = replace(phone, settings={**phone.settings, LOAD_SETTING: row.named_load})
            yield row, phone, missing
        except FAULTS_OF_ONE_PHONE as fault:
            yield row, LeftOutPhone(row.site_id, Mac(row.mac), fault), None


def _site_input(
    site: SiteRow,
    published: tuple[Target, ...],
    phones: Sequence[tuple[PhoneRow, PhoneToRender]],
    held: Stock,
    shelf: Shelf,
) -> SiteInput:
    """Return a site's input: phones name a new load only where every edge of the site holds it."""
    now: list[PhoneToRender] = []
    upgrades: dict[str, PhoneToRender] = {}
    named: dict[str, str] = {}
    wanted: set[str] = set()
    for row, phone in phones:
        load = str(phone.settings.get(LOAD_SETTING, ""))
        waits = load in held.loads and load != row.named_load and not held.is_ready(site.id, load)
        if waits:
            upgrades[row.mac] = phone
        if load != row.named_load and not waits:
            named[row.mac] = load
        wanted |= {load, row.named_load if waits else load} - {""}
        held_back = {**phone.settings, LOAD_SETTING: row.named_load}
        now.append(replace(phone, settings=held_back) if waits else phone)
    files = tuple(files_for(wanted, held))
    models = {row.model: model_of(row.model)[1] for row, _phone in phones}
    locales = {
        str(phone.settings.get(name, "")) for _row, phone in phones for name in ("user_locale", "network_locale")
    }
    named_files = {str(phone.settings.get(name, "")) for _row, phone in phones for name in NAMED.values()}
    assets, lists = shelf.for_site(models.values(), locales, named_files)
    return SiteInput(
        site.id, site.newest_release, site.next_release, site.edits, published, tuple(now), upgrades, files,
        tuple(assets), lists, named,
    )  # fmt: skip


def _phone(
    phone: PhoneRow,
    layers: Sequence[tuple[str, Mapping[str, Value]]],
    by_line: ValuesForRendering,
    sealer: Sealer,
) -> PhoneToRender:
    family, model = model_of(phone.model)
    resolved = resolve(layers, model)
    accounts = tuple(
        LineAccount(
            line.index,
            line.label,
            line.name,
            line.display_name,
            line.auth_name,
            lines.open_password(sealer, line),
            by_line.of(phone.mac, line.index),
        )
        for line in phone.lines
    )
    values = {name: found.value for name, found in resolved.items() if found.scope != BUILT_IN}
    if LOAD_SETTING in values:
        values[LOAD_SETTING] = model.load_of(str(values[LOAD_SETTING]))
    patches = patches_of(layers, family)
    return PhoneToRender(Mac(phone.mac), model.name, phone.description, values, accounts, patches)


def _with_books(
    phone: PhoneToRender, layers: Sequence[tuple[str, Mapping[str, Value]]], books: BookCase, row: PhoneRow
) -> PhoneToRender:
    """Return the phone with the address of its site's phone books, unless it has a directory of its own."""
    family, model = model_of(phone.model)
    edge_url = next((str(layer["edge_url"]) for _scope, layer in reversed(layers) if layer.get("edge_url")), "")
    if not edge_url or DIRECTORY_URL not in model.settings or any(phone.settings.get(name) for name in _DIRECTORIES):
        return phone
    url = books.url_for(row.site_id, row.group_id, edge_url, family.book_form)
    return replace(phone, settings={**phone.settings, DIRECTORY_URL: url}) if url else phone


def _site_rows(session: Session, site_ids: Collection[str]) -> Iterator[tuple[SettingPlace, Row]]:
    rows = session.scalars(select(SiteSettingRow).where(SiteSettingRow.site_id.in_(sorted(site_ids))))
    return ((SettingPlace(Scope.SITE, row.site_id), row) for row in rows)


def _phone_rows(session: Session, condition: ColumnElement[bool]) -> Iterator[tuple[SettingPlace, Row]]:
    chosen = select(PhoneSettingRow).where(PhoneSettingRow.mac.in_(select(PhoneRow.mac).where(condition)))
    return ((SettingPlace(Scope.PHONE, row.mac), row) for row in session.scalars(chosen))


def _line_rows(session: Session, condition: ColumnElement[bool]) -> Iterator[tuple[SettingPlace, Row]]:
    chosen = select(LineSettingRow).where(LineSettingRow.mac.in_(select(PhoneRow.mac).where(condition)))
    return ((SettingPlace(Scope.LINE, row.mac, row.index), row) for row in session.scalars(chosen))
