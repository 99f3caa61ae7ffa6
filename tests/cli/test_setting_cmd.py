"""``ringfence setting``."""

from support.command_line import CommandLine


def test_every_setting_is_listed_with_what_it_takes(ringfence: CommandLine) -> None:
    everything = ringfence.ask("setting", "list")
    some = ringfence.ask("setting", "list", "--family", "cisco-7940-7960")
    assert {row["name"] for row in some} < {row["name"] for row in everything}
    assert all(row["help"] and row["type"] and row["scopes"] for row in everything)
    assert "time_zone" in ringfence("setting", "list", "--family", "9971")
    ringfence.refused(4, "setting", "list", "--family", "nothing")
