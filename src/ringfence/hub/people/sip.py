"""SIP accounts for PBXes, the PBXes themselves, and changes of secrets."""

from fastapi import APIRouter

from ringfence.hub.fleet import accounts, pbxes, phones
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.sip import (
    NewPbx,
    Pbx,
    PbxCheck,
    Rotation,
    RotationOrder,
    SipExport,
    SipFiles,
)
from ringfence.hub.store import models
from ringfence.hub.telephony import secret_rotation
from ringfence.phones.mac import Mac
from ringfence.phones.sip.pbx_accounts import PbxKind
from ringfence.secret import Secret

router = APIRouter(tags=["sip"])


@router.post("/sip/export")
def export(body: SipExport, hub: TheHub, caller: TheCaller) -> SipFiles:
    """Write the lines as a PBX takes them; that they were asked for is in the audit log."""
    with hub.change(caller.name) as change:
        files = accounts.export_to(change, hub.sealer, PbxKind(body.pbx), site_id=body.site, realm=body.realm)
    return SipFiles(files=files)


@router.post("/sip/rotations", status_code=201)
def begin_rotation(body: RotationOrder, hub: TheHub, caller: TheCaller) -> Items[Rotation]:
    """Change the SIP secrets of phones on both sides; it goes on by itself, and is put back where a phone fails."""
    macs = [Mac.parse(text) for text in body.phones]
    if body.site is not None:
        with hub.database.reading() as session:
            macs += [Mac(row.mac) for row in phones.find(session, body.site) if row.lines]
    macs = list(dict.fromkeys(macs))
    secret_rotation.begin(hub, caller.name, macs, body.patience_s)
    wanted = {mac.bare for mac in macs}
    with hub.database.reading() as session:
        return Items(items=[_rotation(row) for row in secret_rotation.find(session) if row.mac in wanted])


@router.get("/sip/rotations")
def list_rotations(hub: TheHub, _caller: TheCaller) -> Items[Rotation]:
    """List each phone's last change of secrets, the newest first."""
    with hub.database.reading() as session:
        return Items(items=[_rotation(row) for row in secret_rotation.find(session)])


@router.post("/pbxes", status_code=201)
def add_pbx(body: NewPbx, hub: TheHub, caller: TheCaller) -> Pbx:
    """Take a PBX that the hub is to speak to."""
    with hub.change(caller.name) as change:
        row = pbxes.add(
            change, hub.sealer, body.name, body.kind, body.url, body.user, Secret(body.secret), body.realm,
            body.sip_servers,
        )  # fmt: skip
        return _pbx(row)


@router.get("/pbxes")
def list_pbxes(hub: TheHub, _caller: TheCaller) -> Items[Pbx]:
    """List the PBXes that the hub speaks to."""
    with hub.database.reading() as session:
        return Items(items=[_pbx(row) for row in pbxes.find(session)])


@router.post("/pbxes/{pbx}/check")
def check_pbx(pbx: str, hub: TheHub, _caller: TheCaller) -> PbxCheck:
    """Try whether a PBX answers, and say its version."""
    with hub.database.reading() as session:
        row = pbxes.get(session, pbx)
    return PbxCheck(version=pbxes.link(hub.sealer, row).check())


@router.delete("/pbxes/{pbx}", status_code=204)
def remove_pbx(pbx: str, hub: TheHub, caller: TheCaller) -> None:
    """Forget a PBX."""
    with hub.change(caller.name) as change:
        pbxes.remove(change, pbx)


def _pbx(row: models.Pbx) -> Pbx:
    return Pbx(
        id=row.id, kind=row.kind, url=row.url, user=row.user, realm=row.realm,
        sip_servers=[host for host in row.sip_servers.split(",") if host], created_at=row.created_at,
    )  # fmt: skip


def _rotation(row: models.Rotation) -> Rotation:
    return Rotation(
        mac=str(Mac(row.mac)), pbx=row.pbx_id, stage=row.stage, release=row.release, began_at=row.began_at,
        changed_at=row.changed_at, until=row.until, detail=row.detail, who=row.who,
    )  # fmt: skip
