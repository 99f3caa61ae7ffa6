"""SIP accounts for PBXes."""

from fastapi import APIRouter

from ringfence.hub.fleet import accounts
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas import SipExport, SipFiles
from ringfence.phones.accounts import Pbx

router = APIRouter(prefix="/sip", tags=["sip"])


@router.post("/export")
def export(body: SipExport, hub: TheHub, caller: TheCaller) -> SipFiles:
    """Write the lines as a PBX takes them; that they were asked for is in the audit log."""
    with hub.change(caller.name) as change:
        files = accounts.export_to(change, hub.sealer, Pbx(body.pbx), site_id=body.site, realm=body.realm)
    return SipFiles(files=files)
