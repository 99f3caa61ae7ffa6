"""``ringfence line``."""

from cli.conftest import PhoneThere
from support.command_line import CommandLine


def test_a_line_is_made_changed_and_removed(ringfence: CommandLine, phone: PhoneThere) -> None:
    made = ringfence.ask("line", "set", phone.mac, "2", "--name", "202", "--label", "Ben", "--auth-name", "ben")
    assert (made["index"], made["name"], made["auth_name"]) == (2, "202", "ben")
    ringfence("line", "set", phone.mac, "2", "--label", "Ben B.", "--display-name", "Ben Berg")
    row = ringfence.ask("line", "list", phone.mac)[1]
    assert (row["name"], row["label"], row["display_name"]) == ("202", "Ben B.", "Ben Berg")
    assert "Ben Berg" in ringfence("line", "list", phone.mac)
    ringfence("line", "remove", "--yes", phone.mac, "2")
    assert [row["index"] for row in ringfence.ask("line", "list", phone.mac)] == [1]


def test_a_password_is_generated_shown_and_changed(ringfence: CommandLine, phone: PhoneThere) -> None:
    first = ringfence("line", "password", phone.mac, "1").strip()
    assert len(first) == 24
    ringfence("line", "rotate", phone.mac, "1")
    assert ringfence.ask("line", "password", phone.mac, "1")["password"] not in {first, ""}
    assert first not in ringfence("line", "list", phone.mac)
    assert "reveal" in str(ringfence.ask("access", "audit", "--limit", "5"))


def test_what_no_line_can_be_is_refused(ringfence: CommandLine, phone: PhoneThere) -> None:
    assert ringfence.run("line", "set", phone.mac, "0").status == 2
    ringfence.refused(3, "line", "set", phone.mac, "3")  # a new line needs its user
    ringfence.refused(3, "line", "set", phone.mac, "99", "--name", "299")  # a 9971 has fewer keys
    for command in (("remove", "--yes"), ("password",), ("rotate",)):
        ringfence.refused(4, "line", *command, phone.mac, "5")
    ringfence.refused(4, "line", "list", "00:1B:54:FF:00:02")
