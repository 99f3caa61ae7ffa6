"""``ringfence sip rotate``; a rotation to its end is in tests/whole."""

from cli.conftest import PhoneThere
from support.command_line import CommandLine


def test_secrets_change_with_a_pbx_only(ringfence: CommandLine, phone: PhoneThere) -> None:
    ringfence.refused(5, "sip", "rotate", phone.mac, "--no-wait")  # it has edits that were not published
    ringfence("publish", phone.site)
    ringfence.refused(4, "sip", "rotate", phone.mac, "--no-wait")
    ringfence.refused(4, "sip", "rotate", "nowhere", "--no-wait")
    assert ringfence.run("sip", "rotate", phone.mac, "--patience", "0").status == 2
    assert phone.mac not in {row["mac"] for row in ringfence.ask("sip", "rotations")}
    assert ringfence("sip", "rotations")
