"""People and API tokens that are limited to sites and groups, at work: what they do, and what they try."""

import pytest

from support.running_hub import Answer, Json, RunningHub
from support.signing_in import person

MINE, THEIRS, GROUPED = "00:1B:54:C2:5C:01", "00:1B:54:C2:5C:02", "00:1B:54:C2:5C:03"

_numbers = iter(range(1000))


class Limited:
    """An operator's token, limited."""

    def __init__(self, hub: RunningHub, role: str = "operator", **limits: list[str]) -> None:
        self.hub = hub
        made = hub.do("POST", "/api-tokens", {"name": "limited", "role": role, "limited_to": limits})
        self.id, self.token = made["id"], made["token"]

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        return self.hub.ask(method, path, body, token=self.token)


@pytest.fixture
def sites(running: RunningHub) -> tuple[str, str]:
    """Two sites with a phone each; the second has one more, in a group."""
    number = next(_numbers)
    mine, theirs = running.site(f"Mine {number}"), running.site(f"Theirs {number}")
    for mac, site in ((MINE, mine), (THEIRS, theirs), (GROUPED, theirs)):
        if running.ask("POST", "/phones", {"mac": mac, "site": site, "model": "9971"}).status == 409:
            running.do("PATCH", f"/phones/{mac}", {"site": site, "group": ""})
        running.do("PUT", f"/phones/{mac}/lines/1", {"name": f"u{mac[-2:]}"})
    return mine, theirs


def a_group(running: RunningHub, name: str) -> str:
    group = str(running.do("POST", "/groups", {"name": name})["id"])
    running.do("PATCH", f"/phones/{GROUPED}", {"group": group})
    return group


def items(answer: Answer) -> list[Json]:
    return list(answer.json["items"])


def test_whoever_has_a_site_works_in_it_and_sees_no_other(running: RunningHub, sites: tuple[str, str]) -> None:
    mine, theirs = sites
    limited = Limited(running, sites=[mine])
    assert limited.ask("GET", "/whoami").json["limited_to"] == {"sites": [mine], "groups": []}
    assert [site["id"] for site in items(limited.ask("GET", "/sites"))] == [mine]
    assert [phone["mac"] for phone in items(limited.ask("GET", "/phones"))] == [MINE]
    assert limited.ask("PATCH", f"/phones/{MINE}", {"description": "desk"}).status == 200
    assert limited.ask("PUT", f"/settings/phones/{MINE}/ssh_user", {"value": "ben"}).status == 200
    assert limited.ask("PUT", f"/settings/sites/{mine}/ssh_user", {"value": "all"}).status == 200
    for method, path, body in (
        ("GET", f"/phones/{THEIRS}", None),
        ("PATCH", f"/phones/{THEIRS}", {"description": "x"}),
        ("PATCH", f"/phones/{MINE}", {"site": theirs}),
        ("PUT", f"/settings/phones/{THEIRS}/ssh_user", {"value": "x"}),
        ("PUT", f"/settings/sites/{theirs}/ssh_user", {"value": "x"}),
        ("POST", "/publish", {"sites": [theirs]}),
        ("POST", "/rollouts", {"name": "r", "sites": [theirs], "waves": ["100%"]}),
    ):
        answer = limited.ask(method, path, body)
        assert answer.status == 404, (method, path, answer.data)
        assert b"Theirs" not in answer.data


def test_what_is_the_whole_organisations_is_not_theirs_to_change(running: RunningHub, sites: tuple[str, str]) -> None:
    mine, _theirs = sites
    group = a_group(running, "Of all")
    limited = Limited(running, "administrator", sites=[mine])
    for method, path, body in (
        ("PUT", "/settings/organisation/ssh_user", {"value": "x"}),
        ("PUT", f"/settings/groups/{group}/ssh_user", {"value": "x"}),
        ("POST", "/groups", {"name": "New"}),
        ("POST", "/sites", {"name": "New"}),
        ("DELETE", f"/sites/{mine}", None),
        ("POST", "/guard/bans", {"address": "203.0.113.99", "why": "all sites"}),
        ("PUT", "/templates/generic/{mac}.cfg", {"source": "x"}),
        ("POST", "/api-tokens", {"name": "more", "role": "support"}),
        ("POST", "/people", {"name": "eve", "role": "support"}),
        ("GET", "/audit", None),
        ("GET", "/people", None),
        ("GET", "/api-tokens", None),
        ("GET", "/alert-channels", None),
        ("POST", "/organisations", {"id": "new", "name": "New"}),
    ):
        assert limited.ask(method, path, body).status in {403, 409}, (method, path)
    assert limited.ask("DELETE", f"/sites/{mine}").json["kind"] in {"site-not-empty", "scope-exceeded"}
    assert group in {each["id"] for each in items(limited.ask("GET", "/groups"))}


def test_an_address_that_is_taken_elsewhere_is_refused_without_a_word_of_where(
    running: RunningHub, sites: tuple[str, str]
) -> None:
    mine, _theirs = sites
    limited = Limited(running, sites=[mine])
    refused = limited.ask("POST", "/phones", {"mac": THEIRS, "site": mine, "model": "9971"})
    assert (refused.status, refused.json["kind"], refused.json["where"]) == (409, "duplicate-mac", "")
    assert b"theirs" not in refused.data.lower()


def test_publishing_is_of_the_sites_that_they_have(running: RunningHub, sites: tuple[str, str]) -> None:
    mine, theirs = sites
    answer = Limited(running, sites=[mine]).ask("POST", "/publish", {"dry_run": False})
    assert answer.status == 200, answer.data
    done = answer.json
    assert [site["site"] for site in done["sites"]] == [mine]
    assert running.do("GET", f"/sites/{theirs}/releases")["items"] == []


