"""What a site requires before it gives a file out."""

from fastapi import APIRouter
from sqlalchemy.orm import Session

from ringfence.guard.levels import FileKind
from ringfence.guard.policy import EDGE_LEVELS
from ringfence.hub.fleet import sites
from ringfence.hub.fleet.guard import policy
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas.guard.policy import GuardNeedView, GuardPolicyChanges, GuardPolicyView

router = APIRouter()


@router.get("/sites/{site}/guard", tags=["guard"])
def show_guard_policy(site: str, hub: TheHub, _caller: TheCaller) -> GuardPolicyView:
    """Show what a site requires before it gives a file out, what each level proves, and the defaults."""
    with hub.database.reading() as session:
        return _policy(session, site)


@router.patch("/sites/{site}/guard", tags=["guard"])
def change_guard_policy(site: str, body: GuardPolicyChanges, hub: TheHub, caller: TheCaller) -> GuardPolicyView:
    """Change parts of what a site requires; its edges apply it within a second."""
    with hub.change(caller.name) as change:
        parts = policy.PolicyParts(
            body.needs, None if body.networks is None else tuple(body.networks), body.first_contact, body.gateway,
            body.edge_moves, body.learned_days, body.per_address,
        )  # fmt: skip
        policy.change(change, site, parts)
    with hub.database.reading() as session:
        return _policy(session, site)


def _policy(session: Session, site_id: str) -> GuardPolicyView:
    site, asked = sites.get(session, site_id), policy.get(session, site_id)
    return GuardPolicyView(
        site=site.id,
        version=site.guard_version,
        needs=[
            GuardNeedView(
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
        per_address=dict(asked.per_address),
    )
