"""Settings: what phones are told, at the organisation, a site or a phone; the nearest wins."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.errors import BadSelection, NotSet
from ringfence.hub.fleet import phones, sites
from ringfence.hub.fleet.change import Change
from ringfence.hub.sealing import Sealer
from ringfence.hub.store.models import OrganisationSetting, PhoneSetting, SiteSetting
from ringfence.phones.families import FAMILIES
from ringfence.phones.families import family as family_of
from ringfence.phones.mac import Mac
from ringfence.phones.settings import Scope, Setting, Value, parse_value, resolve, settings_named
from ringfence.secret import Secret

Row = OrganisationSetting | SiteSetting | PhoneSetting


@dataclass(frozen=True, slots=True)
class Place:
    """Where a setting is given; ``subject`` is a site's id or a bare MAC address, and empty for the organisation."""

    scope: Scope
    subject: str = ""

    def __str__(self) -> str:
        match self.scope:
            case Scope.ORGANISATION:
                return "organisation"
            case Scope.SITE:
                return f"site {self.subject}"
            case Scope.PHONE:
                return f"phone {Mac(self.subject)}"


ORGANISATION = Place(Scope.ORGANISATION)


@dataclass(frozen=True, slots=True)
class Given:
    """A value and the place that gives it; None stands for a secret's value, which is not shown."""

    setting: Setting
    value: Value | None
    scope: str


def put(change: Change, sealer: Sealer, place: Place, name: str, text: str) -> Given:
    """Set ``name`` to what ``text`` writes; UnknownSetting and ValueOutOfRange say what is wrong."""
    families = _families(change.session, place)
    setting = settings_named(families, name)[0]
    if place.scope not in setting.scopes:
        raise BadSelection(f"{name} can't be set for {place}", to_do=f"It can be set at: {', '.join(setting.scopes)}.")
    value = parse_value(families, name, text)
    sealed = sealer.seal(Secret(str(value)), _record(place, name)) if setting.secret else None
    row = _row(change.session, place, name)
    if row is None:
        row = _new_row(place, name)
        change.session.add(row)
    row.value, row.sealed = (None, sealed) if setting.secret else (value, None)
    change.note("setting.set", f"{place}: {name}", "a secret" if setting.secret else str(value))
    return Given(setting, None if setting.secret else value, str(place.scope))


def unset(change: Change, place: Place, name: str) -> None:
    """Take a setting away again; NotSet where it has no value here."""
    row = _row(change.session, place, name)
    if row is None:
        settings_named(_families(change.session, place), name)  # names the nearest ones where there is no such setting
        raise NotSet(f"{name} is not set for {place}", to_do="Look at the wider scopes.")
    change.session.delete(row)
    change.note("setting.unset", f"{place}: {name}")


def given(session: Session, place: Place) -> list[Given]:
    """Return what is set at exactly this place, by name."""
    families = _families(session, place)
    rows = sorted(_rows(session, place), key=lambda row: row.name)
    return [
        Given(settings_named(families, row.name)[0], row.value, str(place.scope))
        for row in rows
        if any(row.name in family_of(family).settings for family in families)
    ]


def effective(session: Session, place: Place) -> list[Given]:
    """Return what holds at a place, by name, with the scope that it comes from.

    For a phone that is every setting of its family; for a site and the organisation, where families differ in their
    defaults, what is set there or above.
    """
    places = _chain(session, place)
    if place.scope is Scope.PHONE:
        family = family_of(phones.get(session, Mac(place.subject)).family)
        layers = [(str(at.scope), {row.name: _shown(row) for row in _rows(session, at)}) for at in places]
        resolved = resolve(layers, family)
        secret = {name for name, setting in family.settings.items() if setting.secret}
        return [
            Given(family.settings[name], None if name in secret and found.value else found.value, found.scope)
            for name, found in sorted(resolved.items())
        ]
    nearest = {item.setting.name: item for at in places for item in given(session, at)}
    return [nearest[name] for name in sorted(nearest)]


def catalogue(family: str | None) -> list[tuple[Setting, list[str]]]:
    """Return every setting with the families that have it, by name; those of one family where it is named."""
    families = [family_of(family)] if family else list(FAMILIES.values())
    owners: dict[str, list[str]] = {}
    settings: dict[str, Setting] = {}
    for each in families:
        for name, setting in each.settings.items():
            settings.setdefault(name, setting)
            owners.setdefault(name, []).append(each.id)
    return [(settings[name], owners[name]) for name in sorted(settings)]


def values(rows: Iterable[tuple[Place, Row]], sealer: Sealer) -> Mapping[str, dict[str, Value]]:
    """Return each subject's values for rendering, secrets opened."""
    found: dict[str, dict[str, Value]] = {}
    for place, row in rows:
        value = sealer.open(row.sealed, _record(place, row.name)).reveal() if row.sealed else row.value
        if value is not None:
            found.setdefault(place.subject, {})[row.name] = value
    return found


def _rows(session: Session, place: Place) -> Sequence[Row]:
    match place.scope:
        case Scope.ORGANISATION:
            return session.scalars(select(OrganisationSetting)).all()
        case Scope.SITE:
            return session.scalars(select(SiteSetting).where(SiteSetting.site_id == place.subject)).all()
        case Scope.PHONE:
            return session.scalars(select(PhoneSetting).where(PhoneSetting.mac == place.subject)).all()


def _row(session: Session, place: Place, name: str) -> Row | None:
    match place.scope:
        case Scope.ORGANISATION:
            return session.get(OrganisationSetting, name)
        case Scope.SITE:
            return session.get(SiteSetting, (place.subject, name))
        case Scope.PHONE:
            return session.get(PhoneSetting, (place.subject, name))


def _new_row(place: Place, name: str) -> Row:
    match place.scope:
        case Scope.ORGANISATION:
            return OrganisationSetting(name=name)
        case Scope.SITE:
            return SiteSetting(site_id=place.subject, name=name)
        case Scope.PHONE:
            return PhoneSetting(mac=place.subject, name=name)


def _chain(session: Session, place: Place) -> list[Place]:
    match place.scope:
        case Scope.ORGANISATION:
            return [place]
        case Scope.SITE:
            return [ORGANISATION, place]
        case Scope.PHONE:
            site_id = phones.get(session, Mac(place.subject)).site_id
            return [ORGANISATION, Place(Scope.SITE, site_id), place]


def _families(session: Session, place: Place) -> tuple[str, ...]:
    """Return the families that a value here must fit; this also checks that the place exists."""
    match place.scope:
        case Scope.ORGANISATION:
            return tuple(FAMILIES)
        case Scope.SITE:
            sites.get(session, place.subject)
            return tuple(FAMILIES)
        case Scope.PHONE:
            return (phones.get(session, Mac(place.subject)).family,)


def _shown(row: Row) -> Value:
    """Return a value for showing; of a secret only that there is one."""
    return "set" if row.value is None else row.value


def _record(place: Place, name: str) -> str:
    return f"setting:{place.scope}:{place.subject}:{name}"
