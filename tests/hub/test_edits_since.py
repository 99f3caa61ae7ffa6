"""What was edited since a release: what a roll-back takes away, and what comes back with the next publish."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.fleet import bulk, groups, lines, phones, settings, templates
from ringfence.hub.fleet.bulk import BulkLine, BulkPhone
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.phones import PhoneParts
from ringfence.hub.fleet.settings import ORGANISATION, SettingPlace
from ringfence.hub.publishing import edits_since, publish, releases, site_files
from ringfence.hub.publishing.edits_since import EditsSince
from ringfence.hub.store.change import Change
from ringfence.hub.store.release_models import ReleaseRow
from ringfence.phones.rendering.resolve_settings import Scope
from ringfence.secret import Secret
from support.running_hub import RunningHub
from support.two_sites import ANNA, BEN, add_two_sites, relabel


@pytest.fixture
def fleet(idle: Hub) -> Hub:
    """Two sites with a phone each, published."""
    add_two_sites(idle)
    publish.publish(idle, "test")
    return idle


def since(hub: Hub, number: int, site: str = "anna") -> EditsSince:
    with hub.database.reading() as session:
        return edits_since.find(session, site, number)


def edit(hub: Hub, who: str, what: Callable[[Change], object]) -> None:
    with hub.change(who) as change:
        what(change)


def actions(found: EditsSince) -> list[tuple[str, str, bool]]:
    return [(each.who, each.action, each.is_published) for each in found.edits]


def test_edits_are_told_by_person_and_by_whether_phones_have_them(fleet: Hub) -> None:
    assert since(fleet, 1).count == 0
    edit(fleet, "carla", lambda change: lines.put(change, fleet.sealer, ANNA, 1, LineParts(label="Anna B.")))
    publish.publish(fleet, "test")
    edit(fleet, "dora", lambda change: settings.put(change, fleet.sealer, ORGANISATION, "sip_server", "b.example.org"))
    found = since(fleet, 1)
    assert actions(found) == [("dora", "setting.set", False), ("carla", "line.change", True)]
    assert (found.count, found.published, dict(found.kinds)) == (2, 1, {"setting": 1, "line": 1})
    assert [(each.who, each.edits) for each in found.editors] == [("dora", 1), ("carla", 1)]
    assert "b.example.org" in found.edits[0].detail
    assert actions(since(fleet, 2)) == [("dora", "setting.set", False)]
    assert actions(since(fleet, 1, "ben")) == [("dora", "setting.set", False)], "Anna's label is not Ben's"


def test_after_a_roll_back_all_edits_since_that_release_come_back(fleet: Hub) -> None:
    relabel(fleet, ANNA, "Worse")
    publish.publish(fleet, "test")
    relabel(fleet, ANNA, "Worse still")
    publish.rollback(fleet, "test", "anna", 1)
    found = since(fleet, 3)
    assert actions(found) == [("test", "line.change", False)] * 2, "phones have none of them now"
    relabel(fleet, ANNA, "Better")
    publish.resume(fleet, "test", "anna")
    publish.publish(fleet, "test")
    assert since(fleet, 4).count == 0
    assert since(fleet, 1).count == since(fleet, 3).count == 3


def test_an_edit_that_is_made_while_a_publish_is_at_work_is_not_in_it(
    fleet: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    relabel(fleet, ANNA, "Before")

    def meanwhile(*what: Any) -> object:  # noqa: ANN401 - whatever it takes
        relabel(fleet, ANNA, "Meanwhile")
        return site_files.render(*what)

    with monkeypatch.context() as patched:
        patched.setattr(publish, "render", meanwhile)
        publish.publish(fleet, "test", site_ids=["anna"])
    found = since(fleet, 2)
    assert [each.detail for each in found.edits] == ["201 “Meanwhile”"]
    assert since(fleet, 1).published == 1


def test_groups_imports_and_phones_that_left_count_for_the_sites_that_they_are_of(fleet: Hub) -> None:
    with fleet.change("test") as change:
        groups.create(change, "Sales")
        groups.create(change, "Others")
        change.session.flush()
        phones.change(change, ANNA, PhoneParts(group_id="sales"))
    relabel(fleet, ANNA, "Anna, sales")
    publish.publish(fleet, "test")
    for group in ("sales", "others"):
        place = SettingPlace(Scope.GROUP, group)
        with fleet.change("carla") as change:
            settings.put(change, fleet.sealer, place, "sip_server", "g.example.org")
    assert [each.subject for each in since(fleet, 2).edits] == ["group sales: sip_server"]
    line = BulkLine(1, LineParts(name="301"), {}, 1)
    imported = BulkPhone(str(BEN), "", "", "", "", {}, [line], 1)
    assert not bulk.take(fleet, "dora", [imported], site_settings={}, dry_run=False).refusals
    assert [each.action for each in since(fleet, 1, "ben").edits if each.who == "dora"] == ["line.change"]
    assert "line" not in since(fleet, 2).kinds
    edit(fleet, "dora", lambda change: phones.change(change, ANNA, PhoneParts(site_id="ben")))
    (moved,) = [each for each in since(fleet, 2).edits if each.kind == "phone"]
    assert (moved.action, moved.detail) == ("phone.move", ""), "where it went may be nobody's business"


def test_changed_passwords_are_a_kind_of_their_own_and_none_is_told(fleet: Hub) -> None:
    edit(
        fleet,
        "carla",
        lambda change: lines.put(change, fleet.sealer, ANNA, 1, LineParts(password=Secret("Known-Secret-1"))),
    )
    edit(fleet, "carla", lambda change: lines.reveal(change, fleet.sealer, ANNA, 1))
    found = since(fleet, 1)
    assert dict(found.kinds) == {edits_since.PASSWORD: 1, "line": 1}
    assert "Known-Secret-1" not in repr(found)


def test_what_is_looked_at_and_told_is_bounded(fleet: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        relabel(fleet, ANNA, f"Label {number}")
    monkeypatch.setattr(edits_since, "MOST_TOLD", 3)
    found = since(fleet, 1)
    assert (found.count, len(found.edits), found.is_all) == (7, 3, True)
    monkeypatch.setattr(edits_since, "MOST_LOOKED_AT", 5)
    found = since(fleet, 1)
    assert (found.count, found.is_all) == (5, False)


def test_a_release_of_an_earlier_version_goes_by_its_time(fleet: Hub) -> None:
    with fleet.change("test") as change:
        for release in change.session.scalars(select(ReleaseRow)):
            release.entries_through = None
    fleet.clock.ahead_s += 60  # type: ignore[attr-defined]  # the tests' clock
    relabel(fleet, ANNA, "Later")
    assert [each.action for each in since(fleet, 1).edits] == ["line.change"]
    with fleet.database.reading() as session:
        assert releases.entries_through(session, "anna", 1) is None


def test_a_template_is_everybodys_edit_and_unknown_releases_are_refused(fleet: Hub) -> None:
    edit(fleet, "carla", lambda change: templates.put(change, "generic", "{mac}.cfg", "x=1\n"))
    assert dict(since(fleet, 1).kinds) == dict(since(fleet, 1, "ben").kinds) == {"template": 1}
    for site, number in (("anna", 9), ("nowhere", 1)):
        with pytest.raises(RingfenceError):
            since(fleet, number, site)


def test_the_api_tells_the_same(running: RunningHub) -> None:
    site = running.site("Edited since")
    running.phone(site, "00:1B:54:C2:7A:01", label="One")
    running.publish(sites=[site])
    running.do("PUT", "/phones/00:1B:54:C2:7A:01/lines/1", {"label": "Two"})
    found = running.do("GET", f"/sites/{site}/releases/1/edits")
    assert (found["count"], found["published"], found["kinds"], found["is_all"]) == (1, 0, {"line": 1}, True)
    (told,) = found["edits"]
    assert (told["action"], told["is_published"]) == ("line.change", False)
