"""``ringfence alert-channel``."""

import pytest

from support.command_line import CommandLine
from support.running_hub import RunningHub


@pytest.fixture(autouse=True)
def reaches_itself(hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What alerts go to is on this machine."""
    monkeypatch.setattr(hub.hub, "config", hub.hub.config.model_copy(update={"alert_networks": ("127.0.0.1/32",)}))


def test_a_channel_is_added_listed_tried_and_removed(ringfence: CommandLine) -> None:
    said = ringfence("alert-channel", "add", "noc", "--webhook", "http://127.0.0.1:9/hook", "--kind", "edge-away")
    assert "whsec_" in said
    try:
        listed = ringfence("alert-channel", "list")
        assert "edge-away" in listed
        assert "whsec_" not in str(ringfence.ask("alert-channel", "list"))
        assert "can't be reached" in ringfence.refused(7, "alert-channel", "test", "noc")
        ringfence.refused(5, "alert-channel", "add", "noc", "--webhook", "https://a.example.org")
    finally:
        ringfence("alert-channel", "remove", "--yes", "noc")
    assert ringfence.ask("alert-channel", "list") == []
    for command in (("test",), ("remove", "--yes")):
        ringfence.refused(4, "alert-channel", *command, "noc")


def test_mail_takes_its_password_from_a_pipe(ringfence: CommandLine) -> None:
    how = ["--mail", "noc@example.org", "--server", "smtps://mail.example.org", "--sender", "hub@example.org"]
    made = ringfence.ask("alert-channel", "add", "mail", *how, "--user", "hub", stdin="m4il\n")
    assert (made["recipients"], made["secret"]) == (["noc@example.org"], "")
    assert "m4il" not in str(ringfence.ask("alert-channel", "list"))
    ringfence("alert-channel", "remove", "--yes", "mail")


def test_a_push_takes_its_token_from_a_pipe(ringfence: CommandLine) -> None:
    how = ["--ntfy", "https://ntfy.example.org/on-call", "--token", "--quiet", "22:00-07:00"]
    made = ringfence.ask("alert-channel", "add", "telephone", *how, stdin="tk_s3cret\n")
    assert (made["kind"], made["secret"], made["quiet_hours"]) == ("ntfy", "", "22:00-07:00")
    assert "https://ntfy.example.org/on-call" in ringfence("alert-channel", "list")
    assert "s3cret" not in str(ringfence.ask("alert-channel", "list"))
    ringfence("alert-channel", "remove", "--yes", "telephone")


def test_what_is_inside_is_refused(ringfence: CommandLine) -> None:
    said = ringfence.refused(3, "alert-channel", "add", "x", "--webhook", "https://192.168.1.1/hook")
    assert "alert_networks" in said


def test_what_is_no_channel_is_refused(ringfence: CommandLine) -> None:
    said = ringfence.refused(3, "alert-channel", "add", "x", "--webhook", "https://a", "--kind", "edge-awai")
    assert "Similar: edge-away" in said
    ringfence.refused(3, "alert-channel", "add", "x", "--webhook", "http://a.example.org")
    assert ringfence.run("alert-channel", "add", "x").status == 2
    assert ringfence.run("alert-channel", "add", "x", "--webhook", "https://a", "--mail", "a@b.org").status == 2
