"""``ringfence login``."""

import ssl
import stat
import time
from pathlib import Path

import pytest

from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.hub_address import read_address
from ringfence.hub.data.authority import Authority, new_authority
from ringfence.identity.certificates import fingerprint, read_certificate, to_pem
from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_a_login_is_kept_for_its_owner_alone(stranger: CommandLine, hub: RunningHub) -> None:
    authority = str(hub.folder.authority_certificate)
    stranger("login", hub.people_url, "--ca", authority, stdin=hub.token.reveal() + "\n")
    kept = Path(stranger.variables["XDG_CONFIG_HOME"]) / "ringfence" / "login.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert isinstance(stranger.ask("site", "list"), list)


def test_a_login_that_does_not_succeed_is_not_kept(stranger: CommandLine, hub: RunningHub, tmp_path: Path) -> None:
    authority = str(hub.folder.authority_certificate)
    stranger.refused(6, "login", hub.people_url, "--ca", authority, stdin="rft_wrong\n")
    stranger.refused(7, "login", hub.people_url, stdin=hub.token.reveal() + "\n")  # no CA that the system knows
    stranger.refused(7, "login", "https://127.0.0.1:9", "--ca", authority, stdin="x\n")
    stranger.refused(3, "login", hub.people_url, "--ca", str(tmp_path / "nothing.pem"), stdin="x\n")
    (tmp_path / "empty.pem").write_text("none")
    stranger.refused(3, "login", hub.people_url, "--ca", str(tmp_path / "empty.pem"), stdin="x\n")
    assert not Path(stranger.variables["XDG_CONFIG_HOME"]).exists()


def test_who_never_logged_in_is_told_how(stranger: CommandLine) -> None:
    assert "ringfence login" in stranger.refused(3, "site", "list")


def test_a_kept_login_that_is_broken_is_told(stranger: CommandLine) -> None:
    kept = Path(stranger.variables["XDG_CONFIG_HOME"]) / "ringfence" / "login.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{")
    assert str(kept) in stranger.refused(3, "site", "list")


def test_a_fingerprint_stands_for_the_file(stranger: CommandLine, hub: RunningHub) -> None:
    pin = fingerprint(read_certificate(hub.folder.authority_certificate.read_text()))
    refused = stranger.refused(3, "login", hub.people_url, "--fingerprint", "0" * 64, stdin=hub.token.reveal() + "\n")
    assert "your token was not sent" in refused
    stranger.refused(3, "login", hub.people_url, "--fingerprint", "12", stdin="x\n")
    stranger("login", hub.people_url, "--fingerprint", pin.upper(), stdin=hub.token.reveal() + "\n")
    assert isinstance(stranger.ask("site", "list"), list)


@pytest.mark.parametrize("left_over_bytes", [0, 1, 2])  # of the certificate, in base64's groups of three: its padding
def test_a_fingerprint_stands_for_one_certificate_and_nothing_beside_it(
    stranger: CommandLine, hub: RunningHub, monkeypatch: pytest.MonkeyPatch, left_over_bytes: int
) -> None:
    """The server that answers shows the true hub's CA, which anybody may read, and its own behind it."""
    hubs = iter(lambda: new_authority("True hub", time.time()), None)
    true = next(each for each in hubs if len(ssl.PEM_cert_to_DER_cert(each.pem)) % 3 == left_over_bytes)
    monkeypatch.setattr(Authority, "pem", property(lambda own: to_pem(true.certificate) + to_pem(own.certificate)))
    ended = stranger.run("login", hub.people_url, "--fingerprint", true.fingerprint, stdin=hub.token.reveal() + "\n")
    assert ended.status in {3, 7}, ended
    assert not Path(stranger.variables["XDG_CONFIG_HOME"]).exists()


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("hub.example.org", "https://hub.example.org:8443"),
        ("hub.example.org:9000", "https://hub.example.org:9000"),
        ("https://hub.example.org/", "https://hub.example.org"),
        ("https://hub.example.org:8443", "https://hub.example.org:8443"),
        ("[2001:db8::1]", "https://[2001:db8::1]:8443"),
        ("hub.example.org:", "https://hub.example.org:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_an_address_is_read_as_it_is_meant(text: str, url: str) -> None:
    assert read_address(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "http://hub.example.org",
        "ftp://x",
        "",
        "https://",
        "http://10.0.0.1",
        "https://me@hub",
        "https://h:x",
        "a/b",
        "hub:0",
        "https://hub:0",
    ],
)
def test_an_address_that_would_send_a_token_in_clear_or_is_none_is_refused(stranger: CommandLine, text: str) -> None:
    with pytest.raises(BadArgument):
        read_address(text)
    stranger.refused(3, "login", text, stdin="rft_secret\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2001:db8::1", "[2001:db8::1]"),
        ("::1", "[::1]"),
        ("https://2001:db8::1", "brackets"),
        ("2001:db8::1:8443", "brackets"),
        ("hub:0", "port 0"),
    ],
)
def test_what_is_nearly_an_address_is_told(text: str, told: str) -> None:
    with pytest.raises(BadArgument) as refused:
        read_address(text)
    assert told in str(refused.value)
