"""Drafts: edits that are tried, kept, looked at, approved and made together."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ringfence.hub.errors import PublishRunning
from ringfence.hub.fleet import drafts, people
from ringfence.hub.publishing import publish
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.people_models import PersonRow
from stack import wait_for
from support.running_hub import Answer, Json, RunningHub
from support.signing_in import person

MAC = "00:1B:54:C2:DD:01"


class Somebody:
    """A caller with a token of his own, who may work in a draft."""

    def __init__(self, running: RunningHub, name: str, role: str) -> None:
        made = running.do("POST", "/api-tokens", {"name": name, "role": role})
        self.running, self.id, self.token = running, made["id"], made["token"]

    def ask(self, method: str, path: str, body: Json | None = None, *, draft: str = "") -> Answer:
        headers = {"Ringfence-Draft": draft} if draft else {}
        return self.running.ask(method, path, body, token=self.token, headers=headers)

    def do(self, method: str, path: str, body: Json | None = None, *, draft: str = "") -> Json:
        answer = self.ask(method, path, body, draft=draft)
        assert answer.status < 400, (method, path, answer.data)
        return answer.json

    def refused(self, status: int, method: str, path: str, body: Json | None = None, *, draft: str = "") -> str:
        answer = self.ask(method, path, body, draft=draft)
        assert answer.status == status, (method, path, answer.status, answer.data)
        return f"{answer.json['what']} | {answer.json['to_do']}"


@pytest.fixture
def anna(running: RunningHub) -> Somebody:
    return Somebody(running, "Anna", "operator")


@pytest.fixture
def bert(running: RunningHub) -> Somebody:
    return Somebody(running, "Bert", "operator")


@pytest.fixture
def site(running: RunningHub) -> Iterator[str]:
    name = running.do("POST", "/sites", {"name": "Drafted"})["id"]
    running.do("POST", "/phones", {"mac": MAC, "site": name, "model": "9971"})
    running.do("PUT", f"/phones/{MAC}/lines/1", {"name": "201", "password": "Known-Secret-1"})
    running.do("PUT", f"/settings/sites/{name}/sip_server", {"value": "192.0.2.10"})
    running.publish(sites=[name])
    yield name
    for draft in running.do("GET", "/drafts")["items"]:
        running.do("DELETE", f"/drafts/{draft['id']}")
    running.do("PUT", "/drafts/approval", {"needed": False})
    running.do("DELETE", f"/phones/{MAC}")
    running.do("DELETE", f"/sites/{name}")


def draft_of(who: Somebody, *, shared: bool = False) -> str:
    return str(who.do("POST", "/drafts", {"name": "Plan", "shared": shared})["id"])


def test_edits_are_tried_and_made_only_when_the_draft_is_published(
    running: RunningHub, anna: Somebody, site: str
) -> None:
    draft = draft_of(anna)
    server = f"/settings/sites/{site}/sip_server"
    anna.do("PUT", server, {"value": "192.0.2.20"}, draft=draft)
    anna.do("PATCH", f"/phones/{MAC}", {"description": "Front desk"}, draft=draft)
    anna.do("PUT", f"/phones/{MAC}/lines/2", {"name": "202", "password": "Known-Secret-2"}, draft=draft)
    assert anna.do("GET", server, draft=draft)["value"] == "192.0.2.20"
    assert [line["name"] for line in anna.do("GET", f"/phones/{MAC}", draft=draft)["lines"]] == ["201", "202"]
    assert anna.do("GET", server)["value"] == "192.0.2.10"
    assert len(anna.do("GET", f"/phones/{MAC}")["lines"]) == 1
    seen = anna.do("GET", f"/drafts/{draft}/preview")
    assert seen["sites"] == [site]
    ((only,), changes) = seen["publication"]["sites"], seen["publication"]["sites"][0]["files"]
    assert (only["release"], only["phones"]) == (None, 1)
    assert "192.0.2.20" in changes[0]["diff"]
    assert "Known-Secret-2" not in json.dumps(seen)
    done = anna.do("POST", f"/drafts/{draft}/publish", {"comment": "as planned"})
    assert [each["site"] for each in done["publication"]["sites"]] == [site]
    assert anna.do("GET", server)["value"] == "192.0.2.20"
    assert anna.do("GET", "/drafts")["items"] == []
    rows = running.do("GET", "/audit?limit=50")["items"]
    assert {row["who"] for row in rows if row["action"] == "setting.set"} >= {"Anna"}
    assert "draft.publish" in {row["action"] for row in rows}


def test_what_can_not_be_done_is_no_edit(anna: Somebody, site: str) -> None:
    draft = draft_of(anna)
    assert "sip_port" in anna.refused(422, "PUT", f"/settings/sites/{site}/sip_port", {"value": "0"}, draft=draft)
    assert "there is no phone" in anna.refused(404, "DELETE", "/phones/00:1B:54:C2:DD:99", draft=draft)
    told = anna.refused(422, "POST", "/sites", {"name": "Elsewhere"}, draft=draft)
    assert told.startswith("this can't be a part of a draft")
    anna.refused(422, "POST", f"/phones/{MAC}/reload", {"action": "restart"}, draft=draft)
    anna.refused(404, "GET", "/phones", draft="draft-nothing")
    anna.refused(422, "PUT", f"/settings/phones/{MAC}/ssh_user%3Fx", {"value": "x"}, draft=draft)
    assert anna.do("GET", f"/drafts/{draft}")["list_of_edits"] == []


def test_who_changed_the_same_meanwhile_is_noticed_and_nothing_else_is(
    running: RunningHub, anna: Somebody, bert: Somebody, site: str
) -> None:
    draft = draft_of(anna)
    server, other = (f"/settings/sites/{site}/{name}" for name in ("sip_server", "sip_port"))
    anna.do("PUT", server, {"value": "192.0.2.20"}, draft=draft)
    anna.do("PATCH", f"/phones/{MAC}", {"description": "Front desk"}, draft=draft)
    bert.do("PUT", other, {"value": "5070"})
    bert.do("PATCH", f"/phones/{MAC}", {"model": "8945"})
    assert [edit["conflicts"] for edit in anna.do("GET", f"/drafts/{draft}")["list_of_edits"]] == [[], []]
    bert.do("PUT", server, {"value": "192.0.2.30"})
    told = anna.refused(409, "POST", f"/drafts/{draft}/publish", {})
    assert f"value of site setting {site}/sip_server (edit 1)" in told
    assert anna.do("GET", server)["value"] == "192.0.2.30"
    anna.do("POST", f"/drafts/{draft}/publish", {"despite_conflicts": True})
    assert anna.do("GET", server)["value"] == "192.0.2.20"
    assert running.do("GET", f"/phones/{MAC}")["description"] == "Front desk"


def test_an_edit_that_can_not_be_made_any_more_is_named_and_can_be_dropped(
    running: RunningHub, anna: Somebody, site: str
) -> None:
    draft, other = draft_of(anna), "00:1B:54:C2:DD:02"
    running.do("POST", "/phones", {"mac": other, "site": site, "model": "9971"})
    anna.do("PATCH", f"/phones/{other}", {"description": "x"}, draft=draft)
    anna.do("PATCH", f"/phones/{MAC}", {"description": "y"}, draft=draft)
    running.do("DELETE", f"/phones/{other}")
    told = anna.refused(409, "GET", f"/drafts/{draft}/preview")
    assert told.startswith("edit 1 of draft 'Plan' can't be made any more: there is no phone")
    anna.do("DELETE", f"/drafts/{draft}/edits/1")
    assert anna.do("GET", f"/drafts/{draft}/preview")["sites"] == [site]


def test_a_draft_is_ones_own_until_it_is_shared(running: RunningHub, anna: Somebody, bert: Somebody, site: str) -> None:
    draft = draft_of(anna)
    bert.refused(404, "GET", f"/drafts/{draft}")
    bert.refused(404, "PUT", f"/settings/sites/{site}/sip_port", {"value": "5070"}, draft=draft)
    assert bert.do("GET", "/drafts")["items"] == []
    anna.do("PATCH", f"/drafts/{draft}", {"shared": True})
    bert.do("PUT", f"/settings/sites/{site}/sip_port", {"value": "5070"}, draft=draft)
    assert [edit["who"] for edit in anna.do("GET", f"/drafts/{draft}")["list_of_edits"]] == ["Bert"]
    assert [each["id"] for each in running.do("GET", "/drafts")["items"]] == [draft]


def test_a_second_person_approves_what_is_published(
    running: RunningHub, anna: Somebody, bert: Somebody, site: str
) -> None:
    running.do("PUT", "/drafts/approval", {"needed": True})
    anna.refused(403, "PUT", "/drafts/approval", {"needed": False})
    draft = draft_of(anna, shared=True)
    anna.do("PUT", f"/settings/sites/{site}/sip_port", {"value": "5070"}, draft=draft)
    assert "not approved" in anna.refused(403, "POST", f"/drafts/{draft}/publish", {})
    assert "a second person has approved" in anna.refused(403, "POST", "/publish", {})
    assert "who edits a draft can't approve it" in anna.refused(403, "POST", f"/drafts/{draft}/approve", {})
    bert.do("POST", f"/drafts/{draft}/approve", {})
    anna.do("PUT", f"/settings/sites/{site}/sip_port", {"value": "5080"}, draft=draft)
    assert "not approved" in anna.refused(403, "POST", f"/drafts/{draft}/publish", {})
    bert.do("POST", f"/drafts/{draft}/approve", {})
    assert anna.do("POST", f"/drafts/{draft}/publish", {})["publication"]["sites"][0]["site"] == site
    anna.do("POST", "/publish", {"dry_run": True})


def test_what_is_edited_beside_an_approved_draft_is_not_published_with_it(
    running: RunningHub, anna: Somebody, bert: Somebody, site: str
) -> None:
    running.do("PUT", "/drafts/approval", {"needed": True})
    draft = draft_of(anna, shared=True)
    anna.do("PUT", f"/settings/sites/{site}/sip_port", {"value": "5070"}, draft=draft)
    bert.do("POST", f"/drafts/{draft}/approve")
    running.do("PUT", f"/settings/sites/{site}/sip_server", {"value": "192.0.2.66"})
    for order in ({}, {"when_idle": True}):
        told = anna.refused(403, "POST", f"/drafts/{draft}/publish", order)
        assert f"somebody edited outside of it what it publishes: {site}" in told
    assert "192.0.2.66" in json.dumps(bert.do("GET", f"/drafts/{draft}/preview")), "whoever approves sees all of it"
    bert.do("POST", f"/drafts/{draft}/approve")
    assert anna.do("POST", f"/drafts/{draft}/publish", {})["publication"]["sites"][0]["site"] == site


def test_nobody_but_owners_edits_outside_of_a_draft_where_approval_is_asked_for(
    running: RunningHub, anna: Somebody, bert: Somebody, site: str
) -> None:
    edit = ("PUT", f"/settings/sites/{site}/sip_server", {"value": "192.0.2.66"})
    phone = {"mac": "00:1B:54:C2:DD:02", "site": site, "model": "9971"}
    anna.do(*edit)
    running.do("PUT", "/drafts/approval", {"needed": True})
    for what in (
        ("PUT", f"/settings/sites/{site}/sip_server", {"value": "192.0.2.67"}),
        ("POST", "/phones", phone),
        ("POST", "/phones/bulk", {"phones": [phone]}),
        ("POST", "/phones/bulk", {"phones": [phone], "dry_run": True}),
        ("PUT", f"/phones/{MAC}/lines/1", {"label": "Anna"}),
        ("DELETE", f"/phones/{MAC}", None),
        ("POST", "/groups", {"name": "New"}),
    ):
        assert "ringfence --draft DRAFT" in anna.refused(403, *what)
    assert "Ask an owner" in anna.refused(403, "POST", "/phone-books", {"name": "Company"})
    anna.do("PUT", f"/phones/{MAC}/window", {})
    anna.do("POST", f"/phones/{MAC}/block")
    anna.do("DELETE", f"/phones/{MAC}/block")
    running.do(*edit)
    draft = draft_of(anna, shared=True)
    anna.do("POST", "/phones/bulk", {"phones": [phone]}, draft=draft)
    anna.do("DELETE", f"/phones/{phone['mac']}", draft=draft)
    anna.do("PUT", f"/phones/{MAC}/lines/1", {"label": "Anna"}, draft=draft)
    bert.do("POST", f"/drafts/{draft}/approve")
    assert anna.do("POST", f"/drafts/{draft}/publish", {})["publication"]["sites"][0]["site"] == site
    assert running.do("GET", f"/phones/{MAC}")["lines"][0]["label"] == "Anna"


def test_an_approval_is_of_what_was_looked_at(running: RunningHub, anna: Somebody, bert: Somebody, site: str) -> None:
    running.do("PUT", "/drafts/approval", {"needed": True})
    draft = draft_of(anna, shared=True)
    anna.do("PUT", f"/settings/sites/{site}/sip_port", {"value": "5070"}, draft=draft)
    seen = bert.do("GET", f"/drafts/{draft}")["version"]
    anna.do("PUT", f"/settings/sites/{site}/sip_port", {"value": "5099"}, draft=draft)
    told = bert.refused(409, "POST", f"/drafts/{draft}/approve", {"version": seen})
    assert "since you looked" in told
    assert bert.do("POST", f"/drafts/{draft}/approve", {"version": seen + 1})["approved_by"] == "Bert"


@pytest.mark.usefixtures("site")
def test_a_token_of_ones_own_is_no_second_person(running: RunningHub) -> None:
    running.do("PUT", "/drafts/approval", {"needed": True})
    carla = Somebody(running, "Carla", "administrator")
    draft = draft_of(carla, shared=True)
    carla.do("PATCH", f"/phones/{MAC}", {"description": "x"}, draft=draft)
    token = carla.token
    for name in ("hers", "hers by that one"):
        order = {"name": name, "role": "administrator"}
        token = running.ask("POST", "/api-tokens", order, token=token).json["token"]
        refused = running.ask("POST", f"/drafts/{draft}/approve", token=token)
        assert (refused.status, refused.json["what"]) == (403, "who edits a draft can't approve it")


def test_two_edits_at_the_same_moment_are_both_kept_or_refused(anna: Somebody, site: str) -> None:
    draft = draft_of(anna)

    def edit(number: int) -> int:
        body = {"value": f"192.0.2.{number}"}
        return anna.ask("PUT", f"/settings/sites/{site}/sip_server", body, draft=draft).status

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(edit, range(20, 28)))
    assert set(statuses) <= {200, 409}
    kept = anna.do("GET", f"/drafts/{draft}")["list_of_edits"]
    assert len(kept) == statuses.count(200) > 0


def test_a_row_that_the_draft_makes_itself_conflicts_with_nobody_elses(anna: Somebody, site: str) -> None:
    draft, new = draft_of(anna), "00:1B:54:C2:DD:03"
    anna.do("POST", "/phones", {"mac": new, "site": site, "model": "9971"}, draft=draft)
    anna.do("PATCH", f"/phones/{new}", {"description": "made and changed"}, draft=draft)
    anna.do("PUT", f"/settings/phones/{new}/phone_label", {"value": "Hall"}, draft=draft)
    assert [edit["conflicts"] for edit in anna.do("GET", f"/drafts/{draft}")["list_of_edits"]] == [[], [], []]
    anna.do("POST", "/phones", {"mac": new, "site": site, "model": "8945"})
    assert anna.do("GET", f"/drafts/{draft}")["list_of_edits"][0]["conflicts"] == ["phone 001B54C2DD03"]
    anna.do("DELETE", f"/phones/{new}")
    anna.do("POST", f"/drafts/{draft}/publish", {})
    assert anna.do("GET", f"/phones/{new}")["description"] == "made and changed"
    anna.do("DELETE", f"/phones/{new}")


@pytest.mark.slow
def test_a_draft_is_published_at_its_time_by_the_hub_itself(running: RunningHub, anna: Somebody, site: str) -> None:
    soon, never = draft_of(anna), draft_of(anna)
    for draft, value in ((soon, "5070"), (never, "5080")):
        anna.do("PUT", f"/settings/sites/{site}/sip_port", {"value": value}, draft=draft)
    at = running.clock() + 3600
    assert "in the future" in anna.refused(422, "POST", f"/drafts/{soon}/publish", {"at": 1.0})
    for draft in (soon, never):
        assert anna.do("POST", f"/drafts/{draft}/publish", {"at": at})["draft"]["publish_at"] == at
    with running.clock.forward(3601):
        wait_for("both", lambda: not any(each["publish_at"] for each in anna.do("GET", "/drafts")["items"]))
    (left,) = anna.do("GET", "/drafts")["items"]
    # Both write the same: whichever came second is told, and kept.
    assert "somebody else changed" in left["problem"]
    assert anna.do("GET", f"/settings/sites/{site}/sip_port")["value"] == (5070 if left["id"] == never else 5080)
    newest = anna.do("GET", f"/sites/{site}/releases")["items"][0]
    assert newest["number"] == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lose", "says"),
    [
        (people.disable, "whoever ordered it has no access any more"),
        (people.remove, "whoever ordered it has no access any more"),
        (lambda change, row: people.change_role(change, row, "read"), "the role read may not publish"),
    ],
    ids=["disabled", "removed", "with a lesser role"],
)
@pytest.mark.usefixtures("site")
def test_whoever_may_not_publish_when_the_time_has_come_publishes_nothing(
    running: RunningHub, lose: Callable[[Change, PersonRow], object], says: str
) -> None:
    row = person(running.hub, f"leaver-{new_id('x')}@example.org", "operator", password=None)
    with running.hub.change("test") as change:
        draft = drafts.create(change, "Tonight", row.id, is_shared=True)
        drafts.schedule(change, draft, change.now + 3600, row.id, "")
        draft_id = draft.id
    with running.hub.change("test") as change:
        lose(change, people.get(change.session, row.id, hubwide_too=False))
    with running.clock.forward(3601):
        wait_for("its time", lambda: running.do("GET", f"/drafts/{draft_id}")["publish_at"] is None)
    assert says in running.do("GET", f"/drafts/{draft_id}")["problem"]


@pytest.mark.slow
def test_a_draft_whose_edits_are_made_and_whose_sites_are_not_published_is_told(
    running: RunningHub, anna: Somebody, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_what: object, **_how: object) -> None:
        raise PublishRunning("another publish has just started")

    monkeypatch.setattr(publish, "publish", busy)
    draft = draft_of(anna)
    anna.do("PUT", f"/settings/sites/{site}/sip_port", {"value": "5090"}, draft=draft)
    anna.do("POST", f"/drafts/{draft}/publish", {"at": running.clock() + 3600})
    told = f"/audit?action=draft.not-published&object={draft}"
    with running.clock.forward(3601):
        wait_for("its time", lambda: running.do("GET", told)["items"])
    (entry,) = running.do("GET", told)["items"]
    assert "its sites are not published: another publish has just started" in entry["detail"]
    assert anna.do("GET", f"/settings/sites/{site}/sip_port")["value"] == 5090
