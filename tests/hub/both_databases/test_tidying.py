"""What is over is removed after a while, in portions; what is open, and what is told of either, stays."""

import pytest
from sqlalchemy import func, select, update

from ringfence.hub.core import Hub
from ringfence.hub.fleet import activations, enrolment_tokens
from ringfence.hub.fleet.activations import PreparedPhone
from ringfence.hub.fleet.guard import alerts, windows
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.process import retention_job, tidying
from ringfence.hub.publishing import rollouts
from ringfence.hub.publishing.rollouts import NewRollout
from ringfence.hub.store.activation_models import ActivationLineRow, ActivationRow
from ringfence.hub.store.guard_models import GuardAlertRow, GuardWindowRow
from ringfence.hub.store.models import EnrolmentTokenRow
from ringfence.hub.store.rollout_models import RolloutPhoneRow, RolloutRow, RolloutSiteRow
from ringfence.secret import Secret
from support.hub_on_database import ANNA, verified

TABLES = (
    ActivationRow, ActivationLineRow, EnrolmentTokenRow, GuardWindowRow, GuardAlertRow, RolloutRow, RolloutSiteRow,
    RolloutPhoneRow,
)  # fmt: skip
DAY_S = 86_400.0


def counts(hub: Hub) -> list[int]:
    with hub.database.reading() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES]


def rollout_of(hub: Hub, phones: int) -> str:
    made = rollouts.create(hub, "test", NewRollout("Winter")).rollout.id
    with hub.change("test") as change:
        for number in range(phones):
            row = RolloutPhoneRow(rollout_id=made, mac=f"{number:012X}", site_id="anna", state="passed", problem="")
            change.session.add(row)
    return made


def everything(hub: Hub) -> tuple[str, int]:
    """One of each; return the rollout and the alert."""
    with hub.change("test") as change:
        lines = {1: LineParts(name="201", password=Secret("Secret-of-a-line-1"))}
        activations.create(change, hub.sealer, PreparedPhone(lines=lines))
        enrolment_tokens.create(change, "anna")
        windows.open_for(change, ANNA, 600)
        alert = alerts.raise_alert(change, "anna", alerts.BANNED, "192.0.2.1", "Banned.").id
    return rollout_of(hub, 5), alert


def test_what_is_over_is_removed_after_a_while_and_what_goes_on_stays(hub: Hub) -> None:
    now = hub.clock()
    rollout, alert = everything(hub)
    assert counts(hub) == [1, 1, 1, 1, 1, 1, 1, 5]
    hub.clock = lambda: now + 60 * DAY_S
    retention_job.forget(hub)
    assert counts(hub) == [1, 1, 1, 1, 1, 1, 1, 5]  # over, but not for long
    hub.clock = lambda: now + 100 * DAY_S
    retention_job.forget(hub)
    assert counts(hub) == [0, 0, 0, 0, 1, 1, 1, 5]  # an open alert and a rollout that is not at its end stay
    with hub.change("test") as change:
        rollouts.cancel(change, rollout)
        alerts.close(change, alert)
    hub.clock = lambda: now + 200 * DAY_S
    retention_job.forget(hub)
    assert counts(hub) == [0, 0, 0, 0, 1, 0, 0, 0]  # people look back at alerts for a year
    hub.clock = lambda: now + 470 * DAY_S
    retention_job.forget(hub)
    assert counts(hub) == [0] * len(TABLES)
    assert verified(hub).broken is None


def test_what_was_used_or_revoked_counts_from_then(hub: Hub) -> None:
    now = hub.clock()
    with hub.change("test") as change:
        first, _code = activations.create(change, hub.sealer, PreparedPhone())
        second, _code = activations.create(change, hub.sealer, PreparedPhone())
        token, _secret = enrolment_tokens.create(change, "anna")
        first.revoked_at, second.used_at, token.used_at = now, now + 5 * DAY_S, now + 0.5 * DAY_S
        change.session.flush()
    hub.clock = lambda: now + tidying.KEPT_FOR_S + 0.7 * DAY_S
    retention_job.forget(hub)
    assert (counts(hub)[0], counts(hub)[2]) == (1, 0)


def test_much_is_removed_in_portions(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "_DELETED_AT_ONCE", 3)
    rollout = rollout_of(hub, 7)
    other = hub.clock() + tidying.KEPT_FOR_S + DAY_S
    with hub.change("test") as change:
        rollouts.cancel(change, rollout)
    removed = list[int]()
    while not removed or removed[-1]:
        with hub.database.writing() as session:
            removed.append(tidying.forget(session, other))
    assert removed == [3, 3, 1, 1, 0]  # the phones, then their rollout


def test_a_clock_that_is_behind_removes_nothing(hub: Hub) -> None:
    everything(hub)
    with hub.change("test") as change:
        change.session.execute(update(GuardAlertRow).values(closed_at=change.now))
    before = counts(hub)
    with hub.database.writing() as session:
        assert tidying.forget(session, -1.0) == 0
    assert counts(hub) == before
