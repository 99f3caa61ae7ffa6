"""Rollouts: publish in waves, and look how it goes."""

from collections.abc import Sequence

from fastapi import APIRouter

from ringfence.hub.fleet import drafts
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.rights import RIGHTS, Right
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.rollouts import (
    NewRolloutOrder,
    RolloutDetailsView,
    RolloutPhoneView,
    RolloutRetriedView,
    RolloutSiteView,
    RolloutView,
)
from ringfence.hub.publishing import rollouts
from ringfence.hub.publishing.rollouts import NewRollout, RolloutProgress
from ringfence.hub.store.rollout_models import RolloutPhoneRow, RolloutRow
from ringfence.phones.mac import Mac

router = APIRouter(tags=["rollouts"])
_MINUTE_S = 60.0


@router.get("/rollouts")
def list_rollouts(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[RolloutView]:
    """List the rollouts, the newest first."""
    with hub.database.reading() as session:
        return Items.of(rollouts.find(session, page).each(_view))


@router.post("/rollouts", status_code=201)
def begin_rollout(body: NewRolloutOrder, hub: TheHub, caller: TheCaller) -> RolloutDetailsView:
    """Begin to publish what is due, wave after wave; sites of later waves are held until then."""
    if Right.OWN not in RIGHTS[caller.role]:
        with hub.database.reading() as session:
            drafts.check_may_go_without(session)
    new = NewRollout(
        body.name, body.sites, tuple(body.waves), body.gate_minutes * _MINUTE_S, body.most_failed_percent, body.hours,
        body.time_zone, body.when_idle,
    )  # fmt: skip
    return _details(rollouts.create(hub, caller.name, new), ())


@router.get("/rollouts/{rollout}")
def show_rollout(rollout: str, hub: TheHub, _caller: TheCaller) -> RolloutDetailsView:
    """Show how far a rollout is, and what went wrong."""
    with hub.database.reading() as session:
        return _details(rollouts.progress(session, rollout), rollouts.phones_that_failed(session, rollout))


@router.post("/rollouts/{rollout}/pause")
def pause_rollout(rollout: str, hub: TheHub, caller: TheCaller) -> RolloutView:
    """Pause a rollout: no further site is published."""
    with hub.change(caller.name) as change:
        return _view(rollouts.pause(change, rollout))


@router.post("/rollouts/{rollout}/resume")
def resume_rollout(rollout: str, hub: TheHub, caller: TheCaller) -> RolloutView:
    """Go on with a rollout; a wave that went wrong counts as accepted."""
    with hub.change(caller.name) as change:
        return _view(rollouts.resume(change, rollout))


@router.post("/rollouts/{rollout}/retry")
def retry_rollout(rollout: str, hub: TheHub, caller: TheCaller) -> RolloutRetriedView:
    """Wait once more for the phones that failed, and go on; the hub tells them in portions, and none in a call."""
    with hub.change(caller.name) as change:
        again = rollouts.retry(change, rollout)
        view = _view(rollouts.get(change.session, rollout))
    return RolloutRetriedView(rollout=view, phones=len(again))


@router.post("/rollouts/{rollout}/cancel")
def cancel_rollout(rollout: str, hub: TheHub, caller: TheCaller) -> RolloutView:
    """End a rollout: what is published stays, and sites of later waves are held no more."""
    with hub.change(caller.name) as change:
        return _view(rollouts.cancel(change, rollout))


def _view(row: RolloutRow) -> RolloutView:
    return RolloutView(
        id=row.id, name=row.name, who=row.who, created_at=row.created_at, changed_at=row.changed_at, state=row.state,
        why=row.why, wave=row.wave, waves=row.waves,
    )  # fmt: skip


def _details(found: RolloutProgress, failed: Sequence[RolloutPhoneRow]) -> RolloutDetailsView:
    row = found.rollout
    return RolloutDetailsView(
        **_view(row).model_dump(),
        gate_minutes=round(row.gate_s / _MINUTE_S),
        most_failed_percent=row.most_failed_percent,
        hours=row.hours,
        time_zone=row.time_zone,
        when_idle=row.when_idle,
        phones=found.phones,
        sites=[
            RolloutSiteView(
                site=each.site_id, wave=each.wave, state=each.state, release=each.release, problem=each.problem
            )
            for each in found.sites
        ],
        failed=[RolloutPhoneView(mac=str(Mac(each.mac)), site=each.site_id, problem=each.problem) for each in failed],
    )
