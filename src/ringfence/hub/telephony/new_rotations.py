"""What a change of secrets needs to begin: a PBX, phones that nobody else works on, lines of their own, and secrets."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete
from sqlalchemy.orm import Session

from ringfence.counted import counted
from ringfence.hub.core import Hub
from ringfence.hub.errors import BadSelection, RotationRunning, UnknownPbx, Unpublished
from ringfence.hub.fleet import lines, pbxes, phones, sites
from ringfence.hub.fleet.accounts import old_record
from ringfence.hub.fleet.rotation_stages import UNDER_WAY, RotationStage
from ringfence.hub.publishing import holds
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import OldSecretRow, PbxRow, RotationRow
from ringfence.hub.telephony import stored_rotations as stored
from ringfence.phones.mac import Mac


def pbx_of(session: Session, mac: Mac) -> PbxRow:
    """Return the PBX that a phone registers with; UnknownPbx if none is known."""
    phones.get(session, mac)
    pbx, sip_server = pbxes.of_phone(session, mac)
    if pbx is None:
        raise UnknownPbx(
            f"there is no PBX for {sip_server}, which phone {mac} registers with",
            to_do="Add it: ringfence pbx add. Or change it by hand: ringfence line rotate, sip export, publish.",
        )
    return pbx


def check_phones(session: Session, macs: Sequence[Mac]) -> None:
    """Refuse what is under way already, or would publish what nobody wants to have published."""
    for mac in macs:
        running = session.get(RotationRow, mac.bare)
        if running is not None and running.stage in UNDER_WAY:
            raise RotationRunning(
                f"the secrets of phone {mac} are already being changed", to_do="ringfence sip rotations"
            )
    for site_id in sorted({phones.get(session, mac).site_id for mac in macs}):
        site = sites.get(session, site_id)
        holds.check_not_held(site)
        if site.edits != site.rendered_edits:
            raise Unpublished(
                f"site {site.id} has unpublished edits, which would go out with the new secret",
                to_do=f"Publish them first: ringfence publish {site.id}.",
            )


def check_lines(session: Session, serving: Mapping[Mac, PbxRow]) -> None:
    """Refuse to change a line on one phone that another phone has at the same PBX: it would be locked out."""
    names = {line.name for mac in serving for line in phones.get(session, mac).lines}
    for name, macs in lines.phones_with_user(session, names).items():
        there = {mac: pbx.id for mac in macs if (pbx := pbxes.of_phone(session, mac)[0]) is not None}
        for mac in set(macs) & set(serving):
            shares = [str(other) for other in macs if other != mac and there.get(other) == serving[mac].id]
            if shares:
                raise BadSelection(
                    f"{name} is also a line of phone {shares[0]}, which would be locked out with the old secret",
                    where=f"phone {mac}",
                    to_do="Change a shared line by hand: one password for all of its phones, an export, a publish.",
                )


def prepare(hub: Hub, change: Change, mac: Mac, pbx: PbxRow, patience_s: float) -> None:
    """Create the new secrets and store the old ones, in one transaction with the rotation's row."""
    phone = phones.get(change.session, mac)
    change.session.execute(delete(OldSecretRow).where(OldSecretRow.mac == mac.bare))
    count = 0
    for line in [line for line in phone.lines if line.sealed_password]:
        old = lines.open_password(hub.sealer, line)
        sealed = hub.sealer.seal(old, old_record(mac.bare, line.index))
        change.session.add(OldSecretRow(mac=mac.bare, index=line.index, sealed_password=sealed))
        lines.rotate(change, hub.sealer, mac, line.index)
        count += 1
    row = change.session.get(RotationRow, mac.bare) or RotationRow(mac=mac.bare)
    row.pbx_id, row.stage, row.detail, row.who = pbx.id, RotationStage.ACCEPTING, "", change.who
    row.release = row.restored = 0
    row.began_at = row.changed_at = change.now
    row.until, row.marks = change.now + patience_s, ""
    stored.clear(row)
    change.session.add(row)
    change.note("sip.rotate", str(mac), f"{counted(count, 'secret')} at {pbx.id}")
