"""The audit log."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from ringfence.hub.fleet import audit
from ringfence.hub.fleet.audit import AuditFilter
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import LogSort, TheNewest
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.audit import AuditCheckView, AuditEntryView
from ringfence.hub.store import models

router = APIRouter(tags=["activity"])

_Text = Annotated[str, Query(max_length=200)]
_Moment = Annotated[float | None, Query(allow_inf_nan=False, ge=0, le=1e12)]
_TYPES = {"csv": "text/csv", "jsonl": "application/jsonl"}
_A_LINE = {"$ref": f"#/components/schemas/{AuditEntryView.__name__}"}
_EXPORTED = {"content": {_TYPES["csv"]: {"schema": {"type": "string"}}, _TYPES["jsonl"]: {"schema": _A_LINE}}}


def _filter(
    who: Annotated[_Text, Query(description="A name, or the id of a token")] = "",
    action: Annotated[_Text, Query(description="An action, or its beginning up to a dot: phone.")] = "",
    subject: Annotated[_Text, Query(alias="object", description="A part of what it was done to")] = "",
    address: Annotated[_Text, Query(description="Where the request came from")] = "",
    since: Annotated[_Moment, Query(description="Not before this, Unix seconds")] = None,
    until: Annotated[_Moment, Query(description="Before this, Unix seconds")] = None,
) -> AuditFilter:
    return AuditFilter(who, action, subject, address, since, until)


TheFilter = Annotated[AuditFilter, Depends(_filter)]


@router.get("/audit")
def list_audit(hub: TheHub, _caller: TheCaller, page: TheNewest, wanted: TheFilter) -> Items[AuditEntryView]:
    """List the audit log, by time: every change, by whom, and what was before and after."""
    with hub.database.reading() as session:
        return Items.of(audit.find(session, wanted, page).each(_entry))


@router.get("/audit/export", response_class=StreamingResponse, responses={200: _EXPORTED})
def export_audit(
    hub: TheHub, _caller: TheCaller, wanted: TheFilter,
    form: Annotated[Literal["csv", "jsonl"], Query(alias="format")], sort: LogSort = "-when",
) -> StreamingResponse:  # fmt: skip
    """Hand the audit log out, newest or oldest first, as CSV or as JSON lines; a million entries at most."""
    entries = audit.export(hub, wanted, as_csv=form == "csv", is_oldest_first=sort == "when")
    return StreamingResponse(entries, media_type=_TYPES[form])


@router.get("/audit/verify")
def verify_audit(
    hub: TheHub,
    _caller: TheCaller,
    head: Annotated[str, Query(max_length=100, description="One that was written down before, NUMBER:DIGEST")] = "",
) -> AuditCheckView:
    """Check that no entry of the audit log was altered, taken out or put in."""
    with hub.database.reading() as session:
        found = audit.verify(session, head)
    return AuditCheckView(
        entries=found.entries, head=found.head, is_whole=found.broken is None, first_broken=found.broken, why=found.why
    )


def _entry(row: models.AuditEntryRow) -> AuditEntryView:
    return AuditEntryView(**audit.shown(row))
