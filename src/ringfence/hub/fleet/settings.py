"""Settings of the organisation, a site, group, phone or line; the nearest wins."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.errors import BadSelection, NotSet
from ringfence.hub.fleet import (
    groups,
    lines,
    phones,
    site_tunnels,
    sites,
    vpn_phones,
    vpn_settings,
)
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.setting_models import (
    GroupSettingRow,
    LineSettingRow,
    OrganisationSettingRow,
    PhoneSettingRow,
    SiteSettingRow,
)
from ringfence.phones.families import families, family_or_model
from ringfence.phones.families import model as model_of
from ringfence.phones.family import LOAD_SETTING
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import is_patch, parse_name, patch_setting
from ringfence.phones.rendering.protection import told
from ringfence.phones.rendering.resolve_settings import (
    BUILT_IN,
    FOLLOWS,
    Scope,
    Setting,
    Value,
    parse_value,
    settings_named,
)
from ringfence.secret import Secret

_FOLLOWED = frozenset({FOLLOWS, vpn_phones.VPN})
"""Scopes of values that follow from a setting, which is their name."""

Row = OrganisationSettingRow | SiteSettingRow | GroupSettingRow | PhoneSettingRow | LineSettingRow


@dataclass(frozen=True, slots=True)
class SettingPlace:
    """Where a setting is set.

    ``subject`` is a site's or group's id or a bare MAC address, and empty for the organisation; ``line`` is the line's
    key where the scope is a line.
    """

    scope: Scope
    subject: str = ""
    line: int = 0

    def __str__(self) -> str:
        match self.scope:
            case Scope.ORGANISATION:
                return "organisation"
            case Scope.SITE:
                return f"site {self.subject}"
            case Scope.GROUP:
                return f"group {self.subject}"
            case Scope.PHONE:
                return f"phone {Mac(self.subject)}"
            case Scope.LINE:
                return f"line {self.line} of phone {Mac(self.subject)}"


ORGANISATION = SettingPlace(Scope.ORGANISATION)
WIDE = frozenset({Scope.ORGANISATION, Scope.SITE, Scope.GROUP})
"""Scopes that may have phones of several models; a setting there must fit those that have it."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value and the scope that it comes from; None stands for a secret's value, which is not shown."""

    setting: Setting
    value: Value | None
    scope: str


def put(change: Change, sealer: Sealer, place: SettingPlace, name: str, text: str, *, is_new: bool = False) -> Given:
    """Set ``name`` to the value in ``text``; UnknownSetting and ValueOutOfRange say what is wrong.

    ``is_new``: the place is new in this transaction, and ``name`` is not set there.
    """
    kinds = _kinds(change.session, place)
    if place.scope in WIDE and not is_patch(name):
        kinds = tuple(kind for kind in kinds if name in model_of(kind)[1].settings)
    setting = settings_named(kinds, name)[0]
    if place.scope not in setting.scopes:
        raise BadSelection(f"{name} can't be set for {place}", to_do=f"It can be set for: {', '.join(setting.scopes)}.")
    value = parse_value(kinds, name, text)
    if name == vpn_phones.VPN and value:
        vpn_phones.check_there(change.session, str(value))
    if name == LOAD_SETTING and value and place.scope is Scope.PHONE:
        _family, model = model_of(kinds[0])
        if not model.load_of(str(value)):
            raise BadSelection(
                f"{value} is not for model {model.name}", to_do=f"Its loads match {model.load_pattern.value}."
            )
    row = None if is_new else _row(change.session, place, name)
    if row is not None and _holds(row, sealer, place, value, is_secret=setting.secret):
        return Given(setting, None if setting.secret else value, str(place.scope))
    sealed = sealer.seal(Secret(str(value)), _record(place, name)) if setting.secret else None
    if row is None:
        row = _new_row(place, name)
        change.session.add(row)
    row.value, row.sealed = (None, sealed) if setting.secret else (value, None)
    change.note("setting.set", f"{place}: {name}", "a secret" if setting.secret else str(value))
    return Given(setting, None if setting.secret else value, str(place.scope))


