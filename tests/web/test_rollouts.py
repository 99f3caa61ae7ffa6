"""Rollouts on pages."""

from collections.abc import Iterator

import pytest

from ringfence.hub.process import background_jobs
from ringfence.hub.publishing import rollout_gate
from support.paper import read, send
from support.phones_at_pbx import PhonesInHand
from support.running_hub import RunningHub


@pytest.fixture
def due(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Two sites with a phone each that are due."""
    monkeypatch.setattr(background_jobs, "_go_on_with_rollouts", lambda _hub: None)  # the test looks, and nobody else
    made = [running.site(f"Due {number}") for number in range(2)]
    for number, site in enumerate(made):
        running.phone(site, f"00:1B:54:C2:0F:{number:02X}")
    yield made
    running.clock.ahead_s = 0.0
    for number in range(2):
        running.do("DELETE", f"/phones/00:1B:54:C2:0F:{number:02X}")
    for each in running.do("GET", "/rollouts")["items"]:
        running.ask("POST", f"/rollouts/{each['id']}/cancel")
    for site in made:
        running.do("DELETE", f"/sites/{site}")


def _begin(running: RunningHub, **typed: str) -> str:
    form = {"name": "A <b>new</b> server", "waves": "1\nrest", "gate_minutes": "30", "most_failed": "0", **typed}
    answer = send(running, "/rollouts/-/new", form)
    assert answer.status == 303, answer.data
    return str(answer.headers["Location"]).partition("?")[0]


def test_a_rollout_is_begun_followed_paused_tried_again_and_ended(running: RunningHub, due: list[str]) -> None:
    here = _begin(running, sites=" ".join(due))
    begun = read(running, here)
    assert "A &lt;b&gt;new&lt;/b&gt; server" in begun
    assert "Wave 1 of 2." in begun
    rollout_gate.go_on(running.hub, PhonesInHand())
    assert f"{due[0]}</a> has release 1; its phones have until" in read(running, here)
    assert send(running, f"{here}/pause").status == 303
    assert "has paused it" in read(running, here)
    refused = send(running, f"{here}/pause")
    assert (refused.status, b"is paused" in refused.data) == (404, True)
    assert send(running, f"{here}/resume").status == 303
    running.clock.ahead_s += 31 * 60
    rollout_gate.go_on(running.hub, PhonesInHand())
    failed = read(running, here)
    assert "00:1B:54:C2:0F:00" in failed
    assert "In wave 1 1 of 1 phone failed" in failed
    assert send(running, f"{here}/retry").status == 303
    assert "Wave 1 of 2." in read(running, here)
    assert "1 site is held no more" in read(running, f"{here}/cancel")
    assert send(running, f"{here}/cancel").status == 303
    assert running.do("GET", f"/sites/{due[1]}")["held_since"] is None


def test_what_keeps_a_rollout_is_said(running: RunningHub, due: list[str]) -> None:
    hour = int(running.clock() // 3600)
    here = _begin(running, sites=due[0], hours=f"{(hour + 12) % 24:02}:00-{(hour + 13) % 24:02}:00")
    rollout_gate.go_on(running.hub, PhonesInHand())
    assert "It waits for its hours" in read(running, here)
    assert read(running, "/rollouts").count("A &lt;b&gt;new&lt;/b&gt; server") >= 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"waves": "1\nhalf"}, "is no wave"),
        ({"gate_minutes": "soon"}, "takes a number from 2 to 10080"),
        ({"most_failed": "101"}, "takes a number from 0 to 100"),
        ({"hours": "at night"}, "are no quiet hours"),
        ({"name": ""}, "name must have 1 to 80 characters"),
        ({"sites": "nowhere"}, "there is no site"),
    ],
)
def test_what_was_typed_stays_where_a_rollout_is_refused(
    running: RunningHub, due: list[str], typed: dict[str, str], said: str
) -> None:
    assert due
    form = {"name": "Kept name", "waves": "1", "gate_minutes": "30", "most_failed": "0", "sites": due[0], **typed}
    answer = send(running, "/rollouts/-/new", form)
    assert 400 <= answer.status < 500
    text = answer.data.decode()
    assert said.casefold() in text.casefold()
    assert all(value in text for value in form.values())
