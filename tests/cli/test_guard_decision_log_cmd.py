"""``ringfence guard log`` and ``explain``."""

from cli.conftest import PhoneThere
from support.command_line import CommandLine


def test_where_nothing_was_decided_nothing_is_told(ringfence: CommandLine, phone: PhoneThere) -> None:
    assert ringfence.ask("guard", "log", "--site", phone.site, "--phone", phone.mac, "--refused") == []
    assert ringfence.ask("guard", "log", "--site", phone.site, "--sort", "when") == []
    assert ringfence("guard", "log", "--site", phone.site)
    ringfence.refused(4, "guard", "explain", phone.mac)
    ringfence.refused(4, "guard", "log", "--site", "nowhere")
    ringfence.refused(3, "guard", "log", "--phone", "no-address")
