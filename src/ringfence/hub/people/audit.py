"""The audit log."""

from typing import Annotated

from fastapi import APIRouter, Query

from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.audit import AuditEntryView
from ringfence.hub.store.change import audit_log

router = APIRouter()

Limit = Annotated[int, Query(ge=1, le=5000, description="How many to return, newest first")]


@router.get("/audit", tags=["activity"])
def list_audit(hub: TheHub, _caller: TheCaller, limit: Limit = 100) -> Items[AuditEntryView]:
    """List the audit log, newest first."""
    with hub.database.reading() as session:
        return Items(
            items=[
                AuditEntryView(
                    id=row.id, at=row.at, who=row.actor, action=row.action, object=row.subject, detail=row.detail
                )
                for row in audit_log(session, limit=limit)
            ]
        )
