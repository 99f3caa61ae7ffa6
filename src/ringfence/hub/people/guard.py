"""The guard: what sites ask of whoever wants a file."""

from fastapi import APIRouter
from sqlalchemy.orm import Session

from ringfence.guard.levels import FileKind
from ringfence.guard.policy import EDGE_LEVELS
from ringfence.hub.fleet import guard_policy, sites
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas.guard import GuardNeed, GuardPolicy, GuardPolicyChange

router = APIRouter()


@router.get("/sites/{site}/guard", tags=["guard"])
def show_guard_policy(site: str, hub: TheHub, _caller: TheCaller) -> GuardPolicy:
    """Show what a site asks of whoever wants a file, what each level proves, and what is the default."""
    with hub.database.reading() as session:
        return _policy(session, site)


@router.patch("/sites/{site}/guard", tags=["guard"])
def change_guard_policy(site: str, body: GuardPolicyChange, hub: TheHub, caller: TheCaller) -> GuardPolicy:
    """Set parts of what a site asks; its edges go by it within a second."""
    with hub.change(caller.name) as change:
        parts = guard_policy.PolicyParts(
            body.needs, None if body.networks is None else tuple(body.networks), body.first_contact, body.gateway,
            body.edge_moves, body.learned_days,
        )  # fmt: skip
        guard_policy.change(change, site, parts)
    with hub.database.reading() as session:
        return _policy(session, site)


def _policy(session: Session, site_id: str) -> GuardPolicy:
    site, policy = sites.get(session, site_id), guard_policy.get(session, site_id)
    return GuardPolicy(
        site=site.id,
        version=site.guard_version,
        needs=[
            GuardNeed(
                kind=kind.value,
                level=policy.level(kind).name,
                proves=policy.level(kind).meaning,
                default=EDGE_LEVELS[kind].name,
            )
            for kind in FileKind
        ],
        networks=list(policy.networks),
        first_contact=policy.first_contact,
        gateway=policy.gateway,
        edge_moves=policy.edge_moves,
        learned_days=policy.learned_days,
    )
