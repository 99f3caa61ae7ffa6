"""API tokens, the audit log, what edges reported, and who the caller is."""

from typing import Annotated

from fastapi import APIRouter, Query

from ringfence import __version__
from ringfence.hub.fleet import api_tokens, reports
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.access import (
    ApiTokenView,
    AuditEntryView,
    CallerView,
    NewApiToken,
    NewApiTokenView,
    ReportView,
)
from ringfence.hub.store import models
from ringfence.hub.store.change import audit_log
from ringfence.phones.mac import Mac

router = APIRouter()

Limit = Annotated[int, Query(ge=1, le=5000, description="How many, the newest first")]


@router.get("/whoami", tags=["access"])
def who_am_i(hub: TheHub, caller: TheCaller) -> CallerView:
    """Say whom the hub takes the caller for."""
    return CallerView(id=caller.id, name=caller.name, hub=hub.config.name, version=__version__)


@router.get("/api-tokens", tags=["access"])
def list_api_tokens(hub: TheHub, _caller: TheCaller) -> Items[ApiTokenView]:
    """List the API tokens; what they are is stored nowhere."""
    with hub.database.reading() as session:
        return Items(items=[_token(row) for row in api_tokens.find(session)])


@router.post("/api-tokens", status_code=201, tags=["access"])
def create_api_token(body: NewApiToken, hub: TheHub, caller: TheCaller) -> NewApiTokenView:
    """Make an API token. It is shown this once."""
    with hub.change(caller.name) as change:
        row, secret = api_tokens.create(change, body.name)
    return NewApiTokenView(**_token(row).model_dump(), token=secret.reveal())


@router.delete("/api-tokens/{token}", status_code=204, tags=["access"])
def revoke_api_token(token: str, hub: TheHub, caller: TheCaller) -> None:
    """Revoke an API token; its next request is refused."""
    with hub.change(caller.name) as change:
        api_tokens.revoke(change, token)


@router.get("/audit", tags=["activity"])
def list_audit(hub: TheHub, _caller: TheCaller, limit: Limit = 100) -> Items[AuditEntryView]:
    """List who did what to what, the newest first."""
    with hub.database.reading() as session:
        return Items(
            items=[
                AuditEntryView(
                    id=row.id, at=row.at, who=row.actor, action=row.action, object=row.subject, detail=row.detail
                )
                for row in audit_log(session, limit=limit)
            ]
        )


@router.get("/reports", tags=["activity"])
def list_reports(
    hub: TheHub, _caller: TheCaller, site: str | None = None, phone: str | None = None, limit: Limit = 100
) -> Items[ReportView]:
    """List what happened at edges: files taken and refused, releases served, phones reloaded; the newest first."""
    mac = Mac.parse(phone) if phone else None
    with hub.database.reading() as session:
        return Items(items=[_report(row) for row in reports.find(session, site_id=site, phone=mac, limit=limit)])


def _token(row: models.ApiTokenRow) -> ApiTokenView:
    return ApiTokenView(
        id=row.id, name=row.name, created_at=row.created_at, created_by=row.created_by, last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )  # fmt: skip


def _report(row: models.EdgeReportRow) -> ReportView:
    return ReportView(
        id=row.id, edge=row.edge_id, site=row.site_id, seq=row.seq, at=row.at, received_at=row.received_at,
        kind=row.kind, sentence=row.sentence, name=row.name, owner=row.owner or None, peer=row.peer,
        release=row.release, size_bytes=row.size_bytes, duration_s=row.duration_s,
    )  # fmt: skip
