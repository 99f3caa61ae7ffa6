"""What the agent keeps of root's rights, step by step, as /proc shows it; and whom it refuses to be."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ringfence.server.confinement import accounts
from ringfence.server.confinement.capabilities import Capability
from ringfence.server.confinement.steps import Account
from ringfence.server.errors import BadUser, FolderNotOwned
from support.readable_by_all import readable_by_all

USER = "daemon"  # of every Debian; nobody is the workers'
STEPS = """
import json, os, sys
from ringfence.edge.process import privileges
from ringfence.server.confinement import accounts
from ringfence.server.processes.handles import LauncherProcess
from ringfence.server.io.sockets import listen

def seen():
    lines = open("/proc/thread-self/status").read().splitlines()
    return {key: value.split() for key, _, value in (line.partition(":") for line in lines)}

user = sys.argv[1] or None
account = accounts.account_for(user)
launcher = LauncherProcess()
shown = {"before": seen()}
privileges.become(account)
shown["bound"] = listen("127.0.0.1", 69).getsockname()[1]
shown["binding"] = seen()
privileges.let_go()
shown["after"] = seen()
attempts = {"root again": lambda: os.setuid(0), "bind": lambda: listen("127.0.0.1", 70)}
for name, attempt in attempts.items():
    try:
        attempt()
        shown[name] = "reached"
    except Exception as fault:
        shown[name] = type(fault).__name__
launcher.prepare(10)
shown["launcher"] = launcher._child.pid
print(json.dumps(shown), flush=True)
sys.stdin.read()
launcher.close()
"""
SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
FOR_SOCKETS = {Capability.NET_BIND_SERVICE, Capability.NET_RAW, Capability.NET_ADMIN}


def account() -> Account:
    found = accounts.account_for(USER)
    assert found is not None
    return found


def capabilities_of(status: dict[str, list[str]], which: str) -> set[int]:
    mask = int(status[which][0], 16)
    return {number for number in range(64) if mask >> number & 1}


def status_of(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.split() for key, _, value in (line.partition(":") for line in lines)}


@pytest.mark.needs("root")
@pytest.mark.needs("netns")
def test_root_becomes_its_user_binds_port_69_and_keeps_nothing() -> None:
    name = f"rf-agent-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        with subprocess.Popen(
            ["ip", "netns", "exec", name, *readable_by_all(), sys.executable, "-c", STEPS, USER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            shown = json.loads(process.stdout.readline())
            launcher = status_of(shown["launcher"])
            process.communicate("")
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
    wanted = account()
    assert shown["before"]["Uid"] == ["0"] * 4
    assert shown["bound"] == 69
    for step in ("binding", "after"):
        assert shown[step]["Uid"] == [str(wanted.user)] * 4
        assert shown[step]["Gid"] == [str(wanted.group)] * 4
        assert "0" not in shown[step]["Groups"]
        assert shown[step]["NoNewPrivs"] == ["1"]
        assert capabilities_of(shown[step], "CapBnd") == set()
    assert capabilities_of(shown["binding"], "CapPrm") <= FOR_SOCKETS
    assert capabilities_of(shown["binding"], "CapEff") >= {Capability.NET_BIND_SERVICE}
    for which in SETS:
        assert capabilities_of(shown["after"], which) == set(), which
        assert capabilities_of(launcher, which) == set(), which
    assert (shown["root again"], shown["bind"]) == ("PermissionError", "ListenRefused")
    assert launcher["Uid"] == launcher["Gid"] == ["65534"] * 4
    assert launcher["NoNewPrivs"] == ["1"]


AS_A_SERVICE_MANAGER_DOES = """
import ctypes, os, sys
from ringfence.server.confinement import capabilities
from ringfence.server.confinement.capabilities import Capability
from ringfence.server.confinement.steps import TO_BE_NOBODY, confine
user = int(sys.argv[1])
capabilities.become(user, user, (), kept={*TO_BE_NOBODY, Capability.NET_BIND_SERVICE})
confined = confine()
print(confined.is_another, os.getresuid(), sorted(capabilities.held()))
"""


@pytest.mark.needs("root")
def test_workers_are_nobody_in_an_empty_root_also_where_a_service_manager_gave_only_the_rights_for_it() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", AS_A_SERVICE_MANAGER_DOES, str(account().user)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "True (65534, 65534, 65534) []\n"


FOR_BANS_ONLY = """
import subprocess, sys
from ringfence.edge.process import privileges
from ringfence.server.confinement import accounts
account = accounts.account_for(sys.argv[1])
privileges.become(account, bans=True)
privileges.let_go(bans=True)
print(open("/proc/self/status").read())
print("====", flush=True)
subprocess.run(["cat", "/proc/self/status"], check=True)
"""


@pytest.mark.needs("root")
@pytest.mark.needs("netns")
def test_where_the_firewall_bans_that_one_right_stays_and_its_program_gets_it() -> None:
    shown = subprocess.run(
        [*readable_by_all(), sys.executable, "-c", FOR_BANS_ONLY, USER], capture_output=True, text=True, check=True
    )
    for part in shown.stdout.split("===="):
        status = {key: value.split() for key, _, value in (line.partition(":") for line in part.splitlines())}
        assert status["Uid"] == [str(account().user)] * 4
        for which in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
            assert capabilities_of(status, which) == {Capability.NET_ADMIN}, which
        assert capabilities_of(status, "CapBnd") == set()


@pytest.mark.needs("root")
def test_a_folder_is_handed_over_whole_and_what_is_anothers_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "edge"
    (folder / "identity").mkdir(parents=True)
    (folder / "identity" / "key.pem").write_text("")
    (folder / "dangling").symlink_to("/nowhere")
    with pytest.raises(FolderNotOwned) as refused:
        accounts.require_owner(folder, account())
    assert f"chown -R {USER}: {folder}" in str(refused.value)
    accounts.hand_over(folder, account())
    accounts.require_owner(folder, account())
    (folder / "identity" / "key.pem.new").write_text("")
    with pytest.raises(FolderNotOwned) as refused:
        accounts.require_owner(folder, account())
    assert refused.value.where == str(folder / "identity" / "key.pem.new")


def test_a_folder_that_is_not_there_yet_is_nobodys_fault(tmp_path: Path) -> None:
    accounts.require_owner(tmp_path / "nowhere", Account("somebody", 12345, 12345))


@pytest.mark.parametrize(
    ("user", "why"),
    [("no-such-user", "there is no such user"), ("root", "neither root nor"), ("nobody", "neither root nor")],
)
def test_the_agents_user_is_one_of_its_own(user: str, why: str) -> None:
    with pytest.raises(BadUser, match=why):
        accounts.account_for(user)


def test_without_a_name_everybody_stays_who_they_are() -> None:
    assert accounts.account_for(None) is None