def sealed_again(sealer: Sealer, row: Row, place: SettingPlace, after: SettingPlace) -> bytes | None:
    """Return a row's secret sealed for another place; None if it has none."""
    if not row.sealed:
        return None
    return sealer.seal(sealer.open(row.sealed, _record(place, row.name)), _record(after, row.name))


def unset(change: Change, place: SettingPlace, name: str) -> None:
    """Unset a setting; NotSet if it has no value here."""
    row = _row(change.session, place, name)
    if row is None:
        settings_named(_kinds(change.session, place), name)  # names the nearest ones where there is no such setting
        raise NotSet(f"{name} is not set for {place}", to_do="It may be set at a wider scope.")
    change.session.delete(row)
    change.note("setting.unset", f"{place}: {name}")


def given(session: Session, place: SettingPlace) -> list[Given]:
    """Return what is set at exactly this place, by name."""
    _kinds(session, place)  # checks that the place exists
    rows = sorted(_rows(session, place), key=lambda row: row.name)
    return [Given(settings_named((), row.name)[0], row.value, str(place.scope)) for row in rows]


def effective(session: Session, place: SettingPlace) -> list[Given]:
    """Return the values in effect at a place, by name, with the scope that each comes from.

    For a phone these are all settings of its model, and for a line those that a line can have; for wider scopes, where
    models differ in their defaults, those that are set there or above.
    """
    places = _chain(session, place)
    if place.scope in {Scope.PHONE, Scope.LINE}:
        _family, model = model_of(phones.get(session, Mac(place.subject)).model)
        layers = [(str(at.scope), {row.name: _shown(row) for row in _rows(session, at)}) for at in places]
        resolved, _problem = vpn_settings.resolved(session, layers, model)
        secret = {name for name, setting in model.settings.items() if setting.secret}
        return [
            Given(model.settings[name], None if name in secret and found.value else found.value, found.scope)
            for name, found in sorted(resolved.items())
            if place.scope in model.settings[name].scopes
        ]
    nearest = {item.setting.name: item for at in places for item in given(session, at)}
    return [nearest[name] for name in sorted(nearest)]


@dataclass(frozen=True, slots=True)
class SettingExplanation:
    """What every scope says about one setting of a phone, from the widest to the nearest; the last one wins."""

    setting: Setting
    given: tuple[tuple[str, str, Value | None], ...]
    """Scope, place in words, value; the value is None if it is a secret."""
    notes: tuple[str, ...] = ()
    """What else to know, in sentences."""

    @property
    def written(self) -> str | None:
        """What the phone's file says; None for a secret."""
        value = self.given[-1][2]
        return None if value is None else self.setting.on_wire(value)


def explain(session: Session, mac: Mac, name: str | None = None) -> list[SettingExplanation]:
    """Return why each setting of a phone, or one of them, has its value; patches are among them."""
    place, phone = SettingPlace(Scope.PHONE, mac.bare), phones.get(session, mac)
    family, model = model_of(phone.model)
    known = dict(model.settings)
    layers: list[tuple[str, dict[str, Value]]] = []
    said: dict[str, list[tuple[str, str, Value | None]]] = {
        setting.name: [(BUILT_IN, f"default of {model.name}", setting.default)] for setting in known.values()
    }
    for at in _chain(session, place):
        rows = _rows(session, at)
        layers.append((str(at.scope), {row.name: _shown(row) for row in rows}))
        for row in rows:
            if is_patch(row.name) and parse_name(row.name).family.id == family.id:
                known[row.name] = patch_setting(row.name)
            if row.name in known:
                value = None if known[row.name].secret else row.value
                said.setdefault(row.name, []).append((str(at.scope), str(at), value))
    if name is not None and name not in known:
        settings_named((model.name,), name)  # names the nearest ones where there is no such setting
        raise NotSet(f"{name} is not set for {place}", to_do="It may be set at a wider scope.")
    resolved, problem = vpn_settings.resolved(session, layers, model)
    for each, found in resolved.items():
        if found.scope in _FOLLOWED:
            said[each].append((found.scope, f"{found.scope} is {resolved[found.scope].value}", found.value))
    tunnel = site_tunnels.of_sites(session, [phone.site_id])[phone.site_id]
    notes = {
        FOLLOWS: told({each: found.value for each, found in resolved.items()}, model, tunnel),
        vpn_phones.VPN: (problem,) if problem else vpn_settings.winning(resolved),
    }
    return [
        SettingExplanation(known[each], tuple(said[each]), notes.get(each, ()))
        for each in sorted(known)
        if name in {None, each}
    ]


