"""The guard: what sites ask of whoever wants a file, what was decided, and what people should look at."""

import json
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from ringfence.guard.levels import FileKind
from ringfence.guard.policy import EDGE_LEVELS
from ringfence.hub.fleet import sites
from ringfence.hub.fleet.guard import alerts, decision_log, policy
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.guard import (
    GuardAlert,
    GuardDecision,
    GuardExplanation,
    GuardNeed,
    GuardPolicy,
    GuardPolicyChange,
)
from ringfence.hub.store import guard_models, models
from ringfence.phones.mac import Mac
from ringfence.wire.messages import ReportKind

router = APIRouter()

_VERDICTS: Mapping[str, str] = {
    ReportKind.FILE_SERVED: "allow",
    ReportKind.FILE_REFUSED: "refuse",
    ReportKind.FILE_HELD_BACK: "delay",
    ReportKind.BANNED: "ban",
}
Limit = Annotated[int, Query(ge=1, le=5000, description="How many, the newest first")]


@router.get("/sites/{site}/guard", tags=["guard"])
def show_guard_policy(site: str, hub: TheHub, _caller: TheCaller) -> GuardPolicy:
    """Show what a site asks of whoever wants a file, what each level proves, and what is the default."""
    with hub.database.reading() as session:
        return _policy(session, site)


@router.patch("/sites/{site}/guard", tags=["guard"])
def change_guard_policy(site: str, body: GuardPolicyChange, hub: TheHub, caller: TheCaller) -> GuardPolicy:
    """Set parts of what a site asks; its edges go by it within a second."""
    with hub.change(caller.name) as change:
        parts = policy.PolicyParts(
            body.needs, None if body.networks is None else tuple(body.networks), body.first_contact, body.gateway,
            body.edge_moves, body.learned_days,
        )  # fmt: skip
        policy.change(change, site, parts)
    with hub.database.reading() as session:
        return _policy(session, site)


@router.get("/guard/log", tags=["guard"])
def list_guard_decisions(
    hub: TheHub, _caller: TheCaller, site: str | None = None, phone: str | None = None, refused: bool = False,
    limit: Limit = 100,
) -> Items[GuardDecision]:  # fmt: skip
    """List what guards decided: who asked for what, what became of it, and why; the newest first."""
    mac = Mac.parse(phone) if phone else None
    with hub.database.reading() as session:
        rows = decision_log.find(session, site_id=site, phone=mac, refused=refused, limit=limit)
        return Items(items=[_decision(row) for row in rows])


@router.get("/phones/{mac}/guard", tags=["guard"])
def explain_decision(mac: ThePhone, hub: TheHub, _caller: TheCaller) -> GuardExplanation:
    """Explain the last decision about a phone's own files, with its evidence, by the policy of then and of today."""
    with hub.database.reading() as session:
        found = decision_log.explain(session, mac, hub.clock())
    return GuardExplanation(
        at=found.report.at, site=found.report.site_id, edge=found.report.edge_id, sentence=found.then.sentence,
        reasons=list(found.then.reasons), same_today=found.goes_the_same_way, today=found.today.sentence,
    )  # fmt: skip


@router.get("/guard/alerts", tags=["guard"])
def list_alerts(
    hub: TheHub, _caller: TheCaller, site: str | None = None, closed_too: bool = False, limit: Limit = 1000
) -> Items[GuardAlert]:
    """List what a person should look at, the newest first."""
    with hub.database.reading() as session:
        rows = alerts.find(session, site_id=site, closed_too=closed_too, limit=limit)
        return Items(items=[_alert(row) for row in rows])


@router.get("/guard/waiting", tags=["guard"])
def list_waiting(hub: TheHub, _caller: TheCaller, site: str | None = None) -> Items[GuardAlert]:
    """List the phones that ask and wait for a person's nod, the newest first."""
    with hub.database.reading() as session:
        rows = alerts.find(session, site_id=site, kinds=alerts.WAITING)
        return Items(items=[_alert(row) for row in rows])


@router.post("/guard/alerts/{alert}/close", tags=["guard"])
def close_alert(alert: int, hub: TheHub, caller: TheCaller) -> GuardAlert:
    """Close an alert; it opens anew where the same happens again."""
    with hub.change(caller.name) as change:
        return _alert(alerts.close(change, alert))


def _decision(row: models.EdgeReport) -> GuardDecision:
    reached, needed = _levels(row)
    return GuardDecision(
        id=row.id, at=row.at, edge=row.edge_id, site=row.site_id, verdict=_VERDICTS.get(row.kind, row.kind),
        finding=row.finding, reached=reached, needed=needed, name=row.name, owner=row.owner or None, peer=row.peer,
        count=row.count, sentence=row.sentence,
    )  # fmt: skip


def _levels(row: models.EdgeReport) -> tuple[str, str]:
    """Return the levels that a record tells of; it comes from an edge, so it may hold anything."""
    try:
        record = json.loads(row.decision)
        return str(record["reached"])[:8], str(record["needed"])[:8]
    except (ValueError, KeyError, TypeError, RecursionError):
        return row.level, ""


def _alert(row: guard_models.GuardAlert) -> GuardAlert:
    return GuardAlert(
        id=row.id, site=row.site_id, kind=row.kind, subject=row.subject, first_at=row.first_at, last_at=row.last_at,
        count=row.count, sentence=row.sentence, peer=row.peer, model=row.model, closed_at=row.closed_at,
        closed_by=row.closed_by,
    )  # fmt: skip


def _policy(session: Session, site_id: str) -> GuardPolicy:
    site, asked = sites.get(session, site_id), policy.get(session, site_id)
    return GuardPolicy(
        site=site.id,
        version=site.guard_version,
        needs=[
            GuardNeed(
                kind=kind.value,
                level=asked.level(kind).name,
                proves=asked.level(kind).meaning,
                default=EDGE_LEVELS[kind].name,
            )
            for kind in FileKind
        ],
        networks=list(asked.networks),
        first_contact=asked.first_contact,
        gateway=asked.gateway,
        edge_moves=asked.edge_moves,
        learned_days=asked.learned_days,
    )
