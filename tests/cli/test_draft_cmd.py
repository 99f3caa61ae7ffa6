"""``ringfence draft``: what edits would do, before they are made."""

from collections.abc import Iterator

import pytest

from support.command_line import CommandLine
from support.running_hub import RunningHub


@pytest.fixture
def draft(ringfence: CommandLine) -> Iterator[str]:
    made = ringfence.ask("draft", "create", "New server")["id"]
    yield made
    ringfence.run("draft", "discard", made, "--yes")


def test_edits_are_made_in_a_draft_looked_at_and_published(ringfence: CommandLine, site: str, draft: str) -> None:
    mac = "00:1B:54:C2:DE:01"
    ringfence("--draft", draft, "phone", "add", mac, "--site", site, "--model", "9971")
    ringfence("--draft", draft, "line", "set", mac, "1", "--name", "201")
    ringfence("--draft", draft, "set", "site", site, "sip_server=192.0.2.20")
    assert mac in ringfence("--draft", draft, "phone", "list", "--site", site)
    assert mac not in ringfence("phone", "list", "--site", site)
    shown = ringfence("draft", "show", draft)
    assert f"PUT /settings/sites/{site}/sip_server" in shown
    said = ringfence("draft", "preview", draft, "--diff")
    assert f"Site {site} would get a new release (before: none)" in said
    assert "192.0.2.20" in said
    assert ringfence.ask("draft", "preview", draft)["sites"] == [site]
    assert f"Site {site} now has release 1" in ringfence("draft", "publish", draft, "--comment", "as planned")
    assert ringfence.ask("draft", "list") == []
    ringfence("phone", "remove", mac, "--yes")


def test_a_conflict_is_told_and_can_be_dropped_or_written_over(ringfence: CommandLine, site: str, draft: str) -> None:
    ringfence("--draft", draft, "set", "site", site, "sip_port=5070")
    ringfence("set", "site", site, "sip_port=5080")
    assert "Edit 1: somebody else has changed site setting" in ringfence("draft", "show", draft)
    told = ringfence.refused(5, "draft", "publish", draft)
    assert "somebody else changed site setting" in told
    assert "--despite-conflicts" in told
    ringfence("draft", "drop", draft, "1")
    assert "It has no edits yet." in ringfence("draft", "show", draft)
    assert "they change no file" in ringfence("draft", "publish", draft, "--despite-conflicts")


def test_a_draft_is_shared_approved_scheduled_and_discarded(ringfence: CommandLine, draft: str) -> None:
    assert "is shared now" in ringfence("draft", "share", draft)
    assert ringfence.ask("draft", "share", draft, "--own")["shared"] is False
    assert "can't approve it" in ringfence.refused(6, "draft", "approve", draft)
    assert ringfence.run("draft", "approve", draft, "--version", "-1").status == 2
    assert "will be published at" in ringfence("draft", "publish", draft, "--at", "2027-01-31T22:00")
    assert "is no time" in ringfence.refused(3, "draft", "publish", draft, "--at", "tomorrow")
    assert "Discard" not in ringfence("draft", "discard", draft, "--yes")
    assert "there is no draft" in ringfence.refused(4, "draft", "show", draft)


def test_an_approval_names_the_version_that_was_looked_at(ringfence: CommandLine, hub: RunningHub, site: str) -> None:
    author = hub.do("POST", "/api-tokens", {"name": "author", "role": "operator"})["token"]
    theirs = hub.ask("POST", "/drafts", {"name": "Theirs", "shared": True}, token=author).json["id"]
    edit = {"value": "5070"}
    headers = {"Ringfence-Draft": theirs}
    assert hub.ask("PUT", f"/settings/sites/{site}/sip_port", edit, token=author, headers=headers).status < 400
    assert "VERSION" in ringfence("draft", "show", theirs)
    assert "since you looked" in ringfence.refused(5, "draft", "approve", theirs, "--version", "0")
    seen = ringfence.ask("draft", "show", theirs)["version"]
    assert f"Draft {theirs} approved." in ringfence("draft", "approve", theirs, "--version", str(seen))
    ringfence("draft", "discard", theirs, "--yes")


def test_approval_is_shown_and_set(ringfence: CommandLine) -> None:
    assert "without approval" in ringfence("draft", "approval")
    assert "has to approve" in ringfence("draft", "approval", "--needed")
    assert ringfence.ask("draft", "approval", "--not-needed") == {"needed": False}


def test_what_is_no_part_of_drafts_says_so(ringfence: CommandLine, draft: str) -> None:
    told = ringfence.refused(3, "--draft", draft, "site", "add", "Elsewhere")
    assert "this can't be a part of a draft" in told
