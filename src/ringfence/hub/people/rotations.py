"""Changes of SIP secrets."""

from fastapi import APIRouter

from ringfence.hub.fleet import phones
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.rotations import RotationOrder, RotationView
from ringfence.hub.store import pages, pbx_models
from ringfence.hub.telephony import rotations
from ringfence.phones.mac import Mac

router = APIRouter(tags=["sip"])


@router.post("/sip/rotations", status_code=201)
def begin_rotation(body: RotationOrder, hub: TheHub, caller: TheCaller) -> Items[RotationView]:
    """Start changing phones' SIP secrets at the PBX and on the phones; if a phone fails, its old one is restored.

    Phones that share a line with one of them change theirs with it.
    """
    macs = [Mac.parse(text) for text in body.phones]
    if body.site is not None:
        with hub.database.reading() as session:
            macs += [Mac(row.mac) for row in phones.find(session, body.site) if row.lines]
    macs = list(dict.fromkeys(macs))
    wanted = {mac.bare for mac in rotations.begin(hub, caller.name, macs, body.patience_s)}
    with hub.database.reading() as session:
        return Items(items=[_rotation(row) for row in rotations.find(session) if row.mac in wanted])


@router.get("/sip/rotations")
def list_rotations(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[RotationView]:
    """List the last change of secrets of each phone, newest first."""
    with hub.database.reading() as session:
        return Items.of(pages.cut(rotations.find(session), page).each(_rotation))


def _rotation(row: pbx_models.RotationRow) -> RotationView:
    return RotationView(
        mac=str(Mac(row.mac)), pbx=row.pbx_id, stage=row.stage, release=row.release, began_at=row.began_at,
        changed_at=row.changed_at, until=row.until, detail=row.detail, who=row.who,
        problem=row.problem, failing_since=row.failing_since,
    )  # fmt: skip
