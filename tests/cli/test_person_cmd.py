"""``ringfence person``."""

import pytest

from ringfence.hub.fleet import passwords
from ringfence.hub.store.models import ApiTokenRow
from support.browsing import PlainBrowser
from support.command_line import CommandLine
from support.running_hub import RunningHub
from support.signing_in import CHEAP


def test_somebody_is_invited_comes_in_and_is_removed(
    ringfence: CommandLine, hub: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "HASHER", CHEAP)
    name = "anna@cli.example"
    said = ringfence("person", "invite", name, "--role", "support", "--display-name", "Anna A.")
    link = next(word for word in said.split() if word.startswith("https://"))
    assert "invited" in ringfence("person", "list", "--filter", f"name={name}")
    browser = PlainBrowser(hub)
    words = "four words of anna's"
    path = link.removeprefix(hub.people_url)
    refused = browser.submit(path, password=words, again=words)
    assert b"holds your name" in refused.data
    words = "four words of hers"
    assert browser.follow(browser.submit(refused, password=words, again=words)).status == 200
    assert "password alone" in ringfence("person", "list", "--filter", f"name={name}")
    assert ringfence.ask("person", "set", name, "--role", "auditor", "--no-second-step")["role"] == "auditor"
    assert ringfence("person", "set", name, "--display-name", "A. A.") == f"{name} changed.\n"
    assert "can't sign in any more" in ringfence("person", "disable", name, "--yes")
    assert "can sign in again" in ringfence("person", "enable", name)
    assert ringfence.ask("person", "invite", name, "--again")["link"] != link
    assert ringfence("person", "remove", name, "--yes") == f"{name} removed.\n"
    ringfence.refused(4, "person", "remove", name, "--yes")


def test_tokens_that_outlive_who_made_them_are_named(ringfence: CommandLine, hub: RunningHub) -> None:
    name = "maker@example.org"
    made = ringfence.ask("person", "invite", name, "--role", "owner")
    first = hub.do("POST", "/api-tokens", {"name": "nightly export", "role": "read"})
    second = hub.do("POST", "/api-tokens", {"name": "of the export", "role": "read"})
    ended = hub.do("POST", "/api-tokens", {"name": "ended", "role": "read"})
    hub.do("DELETE", f"/api-tokens/{ended['id']}")
    with hub.hub.change("test") as change:
        for row, maker in ((first, made["id"]), (second, first["id"]), (ended, made["id"])):
            change.session.get_one(ApiTokenRow, row["id"]).created_by_id = maker
    page = hub.raw("GET", f"/people/{made['id']}/remove").data.decode()
    assert "nightly export" in page
    assert f"/api-tokens/{second['id']}/revoke" in page
    assert "nightly export" in hub.raw("GET", f"/people/{made['id']}").data.decode()
    said = ringfence("person", "disable", name, "--yes")
    assert "2 API tokens of theirs, for programs, work on" in said
    said = ringfence("person", "remove", name, "--yes")
    assert f"nightly export (read): ringfence access revoke {first['id']}" in said
    assert f"ringfence access revoke {second['id']}" in said
    assert ended["id"] not in said


def test_somebody_is_limited_to_sites_and_groups(ringfence: CommandLine, hub: RunningHub) -> None:
    site = hub.site("Of the limited")
    group = hub.do("POST", "/groups", {"name": "Of the limited"})["id"]
    ringfence("person", "invite", "ben", "--role", "support", "--site", site)
    assert site in ringfence("person", "list", "--filter", "name=ben")
    both = ringfence.ask("person", "set", "ben", "--site", site, "--group", group)
    assert both["limited_to"] == {"sites": [site], "groups": [group]}
    assert ringfence.ask("person", "set", "ben", "--whole-organisation")["limited_to"] is None
    ringfence.refused(4, "person", "set", "ben", "--site", "nowhere")
    assert ringfence.run("person", "set", "ben", "--site", site, "--whole-organisation").status == 2
    assert ringfence.run("person", "invite", "ben", "--again", "--group", group).status == 2


def test_what_can_not_be_is_refused(ringfence: CommandLine) -> None:
    ringfence.refused(3, "person", "invite", "two words")
    ringfence.refused(3, "person", "invite", "ben", "--role", "king")
    ringfence.refused(4, "person", "invite", "nobody", "--again")
    assert ringfence.run("person", "invite", "x", "--again", "--role", "owner").status == 2
    assert ringfence.run("person", "set", "x").status == 2
