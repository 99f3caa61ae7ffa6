"""SIP accounts: the lines of phones as their PBX is to know them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.errors import RingfenceError
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.fleet import lines, phones, settings
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.pbx_models import OldSecretRow
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Scope, Setting, Value
from ringfence.phones.sip.pbx_accounts import DEFAULT_CONTEXT, PbxKind, SipAccount, Srtp, export, without_unfit

_ASTERISK_CODECS = MappingProxyType({"g711ulaw": "ulaw", "g711alaw": "alaw", "g722": "g722", "g729a": "g729"})

_SRTP: Mapping[str, Srtp] = MappingProxyType({
    "required": Srtp.REQUIRED, "optional": Srtp.OFFERED, "outgoing": Srtp.OFFERED,
})  # fmt: skip
"""The setting srtp → what a PBX is told."""


def export_to(
    change: Change, sealer: Sealer, pbx: PbxKind, *, site_id: str | None, realm: str, context: str = DEFAULT_CONTEXT
) -> tuple[dict[str, str], list[RingfenceError]]:
    """Return the files for a PBX, with every line of a site or of all sites; the audit log records this.

    A line that the PBX can't have, or whose password can't be opened, is left out; the second part says why.
    """
    accounts: list[SipAccount] = []
    left: list[RingfenceError] = []
    for row in phones.find(change.session, site_id):
        try:
            accounts += of_phone(change.session, sealer, row)
        except SealBroken as fault:
            left.append(fault)
    fit, unfit = without_unfit(accounts, pbx)
    change.note("sip.export", pbx, f"{len(fit)} lines of {site_id or 'all sites'}")
    return export(fit, pbx, realm, context), [*left, *unfit]


def old_record(mac: str, index: int) -> str:
    """Return the name of the record that a line's old password is sealed for."""
    return f"rotation:{mac}:{index}"


def of_phone(session: Session, sealer: Sealer, phone: PhoneRow) -> Sequence[SipAccount]:
    """Return the accounts of a phone's lines; all have the device's credential where the device has one."""
    family, model = model_of(phone.model)
    with_password = [line for line in phone.lines if line.sealed_password]
    if not with_password:
        return ()
    place = SettingPlace(Scope.PHONE, phone.mac)
    found_settings = {item.setting.name: item for item in settings.effective(session, place)}
    said = {name: item.value for name, item in found_settings.items()}
    transport = str(said.get("sip_transport", "udp"))
    codecs = _codecs(said, {name: item.setting for name, item in found_settings.items()})
    follows_packets = family.reload_event.value.is_check_sync
    kept = session.scalars(select(OldSecretRow).where(OldSecretRow.mac == phone.mac))
    old = {row.index: sealer.open(row.sealed_password, old_record(phone.mac, row.index)) for row in kept}
    found = []
    for line in phone.lines:
        carrier = line if line.sealed_password and not family.one_credential.value else with_password[0]
        found.append(
            SipAccount(
                mac=Mac(phone.mac),
                line=line.index,
                name=line.name,
                display_name=line.display_name,
                auth_name=carrier.auth_name or carrier.name,
                password=lines.open_password(sealer, carrier),
                old_password=old.get(carrier.index),
                transport=transport,
                listens_where_it_sends=follows_packets,
                codecs=codecs,
                srtp=_srtp(said),
                has_short_srtp_tags="32 bits" in model.srtp.value,
                has_voicemail=bool(said.get("voicemail_number")),
            )
        )
    return found


def _srtp(said: Mapping[str, Value | None]) -> Srtp:
    """Return whether a phone's calls have SRTP, as its PBX has to know."""
    if said.get("sip_transport") != "tls":
        return Srtp.NONE
    if said.get("device_security") == "encrypted":
        return Srtp.OFFERED
    return _SRTP.get(str(said.get("srtp")), Srtp.NONE)


def _codecs(said: Mapping[str, Value | None], known: Mapping[str, Setting]) -> tuple[str, ...]:
    """Return what a phone speaks by Asterisk's names, in the order that its settings say."""
    preferred = known.get("preferred_codec")
    is_wide = bool(said["g722"]) if "g722" in known else preferred is not None and "g722" in preferred.choices
    order = [*(["g722"] if is_wide else []), "ulaw", "alaw"]
    first = _ASTERISK_CODECS.get(str(said.get("preferred_codec", "")))
    return tuple(order if first is None else dict.fromkeys([first, *order]))