def catalogue(family: str | None) -> list[tuple[Setting, list[str]]]:
    """Return all settings, or those of one family or model, by name, with the families that have each."""
    if family:
        of, model = family_or_model(family)
        chosen = [(of.id, of.settings if family == of.id else model.settings)]
    else:
        chosen = [(of.id, of.settings) for of in families().values()]
    owners: dict[str, list[str]] = {}
    settings: dict[str, Setting] = {}
    for family_id, known in chosen:
        for name, setting in known.items():
            settings.setdefault(name, setting)
            owners.setdefault(name, []).append(family_id)
    return [(settings[name], owners[name]) for name in sorted(settings)]


def secrets(session: Session, sealer: Sealer) -> Iterator[tuple[SettingPlace, str, Secret]]:
    """Yield every value that is a secret, with its place and its name; none that can't be opened."""
    rows: list[Row] = [
        *session.scalars(select(OrganisationSettingRow).where(OrganisationSettingRow.sealed.is_not(None))),
        *session.scalars(select(SiteSettingRow).where(SiteSettingRow.sealed.is_not(None))),
        *session.scalars(select(GroupSettingRow).where(GroupSettingRow.sealed.is_not(None))),
        *session.scalars(select(PhoneSettingRow).where(PhoneSettingRow.sealed.is_not(None))),
        *session.scalars(select(LineSettingRow).where(LineSettingRow.sealed.is_not(None))),
    ]
    for row in rows:
        place = _place_of(row)
        with contextlib.suppress(SealBroken):
            yield place, row.name, sealer.open(row.sealed or b"", _record(place, row.name))


class ValuesForRendering:
    """The values of each subject and line, with secrets opened; a secret that can't be opened harms who needs it."""

    def __init__(self, rows: Iterable[tuple[SettingPlace, Row]], sealer: Sealer) -> None:
        self._values: dict[tuple[str, int], dict[str, Value]] = {}
        self._faults: dict[tuple[str, int], SealBroken] = {}
        for place, row in rows:
            key = (place.subject, place.line)
            try:
                value = sealer.open(row.sealed, _record(place, row.name)).reveal() if row.sealed else row.value
            except SealBroken as fault:
                self._faults[key] = fault
                continue
            if value is not None:
                self._values.setdefault(key, {})[row.name] = value

    def of(self, subject: str, line: int = 0) -> Mapping[str, Value]:
        """Return the values of a subject, or of one line of a phone; SealBroken if one of them can't be opened."""
        key = (subject, line)
        if key in self._faults:
            raise self._faults[key]
        return self._values.get(key, {})


def _rows(session: Session, place: SettingPlace) -> Sequence[Row]:
    match place.scope:
        case Scope.ORGANISATION:
            return session.scalars(select(OrganisationSettingRow)).all()
        case Scope.SITE:
            return session.scalars(select(SiteSettingRow).where(SiteSettingRow.site_id == place.subject)).all()
        case Scope.GROUP:
            return session.scalars(select(GroupSettingRow).where(GroupSettingRow.group_id == place.subject)).all()
        case Scope.PHONE:
            return session.scalars(select(PhoneSettingRow).where(PhoneSettingRow.mac == place.subject)).all()
        case Scope.LINE:
            chosen = select(LineSettingRow).where(
                LineSettingRow.mac == place.subject, LineSettingRow.index == place.line
            )
            return session.scalars(chosen).all()


