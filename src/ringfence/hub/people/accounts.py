"""SIP accounts as files for PBXes."""

from fastapi import APIRouter

from ringfence.hub.fleet import accounts
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas.accounts import SipExportOrder, SipFilesView
from ringfence.phones.sip.pbx_accounts import PbxKind

router = APIRouter(tags=["sip"])


@router.post("/sip/export")
def export(body: SipExportOrder, hub: TheHub, caller: TheCaller) -> SipFilesView:
    """Return the lines as configuration files for a PBX; the audit log records this."""
    with hub.change(caller.name) as change:
        files, left = accounts.export_to(
            change, hub.sealer, PbxKind(body.pbx), site_id=body.site, realm=body.realm, context=body.context
        )
    return SipFilesView(files=files, left_out=[str(fault) for fault in left])
