"""Reports from edges."""

from typing import Annotated

from fastapi import APIRouter, Query

from ringfence.hub.fleet import reports
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.reports import ReportView
from ringfence.hub.store import models
from ringfence.phones.mac import Mac

router = APIRouter()

Limit = Annotated[int, Query(ge=1, le=5000, description="How many to return, newest first")]


@router.get("/reports", tags=["activity"])
def list_reports(
    hub: TheHub, _caller: TheCaller, site: str | None = None, phone: str | None = None, limit: Limit = 100
) -> Items[ReportView]:
    """List what happened at edges, newest first: files taken and refused, releases served, phones reloaded."""
    mac = Mac.parse(phone) if phone else None
    with hub.database.reading() as session:
        return Items(items=[_report(row) for row in reports.find(session, site_id=site, phone=mac, limit=limit)])


def _report(row: models.EdgeReportRow) -> ReportView:
    return ReportView(
        id=row.id, edge=row.edge_id, site=row.site_id, seq=row.seq, at=row.at, received_at=row.received_at,
        kind=row.kind, sentence=row.sentence, name=row.name, owner=row.owner or None, peer=row.peer,
        release=row.release, size_bytes=row.size_bytes, duration_s=row.duration_s,
    )  # fmt: skip
