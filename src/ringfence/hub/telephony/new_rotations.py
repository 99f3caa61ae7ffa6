"""What a change of secrets needs to begin: a PBX, phones that nobody else works on, lines of their own, and secrets."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete
from sqlalchemy.orm import Session

from ringfence.counted import counted
from ringfence.hub.core import Hub
from ringfence.hub.errors import RotationRunning, UnknownPbx, Unpublished
from ringfence.hub.fleet import lines, pbxes, phones, sites
from ringfence.hub.fleet.accounts import old_record
from ringfence.hub.fleet.rotation_stages import UNDER_WAY, RotationStage
from ringfence.hub.publishing import holds
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.pbx_models import OldSecretRow, PbxRow, RotationRow
from ringfence.hub.telephony import shared_lines
from ringfence.hub.telephony import stored_rotations as stored
from ringfence.phones.mac import Mac
from ringfence.secret import Secret


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


def prepare(hub: Hub, change: Change, group: Mapping[Mac, PbxRow], patience_s: float) -> None:
    """Create the new secrets of phones that share lines, or of one, and store the old ones with the rotations' rows."""
    made = shared_lines.new_secrets(hub, change.session, group)
    together = new_id("group") if len(group) > 1 else ""
    for mac, pbx in group.items():
        _prepare(hub, change, mac, pbx, patience_s, made, together)


def _prepare(
    hub: Hub, change: Change, mac: Mac, pbx: PbxRow, patience_s: float, made: Mapping[tuple[str, str], Secret],
    together: str,
) -> None:  # fmt: skip
    phone = phones.get(change.session, mac)
    change.session.execute(delete(OldSecretRow).where(OldSecretRow.mac == mac.bare))
    count = 0
    for line in [line for line in phone.lines if line.sealed_password]:
        old = lines.open_password(hub.sealer, line)
        sealed = hub.sealer.seal(old, old_record(mac.bare, line.index))
        change.session.add(OldSecretRow(mac=mac.bare, index=line.index, sealed_password=sealed))
        lines.rotate(change, hub.sealer, mac, line.index, made[line.auth_name or line.name, old.reveal()])
        count += 1
    row = change.session.get(RotationRow, mac.bare) or RotationRow(mac=mac.bare)
    row.pbx_id, row.stage, row.detail, row.who = pbx.id, RotationStage.ACCEPTING, "", change.who
    row.release = row.restored = 0
    row.began_at = row.changed_at = change.now
    row.until, row.marks = change.now + patience_s, ""
    row.together, row.keeps_new = together, False
    stored.clear(row)
    change.session.add(row)
    change.note("sip.rotate", str(mac), f"{counted(count, 'secret')} at {pbx.id}")
