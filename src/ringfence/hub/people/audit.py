"""The audit log."""

from fastapi import APIRouter

from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import TheNewest
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.audit import AuditEntryView
from ringfence.hub.store import models
from ringfence.hub.store.change import audit_log

router = APIRouter()


@router.get("/audit", tags=["activity"])
def list_audit(hub: TheHub, _caller: TheCaller, page: TheNewest) -> Items[AuditEntryView]:
    """List the audit log, newest first."""
    with hub.database.reading() as session:
        return Items.of(audit_log(session, page).each(_entry))


def _entry(row: models.AuditEntryRow) -> AuditEntryView:
    return AuditEntryView(
        id=row.id, at=row.at, who=row.actor, token=row.actor_id, address=row.address, action=row.action,
        object=row.subject, detail=row.detail,
    )  # fmt: skip
