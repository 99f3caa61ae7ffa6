"""``ringfence publish``."""

from cli.conftest import PhoneThere
from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_what_changes_is_shown_before_and_made_then(ringfence: CommandLine, phone: PhoneThere) -> None:
    assert phone.file in ringfence("publish", "--dry-run", phone.site)
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


def test_what_can_not_be_rendered_is_refused_and_nothing_is_published(
    ringfence: CommandLine, phone: PhoneThere
) -> None:
    ringfence("set", "phone", phone.mac, "firmware_load=sip9971.9-9-9")
    assert "sip9971.9-9-9" in ringfence.refused(3, "publish", phone.site)
    assert ringfence.ask("release", "list", phone.site) == []
