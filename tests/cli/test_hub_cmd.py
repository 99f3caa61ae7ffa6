"""``ringfence hub``."""

import json
from pathlib import Path

import pytest

from stack import wait_for
from support.command_line import CommandLine
from support.running_hub import RunningHub


@pytest.mark.slow
def test_a_hub_is_made_run_and_logged_in_to(stranger: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    ports = ["--people-port", "0", "--device-port", "0"]
    said = stranger("hub", "init", str(folder), "--address", "127.0.0.1", "--name", "Test", *ports)
    token = next(word for word in said.split() if word.startswith("rft_"))
    with stranger.started("hub", "run", str(folder)):
        wait_for("the hub", (folder / "run.json").exists, 60)
        url = json.loads((folder / "run.json").read_text())["people"]
        stranger("login", url, "--ca", str(folder / "authority.pem"), stdin=token + "\n")
        assert stranger.ask("site", "list") == []
    stranger.refused(7, "site", "list")


def test_a_hub_is_made_once(stranger: CommandLine, hub: RunningHub, tmp_path: Path) -> None:
    stranger.refused(5, "hub", "init", str(hub.folder.path), "--address", "127.0.0.1")
    stranger.refused(3, "hub", "init", str(tmp_path / "new"), "--address", "not an address")
    assert stranger.run("hub", "init", str(tmp_path / "new")).status == 2


def test_what_is_no_hub_does_not_run(stranger: CommandLine, tmp_path: Path) -> None:
    stranger.refused(4, "hub", "run", str(tmp_path))
