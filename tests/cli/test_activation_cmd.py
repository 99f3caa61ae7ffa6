"""``ringfence activation``."""

from ringfence.hub.fleet.guard import alerts
from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_a_phone_is_prepared_shown_and_adopted_by_its_code(
    ringfence: CommandLine, hub: RunningHub, site: str, new_mac: str
) -> None:
    what = ["--site", site, "--model", "9971", "--description", "By the door", "--line", "201=Anna", "--line", "202"]
    made = ringfence.ask("activation", "create", *what)
    assert made["id"] in ringfence("activation", "list", "--site", site)
    shown = ringfence("activation", "show", made["id"])
    assert "201 “Anna”" in shown
    assert made["code"] not in shown
    bare = new_mac.replace(":", "")
    with hub.hub.change("test") as change:
        alerts.raise_alert(change, site, alerts.UNKNOWN_PHONE, bare, "It asked.", model="9971")
    said = ringfence("activation", "use", bare[-6:], "--site", site, stdin=f"{made['code']}\n")
    assert f"Phone {new_mac} (9971) adopted at {site}." in said
    assert [line["name"] for line in ringfence.ask("line", "list", new_mac)] == ["201", "202"]
    (row,) = [each for each in ringfence.ask("activation", "list", "--all") if each["id"] == made["id"]]
    assert (row["state"], row["mac"]) == ("used", new_mac)
    assert "was used" in ringfence.refused(3, "activation", "use", bare, stdin=f"{made['code']}\n")
    assert "no activation code" in ringfence.refused(4, "activation", "show", "activation-0")


def test_a_code_is_printed_once_and_revoked(ringfence: CommandLine) -> None:
    said = ringfence("activation", "create")
    (row, *_older) = ringfence.ask("activation", "list")
    (code,) = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    assert code.endswith(row["ending"])
    ringfence("activation", "revoke", "--yes", row["id"])
    assert "was revoked" in ringfence.refused(3, "activation", "use", "9A10", stdin=f"{code}\n")
    assert "mistyped" in ringfence.refused(
        3, "activation", "use", "9A10", stdin=f"{code[:-1]}{'2' if code[-1] != '2' else '3'}\n"
    )
