"""Alerts about portable bundles that end, or whose files are old."""

from itertools import count

import pytest

from ringfence.hub.fleet import bundle_alerts, bundles
from ringfence.hub.process import background_jobs
from support.portable_home import new_identity
from support.running_hub import Json, RunningHub

RECIPIENT = new_identity()[1].recipient
DAY_S = 86_400.0
_numbers = count(0x001B54C2D401)


@pytest.fixture(autouse=True)
def _looking_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_jobs, "_in_turn", lambda *_work: ())


@pytest.fixture
def home(running: RunningHub) -> tuple[str, str]:
    mac = f"{next(_numbers):012X}"
    site = running.site(f"Home of {mac}")
    running.phone(site, mac)
    running.publish(sites=[site])
    return site, mac


def made(running: RunningHub, **body: object) -> Json:
    return running.do("POST", "/bundles", {"recipient": RECIPIENT, **body})


def told(running: RunningHub, site: str) -> list[str]:
    """Look, and return the sentences of the open alerts of a site."""
    bundle_alerts.look(running.hub)
    rows = running.do("GET", f"/guard/alerts?site={site}")["items"]
    return [row["sentence"] for row in rows if row["kind"] == "bundle-ends"]


def relabelled(running: RunningHub, site: str, mac: str) -> None:
    running.do("PUT", f"/phones/{mac}/lines/1", {"name": "201", "label": "Ben"})
    running.publish(sites=[site])


def test_the_end_is_told_a_week_before_and_a_newer_one_ends_that(running: RunningHub, home: tuple[str, str]) -> None:
    site, mac = home
    row = made(running, mac=mac, days=40, name="Anna")
    with running.clock.forward(32 * DAY_S):
        assert told(running, site) == []
    with running.clock.forward(34 * DAY_S):
        (sentence,) = told(running, site)
        assert f"({row['name']}) ends on " in sentence
        assert f"ringfence bundle renew {row['id']}" in sentence
        assert told(running, site) == [sentence], "it is one alert"
        assert running.ask("POST", f"/bundles/{row['id']}/file").status == 200
        assert running.do("GET", f"/guard/alerts?site={site}")["items"] == []
        assert told(running, site) == []


def test_a_short_one_is_told_of_in_its_last_quarter(running: RunningHub, home: tuple[str, str]) -> None:
    site, mac = home
    made(running, mac=mac, days=1)
    with running.clock.forward(0.7 * DAY_S):
        assert told(running, site) == []
    with running.clock.forward(0.8 * DAY_S):
        assert len(told(running, site)) == 1


def test_one_that_ended_long_ago_is_not_told_of(running: RunningHub, home: tuple[str, str]) -> None:
    site, mac = home
    made(running, mac=mac, days=10)
    with running.clock.forward(11 * DAY_S):
        (sentence,) = told(running, site)
        assert "has ended on" in sentence
    with running.clock.forward(25 * DAY_S):
        assert told(running, site) == []


def test_revoking_ends_it_and_another_line_stands_in(running: RunningHub, home: tuple[str, str]) -> None:
    site, mac = home
    first = made(running, mac=mac, days=10)
    with running.clock.forward(9 * DAY_S):
        assert len(told(running, site)) == 1
        second = made(running, mac=mac, days=10)
        assert told(running, site) == [], "the newer line is good for longer"
    with running.clock.forward(18 * DAY_S):
        (sentence,) = told(running, site)
        assert second["id"] in sentence
        running.do("POST", f"/bundles/{second['id']}/revoke")
        assert running.do("GET", f"/guard/alerts?site={site}")["items"] == []
        running.do("POST", f"/bundles/{first['id']}/revoke")
        assert told(running, site) == []


def test_a_removed_phone_ends_it(running: RunningHub, home: tuple[str, str]) -> None:
    site, mac = home
    made(running, mac=mac, days=10)
    with running.clock.forward(9 * DAY_S):
        assert len(told(running, site)) == 1
        running.do("DELETE", f"/phones/{mac}")
        assert told(running, site) == []


def test_old_files_are_told_of_after_a_week(running: RunningHub, home: tuple[str, str]) -> None:
    site, mac = home
    other = f"{next(_numbers):012X}"
    running.phone(site, other)
    running.publish(sites=[site])
    row = made(running, mac=mac, days=100)
    relabelled(running, site, other)
    with running.clock.forward(8 * DAY_S):
        assert told(running, site) == [], "no file of its phone has changed"
    relabelled(running, site, mac)
    with running.clock.forward(6 * DAY_S):
        assert told(running, site) == []
    with running.clock.forward(8 * DAY_S):
        (sentence,) = told(running, site)
        assert f"has release {row['release']}, and newer files of its phones were published" in sentence


def test_what_a_person_has_closed_stays_closed_until_the_next_number(
    running: RunningHub, home: tuple[str, str]
) -> None:
    site, mac = home
    row = made(running, mac=mac, days=40)
    with running.clock.forward(34 * DAY_S):
        assert len(told(running, site)) == 1
        (alert,) = running.do("GET", f"/guard/alerts?site={site}")["items"]
        running.do("POST", f"/guard/alerts/{alert['id']}/close")
        assert told(running, site) == []
        with running.hub.change("test") as change:
            assert bundles.renew(change, bundles.get(change.session, row["id"]), row["release"])
    with running.clock.forward(70 * DAY_S):
        assert len(told(running, site)) == 1
