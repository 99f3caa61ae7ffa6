"""``ringfence login``."""

import stat
from pathlib import Path

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
