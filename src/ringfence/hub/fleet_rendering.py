"""From the fleet as it is stored to sites' files, in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, selectinload

from ringfence.content.digests import Digest, sha256_hex
from ringfence.content.release import Target
from ringfence.errors import BadInput
from ringfence.hub.fleet import lines, settings, sites
from ringfence.hub.fleet.settings import ORGANISATION, Place, Row
from ringfence.hub.releases import in_order, newest_targets
from ringfence.hub.sealing import Sealer
from ringfence.hub.store.models import OrganisationSetting, Phone, PhoneSetting, Site, SiteSetting
from ringfence.phones.families import family as family_of
from ringfence.phones.mac import Mac
from ringfence.phones.rendering import LineAccount, PhoneToRender, Renderer
from ringfence.phones.settings import Scope, Value, resolve

_READ_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class SiteInput:
    """All that one site's files are made from, with what its newest release holds."""

    site_id: str
    newest_release: int
    edits: int
    published: tuple[Target, ...]
    phones: tuple[PhoneToRender, ...]


@dataclass(frozen=True, slots=True)
class SiteFiles:
    """One site's files as they are to be published; ``secrets`` are those that they hold."""

    site: SiteInput
    targets: tuple[Target, ...]
    blobs: dict[Digest, bytes] = field(repr=False)
    secrets: frozenset[str] = field(repr=False)

    @property
    def changed(self) -> bool:
        """Whether this differs from the site's newest release; a site that never had a file needs none."""
        return self.targets != self.site.published


def due_sites(session: Session, renderer_fingerprint: str, site_ids: Sequence[str] | None) -> tuple[list[str], int]:
    """Return which of these sites, or of all, may differ from what they publish, and how many were asked about.

    Those are the ones that were edited since they were rendered, or were rendered by another version of the renderer.
    UnknownSite for an id that is none.
    """
    asked = None if site_ids is None else {sites.get(session, site_id).id for site_id in site_ids}
    due = (
        select(Site.id)
        .where(or_(Site.edits != Site.rendered_edits, Site.rendered_by != renderer_fingerprint))
        .order_by(Site.id)
    )
    found = session.scalars(due).all()
    if asked is None:
        return list(found), session.scalar(select(func.count()).select_from(Site)) or 0
    return [site_id for site_id in found if site_id in asked], len(asked)


def phones_without_line(session: Session, site_ids: Sequence[str] | None) -> list[Mac]:
    """Return the phones that get no file: they have no line yet, and phones discard a configuration without one."""
    chosen = select(Phone.mac).where(~Phone.lines.any()).order_by(Phone.mac)
    if site_ids is not None:
        chosen = chosen.where(Phone.site_id.in_(site_ids))
    return [Mac(mac) for mac in session.scalars(chosen)]


def read_sites(session: Session, sealer: Sealer, site_ids: Sequence[str]) -> Iterator[SiteInput]:
    """Return the input of these sites as of the session's one moment, some of them at a time."""
    rows = session.scalars(select(OrganisationSetting)).all()
    organisation = settings.values([(ORGANISATION, row) for row in rows], sealer).get(ORGANISATION.subject, {})
    for start in range(0, len(site_ids), _READ_AT_ONCE):
        yield from _read(session, sealer, organisation, site_ids[start : start + _READ_AT_ONCE])


def render(site: SiteInput, renderer: Renderer) -> SiteFiles:
    """Render a site's phones; any fault names the phone, and nothing comes of the site then."""
    targets: list[Target] = []
    blobs: dict[Digest, bytes] = {}
    secrets: set[str] = set()
    for phone in site.phones:
        try:
            files = renderer.render(phone)
        except BadInput as fault:
            if str(phone.mac) in fault.where:
                raise
            place = f"phone {phone.mac} of site {site.site_id}" + (f", {fault.where}" if fault.where else "")
            raise type(fault)(fault.what, where=place, to_do=fault.to_do) from None
        for file in files:
            digest = sha256_hex(file.data)
            blobs[digest] = file.data
            owner = file.owner.bare if file.owner else None
            targets.append(Target(file.name, digest, len(file.data), file.kind, owner, file.reload))
        secrets |= secrets_of(phone)
    return SiteFiles(site, in_order(targets), blobs, frozenset(secrets))


def secrets_of(phone: PhoneToRender) -> set[str]:
    """Return the secrets that a phone's files hold."""
    known = family_of(phone.family).settings
    found = {line.password.reveal() for line in phone.lines}
    found |= {str(value) for name, value in phone.settings.items() if known[name].secret}
    return found - {""}


def _read(
    session: Session, sealer: Sealer, organisation: Mapping[str, Value], site_ids: Sequence[str]
) -> list[SiteInput]:
    by_site = settings.values(_site_rows(session, site_ids), sealer)
    by_phone = settings.values(_phone_rows(session, site_ids), sealer)
    phones: dict[str, list[PhoneToRender]] = {site_id: [] for site_id in site_ids}
    chosen = select(Phone).where(Phone.site_id.in_(site_ids)).options(selectinload(Phone.lines)).order_by(Phone.mac)
    for phone in session.scalars(chosen):
        if phone.lines:
            layers = (
                (str(Scope.ORGANISATION), organisation),
                (str(Scope.SITE), by_site.get(phone.site_id, {})),
                (str(Scope.PHONE), by_phone.get(phone.mac, {})),
            )
            phones[phone.site_id].append(_phone(phone, layers, sealer))
    published = newest_targets(session, site_ids)
    rows = session.scalars(select(Site).where(Site.id.in_(site_ids)).order_by(Site.id))
    return [
        SiteInput(site.id, site.newest_release, site.edits, published.get(site.id, ()), tuple(phones[site.id]))
        for site in rows
    ]


def _phone(phone: Phone, layers: Sequence[tuple[str, Mapping[str, Value]]], sealer: Sealer) -> PhoneToRender:
    resolved = resolve(layers, phone.family)
    accounts = tuple(
        LineAccount(
            line.index, line.label, line.name, line.display_name, line.auth_name, lines.open_password(sealer, line)
        )
        for line in phone.lines
    )
    values = {name: found.value for name, found in resolved.items()}
    return PhoneToRender(Mac(phone.mac), phone.family, phone.description, values, accounts)


def _site_rows(session: Session, site_ids: Sequence[str]) -> Iterator[tuple[Place, Row]]:
    rows = session.scalars(select(SiteSetting).where(SiteSetting.site_id.in_(site_ids)))
    return ((Place(Scope.SITE, row.site_id), row) for row in rows)


def _phone_rows(session: Session, site_ids: Sequence[str]) -> Iterator[tuple[Place, Row]]:
    chosen = select(PhoneSetting).join(Phone, Phone.mac == PhoneSetting.mac).where(Phone.site_id.in_(site_ids))
    return ((Place(Scope.PHONE, row.mac), row) for row in session.scalars(chosen))
