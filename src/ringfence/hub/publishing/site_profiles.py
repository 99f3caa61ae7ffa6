"""Which phones of the sites that are due find encrypted profiles, and by which keys.

A phone's key is made by the first publish that needs it. A preview before that shows files by a key that nobody keeps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.fleet import profile_keys
from ringfence.hub.fleet.profile_keys import PhoneKeys
from ringfence.hub.publishing.left_out import FAULTS_OF_ONE_PHONE, LeftOutPhone
from ringfence.hub.publishing.profile_forms import SealedProfiles
from ringfence.hub.publishing.site_rows import SiteInput, due_sites, read_phones
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.phone_trust_models import PhoneProfileKeyRow
from ringfence.hub.store.setting_models import (
    GroupSettingRow,
    OrganisationSettingRow,
    PhoneSettingRow,
    SiteSettingRow,
)
from ringfence.phones.families import families
from ringfence.phones.families import model as model_of
from ringfence.phones.flat_profile.https import base_of
from ringfence.phones.flat_profile.sealed_profile import PROFILE_URL
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.settings.trust import KEEP, PLAIN_FILES, TRUST
from ringfence.phones.trust.profile_state import OwnProfile, profile_forms_of
from ringfence.phones.trust.state import Trust

_READ_AT_ONCE = 200


def with_profiles(hub: Hub, session: Session, inputs: Sequence[SiteInput]) -> list[SiteInput]:
    """Return the input of sites with the forms of those profiles that are not in clear alone."""
    ends = {each.id: each.encrypted_profile.value for each in families().values() if each.encrypted_profile is not None}
    found = []
    for site in inputs:
        phones = [(phone, ends.get(model_of(phone.model)[0].id, "")) for phone in site.phones]
        chosen = [(phone, end) for phone, end in phones if end]
        rows = profile_keys.rows_of(session, [phone.mac.bare for phone, _end in chosen])
        profiles: dict[str, SealedProfiles] = {}
        left = []
        for phone, end in chosen:
            try:
                made = _sealed(hub, phone, end, rows.get(phone.mac.bare))
            except FAULTS_OF_ONE_PHONE as fault:
                left.append(LeftOutPhone(site.site_id, phone.mac, fault))
                continue
            if made is not None:
                profiles[phone.mac.bare] = made
        out = {each.mac for each in left}
        stay = tuple(phone for phone in site.phones if phone.mac not in out)
        found.append(replace(site, phones=stay, left_out=(*site.left_out, *left), profiles=profiles))
    return found


def prepare(hub: Hub, who: str, site_ids: Sequence[str] | None) -> None:
    """Make the keys of those phones of the sites that are due, of these or of all, that need their first one."""
    with hub.database.reading() as session:
        if not _is_set_anywhere(session):
            return
        due, _asked = due_sites(session, hub.renderer_fingerprint, site_ids)
        lacking = _lacking(hub, session, due)
    if not lacking:
        return
    with hub.change(who) as change:
        there = profile_keys.rows_of(change.session, lacking)
        for mac in lacking:
            if mac not in there and change.session.get(PhoneRow, mac) is not None:
                profile_keys.make(change, hub.sealer, mac)


def _lacking(hub: Hub, session: Session, site_ids: Sequence[str]) -> list[str]:
    models = [name for each in families().values() if each.encrypted_profile is not None for name in each.models]
    chosen = (
        select(PhoneRow.mac)
        .outerjoin(PhoneProfileKeyRow, PhoneProfileKeyRow.mac == PhoneRow.mac)
        .where(PhoneProfileKeyRow.mac.is_(None), PhoneRow.model.in_(models))
    )
    found = []
    for site_id in site_ids:
        macs = list(session.scalars(chosen.where(PhoneRow.site_id == site_id).order_by(PhoneRow.mac)))
        for start in range(0, len(macs), _READ_AT_ONCE):
            phones = read_phones(session, hub.sealer, macs[start : start + _READ_AT_ONCE], hub.clock())
            found += [
                phone.mac.bare
                for phone in phones
                if not isinstance(phone, LeftOutPhone) and wanted(phone) is Trust.ENCRYPTED
            ]
    return found


def wanted(phone: PhoneToRender) -> Trust:
    """Return what a phone's setting says."""
    return Trust(str(phone.settings.get(TRUST, Trust.OFF)))


def _sealed(hub: Hub, phone: PhoneToRender, end: str, row: PhoneProfileKeyRow | None) -> SealedProfiles | None:
    withdraws = phone.settings.get(PLAIN_FILES) != KEEP
    forms = profile_forms_of(wanted(phone), profile_keys.facts(row), withdraws=withdraws)
    if not forms.encrypted:
        return None
    keys = profile_keys.opened(hub.sealer, row) if row is not None else PhoneKeys(profile_keys.new_key())
    return SealedProfiles(forms, keys, end, str(phone.settings.get(PROFILE_URL, "")), base_of(phone.settings))


def _is_set_anywhere(session: Session) -> bool:
    rows = (OrganisationSettingRow, SiteSettingRow, GroupSettingRow, PhoneSettingRow)
    return any(session.scalar(select(row.name).where(row.name == TRUST).limit(1)) for row in rows)


def offered(profiles: Mapping[str, SealedProfiles]) -> dict[str, OwnProfile]:
    """Return what is under the name of each phone's own profile, by its bare address."""
    return {mac: each.forms.own for mac, each in profiles.items()}
