"""``ringfence group``."""

from cli.conftest import PhoneThere
from support.command_line import CommandLine


def test_a_group_holds_phones_and_goes_when_it_holds_none(ringfence: CommandLine, phone: PhoneThere) -> None:
    group = ringfence.ask("group", "add", "Reception")["id"]
    ringfence("phone", "change", phone.mac, "--group", group)
    (row,) = (row for row in ringfence.ask("group", "list") if row["id"] == group)
    assert row["phones"] == 1
    assert group in ringfence("group", "list")
    assert [row["mac"] for row in ringfence.ask("phone", "list", "--group", group)] == [phone.mac]
    ringfence.refused(5, "group", "remove", "--yes", group)
    ringfence("phone", "change", phone.mac, "--group", "")
    ringfence("group", "remove", "--yes", group)
    ringfence.refused(4, "group", "remove", "--yes", group)


def test_a_group_is_added_for_people_too(ringfence: CommandLine) -> None:
    assert "night-porters" in ringfence("group", "add", "Night porters")
    ringfence.refused(3, "group", "add", "")