def test_whoever_has_a_group_edits_its_phones_and_nothing_of_their_site(
    running: RunningHub, sites: tuple[str, str]
) -> None:
    mine, theirs = sites
    limited = Limited(running, groups=[a_group(running, "Reception of these")])
    assert [phone["mac"] for phone in items(limited.ask("GET", "/phones"))] == [GROUPED]
    assert [site["id"] for site in items(limited.ask("GET", "/sites"))] == [theirs]
    assert limited.ask("GET", f"/phones/{GROUPED}/status").status == 200
    assert limited.ask("PUT", f"/settings/phones/{GROUPED}/ssh_user", {"value": "x"}).status == 200
    for method, path, body, status in (
        ("PUT", f"/settings/sites/{theirs}/ssh_user", {"value": "x"}, 403),
        ("PATCH", f"/sites/{theirs}", {"name": "mine now"}, 403),
        ("POST", "/publish", {"sites": [theirs], "dry_run": False}, 403),
        ("PATCH", f"/phones/{GROUPED}", {"group": ""}, 403),
        ("PATCH", f"/phones/{GROUPED}", {"site": mine}, 404),
        ("POST", "/phones", {"mac": "00:1B:54:C2:5C:77", "site": theirs, "model": "9971"}, 403),
        ("POST", f"/sites/{theirs}/tokens", {}, 403),
        ("GET", f"/phones/{THEIRS}", None, 404),
    ):
        assert limited.ask(method, path, body).status == status, (method, path)
    assert limited.ask("POST", "/publish", {"dry_run": False}).json["sites"] == []


def test_what_is_removed_leaves_nothing_and_what_comes_after_it_is_not_in_it(
    running: RunningHub, sites: tuple[str, str]
) -> None:
    short = running.site("Short lived")
    group = running.do("POST", "/groups", {"name": "Brief"})["id"]
    limited = Limited(running, sites=[short], groups=[group])
    running.do("DELETE", f"/sites/{short}")
    running.do("DELETE", f"/groups/{group}")
    assert a_group(running, "Brief") == group
    for path in ("/sites", "/phones", "/edges", "/reports", "/guard/alerts"):
        assert items(limited.ask("GET", path)) == [], path
    assert limited.ask("GET", "/whoami").json["limited_to"]["groups"] == []
    assert sites


def test_a_line_that_is_also_elsewhere_keeps_its_secret(running: RunningHub, sites: tuple[str, str]) -> None:
    mine, theirs = sites
    for mac in (MINE, THEIRS):
        running.do("PUT", f"/phones/{mac}/lines/2", {"name": "shared", "password": "Secret-of-both-1"})
    running.do("PUT", "/settings/organisation/sip_server", {"value": "127.0.0.9"})
    pbx = {
        "name": "Of limits",
        "kind": "asterisk",
        "realm": "r",
        "url": "amis://127.0.0.9",
        "secret": "Secret-of-a-pbx-1",
    }
    running.do("POST", "/pbxes", pbx)
    running.publish(sites=[mine, theirs])
    refused = Limited(running, sites=[mine]).ask("POST", "/sip/rotations", {"phones": [MINE]})
    assert (refused.status, refused.json["kind"]) == (403, "scope-exceeded"), refused.data


def test_a_draft_is_ones_own_and_is_published_at_its_time_with_the_scope_of_then(
    running: RunningHub, sites: tuple[str, str]
) -> None:
    mine, theirs = sites
    shared = running.do("POST", "/drafts", {"name": "of the owner", "shared": True})["id"]
    limited = Limited(running, sites=[mine])
    assert items(limited.ask("GET", "/drafts")) == []
    assert limited.ask("GET", f"/drafts/{shared}").status == 404
    draft = limited.ask("POST", "/drafts", {"name": "mine", "shared": True}).json["id"]
    headers = {"Ringfence-Draft": draft}
    for mac, status in ((MINE, 200), (THEIRS, 404)):
        answer = running.ask("PATCH", f"/phones/{mac}", {"description": "d"}, token=limited.token, headers=headers)
        assert answer.status == status
    assert running.ask("PATCH", f"/phones/{THEIRS}", {"description": "by the owner"}, headers=headers).status == 200
    refused = limited.ask("POST", f"/drafts/{draft}/publish", {"despite_conflicts": True})
    assert refused.json["kind"] == "draft-broken", "what others have put into it is not theirs"
    assert running.do("GET", f"/phones/{THEIRS}")["description"] != "by the owner"
    assert theirs


def test_a_scope_that_can_not_be_is_refused(running: RunningHub, sites: tuple[str, str]) -> None:
    mine, _theirs = sites
    for body, kind in (
        ({"role": "owner", "limited_to": {"sites": [mine]}}, "bad-selection"),
        ({"role": "operator", "limited_to": {}}, "bad-selection"),
        ({"role": "operator", "limited_to": {"sites": ["nowhere"]}}, "unknown-site"),
        ({"role": "operator", "limited_to": {"groups": ["nobodys"]}}, "unknown-group"),
    ):
        for path in ("/api-tokens", "/people"):
            assert running.ask("POST", path, {"name": "x", **body}).json["kind"] == kind
    anna = person(running.hub, "anna@limits.example", "operator")
    put = running.do("PATCH", f"/people/{anna.id}", {"role": "operator", "limited_to": {"sites": [mine]}})
    assert put["limited_to"] == {"sites": [mine], "groups": []}
    assert running.ask("PATCH", f"/people/{anna.id}", {"role": "owner"}).json["kind"] == "bad-selection"
    assert running.do("PATCH", f"/people/{anna.id}", {"limited_to": None})["limited_to"] is None
