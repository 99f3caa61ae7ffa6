"""``ringfence-edge --phone-port`` as a service manager starts it: root at first, an unprivileged user afterwards."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Raw

from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.server.confinement.accounts import account_for, hand_over
from ringfence.wire import codec
from ringfence.wire.messages import SiteState, StatePart
from ringfence.wire.network_messages import NetworkRules
from support.box_network import BOX, PHONE_MAC, PORT, SUBNET, UPLINK, BoxNetwork, in_namespace, ip, wait_until
from support.enrolled_folder import save_enrolled
from support.readable_by_all import readable_by_all
from support.signed_repository import Repository
from support.unit_rights import with_rights_of

pytestmark = [
    *(pytest.mark.needs(part) for part in ("root", "netns", "nft", "dnsmasq", "busybox")),
    pytest.mark.slow,
]
USER = "daemon"
RULES = NetworkRules(4, subnet=SUBNET, phones=(PHONE_MAC,))


class BoxProcess:
    """An edge's process in the box's namespace, whose hub is away."""

    def __init__(self, network: BoxNetwork, folder: EdgeFolder, run_folder: Path) -> None:
        self._network, self.folder, self._run_folder = network, folder, run_folder

    @contextlib.contextmanager
    def running(self, *options: str) -> Iterator["subprocess.Popen[str]"]:
        """Start it; it is ended with the block."""
        command = [
            "ip", "netns", "exec", self._network.box, *readable_by_all(), *with_rights_of("box"), sys.executable,
            "-m", "ringfence.edge",
            "--folder", str(self.folder.path), "--listen", "0.0.0.0:69", "--http", "0.0.0.0:6970", "--user", USER,
            "--phone-port", PORT, "--uplink", UPLINK, "--run-folder", str(self._run_folder), *options,
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
            assert process.stdout is not None
            try:
                yield process
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()

    def status(self) -> str:
        """Return what ``ringfence edge status`` says."""
        command = [sys.executable, "-m", "ringfence.cli.main", "edge", "status", "--folder", str(self.folder.path)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.fixture
def box(run_folder: Path) -> Iterator[tuple[BoxNetwork, BoxProcess]]:
    with BoxNetwork() as network, tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = EdgeFolder(Path(place) / "edge", Disk())
        save_enrolled(folder, Repository())
        state = SiteState(1, {StatePart.NETWORK: Raw(codec.to_json(RULES))})
        folder.disk.replace(folder.state_file, codec.to_json(state))
        account = account_for(USER)
        assert account is not None
        hand_over(folder.path, account)
        yield network, BoxProcess(network, folder, run_folder)


def is_open(process: BoxProcess) -> bool:
    return f"The phone's port {PORT} has a link and is fenced, with the subnet {SUBNET}" in process.status()


def test_the_kept_rules_are_in_force_with_the_hub_away_and_the_agent_is_nobody_special(
    box: tuple[BoxNetwork, BoxProcess], run_folder: Path, tmp_path: Path
) -> None:
    network, process = box
    with process.running() as edge:
        wait_until(lambda: is_open(process), "the port is not opened")
        assert network.ask_for_address(tmp_path, "150", tries=30)["tftp"] == BOX
        agent = edge.pid
        lines = Path(f"/proc/{agent}/status").read_text().splitlines()
        status = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
        assert int(status["Uid"].split()[0]) != 0
        assert int(status["CapPrm"], 16) == 0
        assert (run_folder / "leases").stat().st_mode & 0o004, "the agent reads who has which address"
    assert edge.returncode == 0
    assert "policy drop" in network.fence()


def test_a_killed_agent_leaves_the_fence_and_the_next_one_goes_on(
    box: tuple[BoxNetwork, BoxProcess], tmp_path: Path
) -> None:
    network, process = box
    with process.running() as edge:
        wait_until(lambda: is_open(process), "the port is not opened")
        assert network.ask_for_address(tmp_path, tries=30)["router"] == BOX
        fence = network.fence().partition("chain")[2]
        os.kill(edge.pid, signal.SIGKILL)
    with process.running():
        assert network.fence().partition("chain")[2] == fence
        assert BOX in ip("-n", network.box, "address", "show", "dev", PORT)
        wait_until(lambda: is_open(process), "the port is not opened")
        assert f"{BOX}: seq=0" in in_namespace(network.phone, "busybox", "ping", "-c", "1", "-W", "60", BOX).stdout


def test_a_box_whose_interfaces_are_wrong_says_so_and_touches_nothing(box: tuple[BoxNetwork, BoxProcess]) -> None:
    network, process = box
    for options, status in ((["--phone-port", UPLINK], 3), (["--phone-port", "eth7"], 7), (["--open", "x"], 3)):
        with process.running(*options) as edge:
            assert edge.wait(60) == status
    assert network.fence() == ""