def _place_of(row: Row) -> SettingPlace:
    match row:
        case SiteSettingRow():
            return SettingPlace(Scope.SITE, row.site_id)
        case GroupSettingRow():
            return SettingPlace(Scope.GROUP, row.group_id)
        case PhoneSettingRow():
            return SettingPlace(Scope.PHONE, row.mac)
        case LineSettingRow():
            return SettingPlace(Scope.LINE, row.mac, row.index)
        case _:
            return ORGANISATION


def _row(session: Session, place: SettingPlace, name: str) -> Row | None:
    match place.scope:
        case Scope.ORGANISATION:
            return session.get(OrganisationSettingRow, name)
        case Scope.SITE:
            return session.get(SiteSettingRow, (place.subject, name))
        case Scope.GROUP:
            return session.get(GroupSettingRow, (place.subject, name))
        case Scope.PHONE:
            return session.get(PhoneSettingRow, (place.subject, name))
        case Scope.LINE:
            return session.get(LineSettingRow, (place.subject, place.line, name))


def _holds(row: Row, sealer: Sealer, place: SettingPlace, value: Value, *, is_secret: bool) -> bool:
    """Return whether a row has this value already; one whose secret can't be opened has not."""
    if not is_secret:
        return row.value == value and type(row.value) is type(value)
    try:
        return bool(row.sealed) and sealer.open(row.sealed or b"", _record(place, row.name)).reveal() == str(value)
    except SealBroken:
        return False


def _new_row(place: SettingPlace, name: str) -> Row:
    match place.scope:
        case Scope.ORGANISATION:
            return OrganisationSettingRow(name=name)
        case Scope.SITE:
            return SiteSettingRow(site_id=place.subject, name=name)
        case Scope.GROUP:
            return GroupSettingRow(group_id=place.subject, name=name)
        case Scope.PHONE:
            return PhoneSettingRow(mac=place.subject, name=name)
        case Scope.LINE:
            return LineSettingRow(mac=place.subject, index=place.line, name=name)


def _chain(session: Session, place: SettingPlace) -> list[SettingPlace]:
    match place.scope:
        case Scope.ORGANISATION:
            return [place]
        case Scope.SITE | Scope.GROUP:
            return [ORGANISATION, place]
        case Scope.PHONE | Scope.LINE:
            phone = phones.get(session, Mac(place.subject))
            group = [SettingPlace(Scope.GROUP, phone.group_id)] if phone.group_id else []
            chain = [
                ORGANISATION,
                SettingPlace(Scope.SITE, phone.site_id),
                *group,
                SettingPlace(Scope.PHONE, phone.mac),
            ]
            return chain if place.scope is Scope.PHONE else [*chain, place]


def _kinds(session: Session, place: SettingPlace) -> tuple[str, ...]:
    """Return the models that a value here must fit, none if no phone is there; checks that the place exists."""
    chosen = select(PhoneRow.model).distinct().order_by(PhoneRow.model)
    match place.scope:
        case Scope.ORGANISATION:
            pass
        case Scope.SITE:
            chosen = chosen.where(PhoneRow.site_id == sites.get(session, place.subject).id)
        case Scope.GROUP:
            chosen = chosen.where(PhoneRow.group_id == groups.get(session, place.subject).id)
        case Scope.PHONE:
            return (phones.get(session, Mac(place.subject)).model,)
        case Scope.LINE:
            chosen = chosen.where(PhoneRow.mac == lines.get(phones.get(session, Mac(place.subject)), place.line).mac)
    return tuple(session.scalars(chosen))


def _shown(row: Row) -> Value:
    """Return a value to show; for a secret only that there is one."""
    return "set" if row.value is None else row.value


def _record(place: SettingPlace, name: str) -> str:
    line = f":{place.line}" if place.line else ""
    return f"setting:{place.scope}:{place.subject}{line}:{name}"
