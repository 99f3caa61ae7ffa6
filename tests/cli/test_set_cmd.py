"""``ringfence set``."""

from pathlib import Path

import pytest

from cli.conftest import PhoneThere
from support.command_line import CommandLine


@pytest.mark.parametrize("scope", ["site", "phone", "line", "group"])
def test_a_setting_is_set_and_taken_away(ringfence: CommandLine, phone: PhoneThere, scope: str) -> None:
    where = {
        "site": ["set", "site", phone.site],
        "phone": ["set", "phone", phone.mac],
        "line": ["set", "line", phone.mac, "1"],
        "group": ["set", "group", ringfence.ask("group", "add", f"Group of {phone.bare}")["id"]],
    }[scope]
    name, value = ("call_waiting", "no") if scope == "line" else ("time_zone", "Europe/Berlin")
    rows = ringfence.ask(*where, f"{name}={value}")
    assert [row["name"] for row in rows] == [name]
    assert name in ringfence(*where)
    assert ringfence.ask(*where, "--unset", name) == []
    ringfence.refused(3, *where, f"{name}=what is this?")
    ringfence.refused(4, *where, "no_such_setting=1")
    ringfence.refused(3, *where, "nothing")


def test_what_is_set_for_all_holds_for_each(ringfence: CommandLine, phone: PhoneThere) -> None:
    ringfence("set", "organisation", "time_zone=Europe/Paris")
    try:
        (row,) = ringfence.ask("phone", "explain", phone.mac, "time_zone")
        assert row["given"][-1]["value"] == "Europe/Paris"
        ringfence("set", "phone", phone.mac, "time_zone=Europe/Berlin")
        (row,) = ringfence.ask("phone", "explain", phone.mac, "time_zone")
        assert row["given"][-1]["value"] == "Europe/Berlin"
    finally:
        rest = ringfence.ask("set", "organisation", "--unset", "time_zone")
    assert "time_zone" not in {row["name"] for row in rest}


def test_a_value_comes_from_a_file(ringfence: CommandLine, phone: PhoneThere, tmp_path: Path) -> None:
    (tmp_path / "zone").write_text("Europe/Berlin")
    (row,) = ringfence.ask("set", "phone", phone.mac, f"time_zone=@{tmp_path / 'zone'}")
    assert row["value"] == "Europe/Berlin"
    ringfence.refused(3, "set", "phone", phone.mac, f"time_zone=@{tmp_path / 'nothing'}")


def test_what_is_not_there_has_no_settings(ringfence: CommandLine) -> None:
    ringfence.refused(4, "set", "site", "nowhere", "time_zone=Europe/Berlin")
    ringfence.refused(4, "set", "group", "nobodys", "time_zone=Europe/Berlin")
    ringfence.refused(4, "set", "phone", "00:1B:54:FF:00:03", "time_zone=Europe/Berlin")
