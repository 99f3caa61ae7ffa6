"""``ringfence guard ban``, ``unban`` and ``bans``."""

from support.command_line import CommandLine


def test_an_address_is_banned_and_let_in_again(ringfence: CommandLine, site: str) -> None:
    made = ringfence.ask("guard", "ban", "192.0.2.66", "--why", "guesses", "--for", "7d", "--site", site)
    assert (made["address"], made["site"]) == ("192.0.2.66", site)
    assert "192.0.2.66" in {row["address"] for row in ringfence.ask("guard", "bans")}
    assert "guesses" in ringfence("guard", "bans")
    ringfence("guard", "unban", "192.0.2.66")
    assert ringfence.ask("guard", "bans") == []
    ringfence.refused(4, "guard", "unban", "192.0.2.66")
    ringfence.refused(3, "guard", "ban", "everybody", "--why", "tired")
    ringfence.refused(3, "guard", "ban", "192.0.2.66", "--why", "x", "--for", "7w")
    assert ringfence.run("guard", "ban", "192.0.2.66").status == 2
