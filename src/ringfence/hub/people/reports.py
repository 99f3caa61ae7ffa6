"""Reports from edges."""

from fastapi import APIRouter

from ringfence.hub.fleet import reports
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import TheNewest
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.reports import ReportView
from ringfence.hub.store import models
from ringfence.phones.mac import Mac

router = APIRouter()


@router.get("/reports", tags=["activity"])
def list_reports(
    hub: TheHub, _caller: TheCaller, page: TheNewest, site: str | None = None, phone: str | None = None
) -> Items[ReportView]:
    """List what happened at edges, by time: files taken and refused, releases served, phones reloaded."""
    mac = Mac.parse(phone) if phone else None
    with hub.database.reading() as session:
        return Items.of(reports.find(session, site_id=site, phone=mac, page=page).each(_report))


def _report(row: models.EdgeReportRow) -> ReportView:
    return ReportView(
        id=row.id, edge=row.edge_id or "", site=row.site_id, seq=row.seq, at=row.at, received_at=row.received_at,
        kind=row.kind, sentence=row.sentence, name=row.name, owner=row.owner or row.foreign_owner or None,
        counts=not row.foreign_owner, peer=row.peer, release=row.release,
        size_bytes=row.size_bytes, duration_s=row.duration_s,
    )  # fmt: skip
