"""A hub that root starts becomes another user, and works in that user's folder."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process.init import init
from ringfence.hub.process.run import run
from ringfence.server.confinement import accounts
from ringfence.server.confinement.steps import Account
from ringfence.server.errors import BadUser, FolderNotOwned
from stack import wait_for
from support.command_line import CommandLine
from support.readable_by_all import readable_by_all

USER = "daemon"


@pytest.fixture
def for_all() -> Iterator[Path]:
    """A folder that everybody may pass; pytest's own are root's alone."""
    with tempfile.TemporaryDirectory(prefix="ringfence-hub-user-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def account() -> Account:
    found = accounts.account_for(USER)
    assert found is not None
    return found


def new_hub(folder: Path) -> tuple[DataFolder, str]:
    token = init(folder, make_config(name="Hub", address="127.0.0.1", listen="127.0.0.1", people_port=0, device_port=0))
    return DataFolder(folder), token.reveal()


@pytest.mark.needs("root")
@pytest.mark.needs("netns")
@pytest.mark.slow
def test_it_keeps_no_right_and_publishes_own_templates_twice(tmp_path: Path, for_all: Path) -> None:
    folder, token = new_hub(for_all / "hub")
    accounts.hand_over(folder.path, account())
    template = tmp_path / "own.j2"
    template.write_text("user={{ lines[0].auth_name }}\n")
    run_file = folder.path / "run.json"
    for turn in ("first", "again"):
        command = [sys.executable, "-m", "ringfence.cli.main", "hub", "run", str(folder.path), "--user", USER]
        with subprocess.Popen(
            [*readable_by_all(), *command], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as hub:
            try:
                wait_for("the hub", run_file.exists, 60)
                facts = json.loads(run_file.read_text())
                status = Path(f"/proc/{facts['pid']}/status").read_text().splitlines()
                shown = {key: value.split() for key, _, value in (line.partition(":") for line in status)}
                assert shown["Uid"] == [str(account().user)] * 4
                assert shown["NoNewPrivs"] == ["1"]
                assert all(int(shown[which][0], 16) == 0 for which in ("CapPrm", "CapEff", "CapBnd", "CapAmb"))
                ask = CommandLine(
                    {"RINGFENCE_HUB": facts["people"], "RINGFENCE_TOKEN": token,
                     "RINGFENCE_CA": str(folder.authority_certificate)}
                )  # fmt: skip
                if turn == "first":
                    ask("site", "add", "office")
                    ask("set", "site", "office", "sip_server=192.0.2.10")
                    ask("phone", "add", "00:11:22:33:44:55", "--site", "office", "--model", "generic")
                    ask("line", "set", "00:11:22:33:44:55", "1", "--name", "201")
                else:
                    template.write_text("login={{ lines[0].auth_name }}\n")
                ask("template", "put", "generic", "{mac}.cfg", str(template))
                (site,) = ask.ask("publish", "office")["sites"]
                assert site["release"] is not None
            finally:
                os.kill(json.loads(run_file.read_text())["pid"] if run_file.exists() else hub.pid, signal.SIGTERM)
        assert {path.lstat().st_uid for path in (folder.path, *folder.path.rglob("*"))} == {account().user}


def test_whom_it_can_not_be_and_whose_folder_it_can_not_use_is_said(tmp_path: Path) -> None:
    folder, _token = new_hub(tmp_path / "hub")
    with pytest.raises(BadUser, match="no such user"):
        run(folder, user="no-such-user")
    with pytest.raises(BadUser, match="neither root nor nobody"):
        run(folder, user="root")
    if os.geteuid() == 0:
        with pytest.raises(FolderNotOwned, match="does not belong to daemon"):
            run(folder, user=USER)
