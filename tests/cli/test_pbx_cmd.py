"""``ringfence pbx``."""

from pathlib import Path

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
        ringfence("pbx", "remove", "--yes", "main")
    assert ringfence.ask("pbx", "list") == []
    for command in (("check",), ("remove", "--yes")):
        ringfence.refused(4, "pbx", *command, "main")


def test_what_is_no_pbx_is_refused(ringfence: CommandLine) -> None:
    ringfence.refused(3, "pbx", "add", "x", "--kind", "nothing", "--url", "ami://127.0.0.1:9", "--realm", "r")
    ringfence.refused(3, "pbx", "add", "x", "--kind", "asterisk", "--url", "ftp://127.0.0.1:9", "--realm", "r")
    assert ringfence.run("pbx", "add", "x", "--kind", "asterisk").status == 2


def test_what_a_pbx_is_known_by_over_tls_is_given_as_a_file_or_a_fingerprint(
    ringfence: CommandLine, tmp_path: Path
) -> None:
    how = ["--kind", "asterisk", "--url", "amis://127.0.0.1:9", "--realm", "r"]
    assert ringfence.ask("pbx", "add", "pinned", *how, "--fingerprint", "0" * 64)["is_pinned"]
    ringfence("pbx", "remove", "--yes", "pinned")
    assert ringfence.run("pbx", "add", "x", *how, "--ca", str(tmp_path / "nothing.pem")).status == 2
    assert ringfence.run("pbx", "add", "x", *how, "--ca", str(tmp_path), "--fingerprint", "0" * 64).status == 2
    (tmp_path / "ca.pem").write_text("nothing")
    ringfence.refused(3, "pbx", "add", "x", *how, "--ca", str(tmp_path / "ca.pem"))


def test_where_a_link_may_not_go_is_said(ringfence: CommandLine) -> None:
    said = ringfence.refused(
        3, "pbx", "add", "x", "--kind", "asterisk", "--url", "ami://169.254.169.254", "--realm", "r"
    )
    assert "pbx_networks" in said


def test_clear_text_to_another_machine_must_be_allowed(ringfence: CommandLine) -> None:
    how = ["pbx", "add", "in the clear", "--kind", "asterisk", "--url", "ami://pbx.example.org", "--realm", "r"]
    assert "--allow-clear-text" in ringfence.refused(3, *how)
    assert "in clear text" in ringfence.ask(*how, "--allow-clear-text")["warning"]
    ringfence("pbx", "remove", "in-the-clear", "--yes")
