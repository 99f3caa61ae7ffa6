"""The guards' decisions and their reasons."""

import json
from collections.abc import Mapping

from fastapi import APIRouter

from ringfence.hub.fleet.guard import decision_log
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.pages import TheNewest
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.guard.decision_log import GuardDecisionView, GuardExplanationView
from ringfence.hub.store import models
from ringfence.phones.mac import Mac
from ringfence.wire.messages import ReportKind

router = APIRouter()

_VERDICTS: Mapping[str, str] = {
    ReportKind.FILE_SERVED: "allow",
    ReportKind.FILE_REFUSED: "refuse",
    ReportKind.FILE_HELD_BACK: "delay",
    ReportKind.BANNED: "ban",
}


@router.get("/guard/log", tags=["guard"])
def list_guard_decisions(
    hub: TheHub, _caller: TheCaller, page: TheNewest, site: str | None = None, phone: str | None = None,
    refused: bool = False,
) -> Items[GuardDecisionView]:  # fmt: skip
    """List the guards' decisions: who asked for what, the verdict, and why; by time."""
    mac = Mac.parse(phone) if phone else None
    with hub.database.reading() as session:
        found = decision_log.find(session, site_id=site, phone=mac, refused=refused, page=page)
        return Items.of(found.each(_decision))


@router.get("/phones/{mac}/guard", tags=["guard"])
def explain_decision(mac: ThePhone, hub: TheHub, _caller: TheCaller) -> GuardExplanationView:
    """Explain the last decision about a phone's own files, with its evidence, by the policies of then and today."""
    with hub.database.reading() as session:
        found = decision_log.explain(session, mac, hub.clock())
    return GuardExplanationView(
        at=found.report.at, site=found.report.site_id, edge=found.report.edge_id or "", sentence=found.then.sentence,
        reasons=list(found.then.reasons), same_today=found.goes_the_same_way, today=found.today.sentence,
    )  # fmt: skip


def _decision(row: models.EdgeReportRow) -> GuardDecisionView:
    reached, needed = _levels(row)
    return GuardDecisionView(
        id=row.id, at=row.at, edge=row.edge_id or "", site=row.site_id, verdict=_VERDICTS.get(row.kind, row.kind),
        finding=row.finding, reached=reached, needed=needed, name=row.name, owner=row.owner or None, peer=row.peer,
        count=row.count, sentence=row.sentence,
    )  # fmt: skip


def _levels(row: models.EdgeReportRow) -> tuple[str, str]:
    """Return the levels in a record; it comes from an edge, so it may hold anything."""
    try:
        record = json.loads(row.decision)
        return str(record["reached"])[:8], str(record["needed"])[:8]
    except (ValueError, KeyError, TypeError, RecursionError):
        return row.level, ""
