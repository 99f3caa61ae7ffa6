"""The hub as other organisations have it, and as all of them do.

This is the only way from one organisation's hub to another's. Who finds out whose a request is goes it (callers of both
APIs), and who works for no request (background jobs, restoring, moving); handlers may not import this (import-linter).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, exists, select

from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.store.access_scope import AccessScope
from ringfence.hub.store.binding import EVERYWHERE
from ringfence.hub.store.organisation_models import OrganisationRow
from ringfence.hub.store.organisation_owned import OrganisationOwned

_log = logs.get("organisations")

INTERNAL = "an internal error; the hub's log says more"


def organisation(hub: Hub, organisation_id: str, scope: AccessScope | None = None) -> Hub:
    """Return the hub as an organisation has it, or as somebody of it has it who is limited to a scope."""
    return replace(hub, database=hub.database.of(organisation_id, scope), sealer=hub.sealer.of(organisation_id))


def everywhere(hub: Hub) -> Hub:
    """Return the hub with the rows of all organisations, which opens no secret of any but the first."""
    return replace(hub, database=hub.database.of(EVERYWHERE))


def each(hub: Hub) -> Iterator[Hub]:
    """Return the hub as each organisation has it."""
    yield from _chosen(hub)


def having(hub: Hub, table: type[OrganisationOwned], *conditions: ColumnElement[bool]) -> Iterator[Hub]:
    """Return the hub as each organisation has it that has such a row; one query for all."""
    yield from _chosen(hub, exists().where(table.organisation_id == OrganisationRow.id, *conditions))


def in_turn(hubs: Iterator[Hub], work: Callable[[Hub], object]) -> Sequence[str]:
    """Do something for each; what fails for one is logged and stops no other. Return what failed for whom."""
    problems = []
    for hub in hubs:
        try:
            work(hub)
        except RingfenceError as fault:
            _log.error("failed and will be tried again", organisation=hub.organisation_id, problem=str(fault))
            problems.append(f"{hub.organisation_id}: {fault}")
        except Exception:  # noqa: BLE001 - the others go on; the log has the trace
            _log.exception("internal error, will be tried again", organisation=hub.organisation_id)
            problems.append(f"{hub.organisation_id}: {INTERNAL}")
    return problems


def _chosen(hub: Hub, *conditions: ColumnElement[bool]) -> Iterator[Hub]:
    chosen = select(OrganisationRow.id).where(OrganisationRow.removed_at.is_(None), *conditions)
    with hub.database.of(EVERYWHERE).reading() as session:
        found = session.scalars(chosen.order_by(OrganisationRow.id)).all()
    for organisation_id in found:
        yield organisation(hub, organisation_id)
