"""What is over is kept for a while, for people to look back, and then removed; the audit log keeps what was done.

What still refuses something stays, such as bans: a clock that is a year ahead for an hour must let nobody in.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.orm import Session

from ringfence.hub.fleet import phone_web
from ringfence.hub.fleet.guard import alerts, edge_networks
from ringfence.hub.publishing.rollouts import CANCELLED, DONE
from ringfence.hub.store.activation_models import ActivationRow
from ringfence.hub.store.edge_job_models import EdgeJobRow
from ringfence.hub.store.guard_models import EdgeNetworkRow, GuardAlertRow, GuardNetworkRow, GuardWindowRow
from ringfence.hub.store.models import EdgeRow, EnrolmentTokenRow
from ringfence.hub.store.rollout_models import RolloutPhoneRow, RolloutRow

KEPT_FOR_S = 90 * 86_400
"""How long codes, tokens, windows and rollouts are kept after their end; alerts are for ``alerts.KEPT_FOR_S``."""
JOBS_KEPT_FOR_S = 30 * 86_400
"""How long jobs are kept with what came of them; their captures go before, where there are too many."""
_DELETED_AT_ONCE = 2000
_ROLLOUTS_AT_ONCE = 10
"""The rows of their sites go with them; those of their phones have gone before."""


def forget(session: Session, now: float) -> int:
    """Remove a bounded number of rows that are over for long; return how many were removed.

    Called until it returns 0, each time in a transaction of its own, so that nobody waits long.
    """
    before = now - KEPT_FOR_S
    return (
        phone_web.forget_old(session, now)
        or sum(_remove(session, table, is_over, _DELETED_AT_ONCE) for table, is_over in _over(now).items())
        or _remove_phones(session, before)
        or _remove(session, RolloutRow, _has_ended(before), _ROLLOUTS_AT_ONCE)
        or _remove_networks_of_edges(session, now)
        or _remove_learnt_networks(session, before)
    )


def _over(now: float) -> Mapping[Any, ColumnElement[bool]]:  # Any: tables whose rows have an id
    """Return which rows of a table are over for long."""
    before = now - KEPT_FOR_S
    return {
        GuardAlertRow: GuardAlertRow.closed_at < now - alerts.KEPT_FOR_S,
        ActivationRow: func.coalesce(ActivationRow.used_at, ActivationRow.revoked_at, ActivationRow.ends_at) < before,
        EdgeJobRow: func.coalesce(EdgeJobRow.ended_at, EdgeJobRow.began_at, EdgeJobRow.until) < now - JOBS_KEPT_FOR_S,
        EnrolmentTokenRow: func.coalesce(EnrolmentTokenRow.used_at, EnrolmentTokenRow.expires_at) < before,
        GuardWindowRow: GuardWindowRow.until < before,
    }


def _remove_networks_of_edges(session: Session, now: float) -> int:
    """Remove networks that edges have left for so long that they would be new ones for them."""
    of = EdgeNetworkRow
    left = (of.last_at < now - edge_networks.REMEMBERED_S, EdgeRow.network != of.network)
    chosen = select(of.edge_id, of.network).join(EdgeRow, EdgeRow.id == of.edge_id).where(*left)
    found = session.execute(chosen.order_by(of.edge_id, of.network).limit(_DELETED_AT_ONCE)).all()
    for edge_id, network in found:
        session.execute(delete(of).where(of.edge_id == edge_id, of.network == network))
    return len(found)


def _remove_learnt_networks(session: Session, before: float) -> int:
    """Remove networks that were known to belong to sites until long ago."""
    of = GuardNetworkRow
    chosen = select(of.site_id, of.network).where(of.until < before)
    found = session.execute(chosen.order_by(of.site_id, of.network).limit(_DELETED_AT_ONCE)).all()
    for site_id, network in found:
        session.execute(delete(of).where(of.site_id == site_id, of.network == network))
    return len(found)


def _has_ended(before: float) -> ColumnElement[bool]:
    return RolloutRow.state.in_((DONE, CANCELLED)) & (RolloutRow.changed_at < before)


def _remove_phones(session: Session, before: float) -> int:
    """Remove phones of a rollout that has ended."""
    of_phones = exists().where(
        RolloutPhoneRow.organisation_id == RolloutRow.organisation_id, RolloutPhoneRow.rollout_id == RolloutRow.id
    )
    rollout_id = session.scalar(select(RolloutRow.id).where(_has_ended(before), of_phones).limit(1))
    of_rollout = select(RolloutPhoneRow.mac).where(RolloutPhoneRow.rollout_id == rollout_id)
    macs = session.scalars(of_rollout.order_by(RolloutPhoneRow.mac).limit(_DELETED_AT_ONCE)).all()
    if macs:
        chosen = delete(RolloutPhoneRow).where(RolloutPhoneRow.rollout_id == rollout_id, RolloutPhoneRow.mac.in_(macs))
        session.execute(chosen)
    return len(macs)


def _remove(session: Session, table: Any, is_over: ColumnElement[bool], most: int) -> int:  # noqa: ANN401 - see above
    ids = session.scalars(select(table.id).where(is_over).order_by(table.id).limit(most)).all()
    if ids:
        session.execute(delete(table).where(table.id.in_(ids)))
    return len(ids)
