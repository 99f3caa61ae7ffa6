"""``ringfence pbx``."""

from support.command_line import CommandLine


def test_a_pbx_is_added_listed_tried_and_removed(ringfence: CommandLine) -> None:
    how = ["--kind", "asterisk", "--url", "ami://127.0.0.1:9", "--realm", "sip.example.org", "--user", "ringfence"]
    made = ringfence.ask("pbx", "add", "main", *how, "--sip-server", "pbx.example.org", "--secret", stdin="m4nager\n")
    assert (made["id"], made["sip_servers"]) == ("main", ["pbx.example.org"])
    try:
        assert "m4nager" not in str(ringfence.ask("pbx", "list"))
        assert "ami://127.0.0.1:9" in ringfence("pbx", "list")
        ringfence.refused(7, "pbx", "check", "main")
        ringfence.refused(5, "pbx", "add", "main", *how)
    finally:
        ringfence("pbx", "remove", "main")
    assert ringfence.ask("pbx", "list") == []
    for command in ("check", "remove"):
        ringfence.refused(4, "pbx", command, "main")


def test_what_is_no_pbx_is_refused(ringfence: CommandLine) -> None:
    ringfence.refused(3, "pbx", "add", "x", "--kind", "nothing", "--url", "ami://127.0.0.1:9", "--realm", "r")
    ringfence.refused(3, "pbx", "add", "x", "--kind", "asterisk", "--url", "ftp://127.0.0.1:9", "--realm", "r")
    assert ringfence.run("pbx", "add", "x", "--kind", "asterisk").status == 2
