"""SIP accounts: the lines of phones as their PBX is to know them."""

from collections.abc import Sequence

from sqlalchemy import select

from ringfence.errors import RingfenceError
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.errors import SealBroken
from ringfence.hub.fleet import lines, phones, settings
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import OldSecretRow, PhoneRow
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Scope
from ringfence.phones.sip.pbx_accounts import PbxKind, SipAccount, export, without_unfit


def export_to(
    change: Change, sealer: Sealer, pbx: PbxKind, *, site_id: str | None, realm: str
) -> tuple[dict[str, str], list[RingfenceError]]:
    """Return the files for a PBX, with every line of a site or of all sites; the audit log records this.

    A line that the PBX can't have, or whose password can't be opened, is left out; the second part says why.
    """
    accounts: list[SipAccount] = []
    left: list[RingfenceError] = []
    for row in phones.find(change.session, site_id):
        try:
            accounts += of_phone(change, sealer, row)
        except SealBroken as fault:
            left.append(fault)
    fit, unfit = without_unfit(accounts, pbx)
    change.note("sip.export", pbx, f"{len(fit)} lines of {site_id or 'all sites'}")
    return export(fit, pbx, realm), [*left, *unfit]


def old_record(mac: str, index: int) -> str:
    """Return the name of the record that a line's old password is sealed for."""
    return f"rotation:{mac}:{index}"


def of_phone(change: Change, sealer: Sealer, phone: PhoneRow) -> Sequence[SipAccount]:
    """Return the accounts of a phone's lines; all have the device's credential where the device has one."""
    family, _model = model_of(phone.model)
    with_password = [line for line in phone.lines if line.sealed_password]
    if not with_password:
        return ()
    place = SettingPlace(Scope.PHONE, phone.mac)
    said = {item.setting.name: item.value for item in settings.effective(change.session, place)}
    transport = str(said.get("sip_transport", "udp"))
    kept = change.session.scalars(select(OldSecretRow).where(OldSecretRow.mac == phone.mac))
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
            )
        )
    return found
