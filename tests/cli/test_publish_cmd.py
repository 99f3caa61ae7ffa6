"""``ringfence publish``."""

import json
from pathlib import Path

import pytest
import urllib3

from cli.conftest import PhoneThere
from ringfence.hub.fleet import settings
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.phones.settings.types import Scope
from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_what_changes_is_shown_before_and_made_then(ringfence: CommandLine, phone: PhoneThere) -> None:
    summary = ringfence("publish", "--dry-run", phone.site)
    assert f"Site {phone.site} would get a new release (before: none): 1 file added, 1 phone; edited by" in summary
    assert "1 site would change (1 file, 1 phone), 0 unchanged" in summary
    assert phone.file not in summary
    assert f"added: {phone.file}" in ringfence("publish", "--dry-run", "--diff", phone.site)
    assert ringfence.ask("release", "list", phone.site) == []
    (made,) = ringfence.ask("publish", phone.site, "--comment", "First")["sites"]
    assert (made["site"], made["release"], made["files"][0]["name"]) == (phone.site, 1, phone.file)
    (release,) = ringfence.ask("release", "list", phone.site)
    assert (release["number"], release["comment"]) == (1, "First")
    assert ringfence.ask("publish", phone.site)["sites"] == []
    ringfence.refused(4, "publish", "nowhere")


def test_a_phone_without_a_line_is_named(ringfence: CommandLine, hub: RunningHub, site: str, new_mac: str) -> None:
    hub.do("POST", "/phones", {"mac": new_mac, "site": site, "model": "9971"})
    assert new_mac in ringfence.ask("publish", site)["without_line"]
    assert new_mac in ringfence("publish", site)


def test_what_can_not_be_rendered_is_left_out_and_named_and_the_rest_is_published(
    ringfence: CommandLine, hub: RunningHub, phone: PhoneThere, new_mac: str
) -> None:
    other = f"02{new_mac[2:]}"
    hub.phone(phone.site, other)
    with hub.hub.change("test") as change:  # by hand it would be refused
        place = SettingPlace(Scope.PHONE, phone.bare)
        settings.put(change, hub.hub.sealer, place, "media_port_first", "40000")
    ended = ringfence.run("publish", phone.site)
    assert ended.status == 3
    what = "media_port_first 40000 is above media_port_last 32766"
    assert f"phone {phone.mac} was left out and keeps the files that it has: {what}" in ended.err
    assert f"Left out: phone {phone.mac} of site {phone.site}: {what}" in ended.out
    (made,) = ringfence.ask("release", "list", phone.site)
    assert made["file_count"] == 1
    (left,) = json.loads(ringfence.run("publish", phone.site, "--json").out)["left_out"]
    assert (left["mac"], left["site"]) == (phone.mac, phone.site)
    refused = ringfence.refused(3, "set", "phone", phone.mac, "firmware_load=sip9971.9-9-8")
    assert "sip9971.9-9-8, which has not been imported" in refused
    ringfence("set", "phone", phone.mac, "--unset", "media_port_first")


def test_a_rolled_back_site_is_held_until_somebody_decides(ringfence: CommandLine, phone: PhoneThere) -> None:
    ringfence("publish", phone.site)
    ringfence("line", "set", phone.mac, "1", "--label", "Carla")
    ringfence("publish", phone.site)
    ringfence("release", "rollback", "--yes", phone.site, "1")
    assert f"Site {phone.site} is held at release 3 by administrator" in ringfence("publish", phone.site)
    assert "Held by administrator since" in ringfence("site", "show", phone.site)
    assert "Carla" in ringfence("publish", phone.site, "--dry-run", "--diff")
    ringfence("release", "resume", phone.site)
    assert f"Site {phone.site} now has release 4" in ringfence("publish", phone.site)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("publish",), "the hub was told what to do. It may still be at work"),
        (("import", "csv", "phones.csv"), "the hub was told what to do. It may still be at work"),
        (("site", "list"), "interrupted; nothing was changed"),
    ],
)
def test_ctrl_c_says_whether_the_hub_goes_on(
    ringfence: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    (tmp_path / "phones.csv").write_text("mac,label\n001B54CC0001,Anna\n")
    monkeypatch.chdir(tmp_path)

    def ctrl_c(*_request: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(urllib3.PoolManager, "request", ctrl_c)
    assert says in ringfence.refused(130, *words)


def test_a_hub_that_does_not_answer_in_time_may_still_be_at_work(
    ringfence: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(pool: urllib3.PoolManager, *_request: object, **_more: object) -> None:
        raise urllib3.exceptions.ReadTimeoutError(pool, "/", "late")  # type: ignore[arg-type]

    monkeypatch.setattr(urllib3.PoolManager, "request", late)
    assert "It may still be at work" in ringfence.refused(7, "publish")
