"""A phone behind its box, from power-on to a call: real hub, box, concentrator and their programs; in namespaces."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ringfence.edge.network.clearing import clear
from ringfence.edge.network.interfaces import TUNNEL
from ringfence.edge.network.tunnel.wireguard import WireGuard
from ringfence.server.confinement.accounts import account_for, hand_over
from stack import RINGFENCE
from support.box_network import (
    HOME_ROUTER,
    PHONE_MAC,
    PORT,
    UPLINK,
    BoxNetwork,
    in_namespace,
    ip,
    wait_until,
)
from support.namespaces import entered, own_tunnels
from support.readable_by_all import readable_by_all
from support.running_hub import RunningHub
from support.serving_hub import served_hub
from support.tunnel_network import passes

pytestmark = [
    *(pytest.mark.needs(part) for part in ("root", "netns", "nft", "dnsmasq", "busybox", "wireguard")),
    pytest.mark.slow,
]
USER, PBX, FAR_END = "daemon", "172.16.5.10", "rf-far-end"


class Home:
    """A home with a box and a phone; hub, concentrator and PBX are beyond its router."""

    def __init__(self, network: BoxNetwork, running: RunningHub, place: Path) -> None:
        self.network, self.running, self.place = network, running, place
        self.site = running.site("Anna")
        running.phone(self.site, PHONE_MAC)
        running.do("PATCH", f"/sites/{self.site}/network", {"box": True, "reach": [f"udp:5060@{PBX}/32"]})
        running.do("POST", "/publish", {})
        self.phone = ""

    def enrol(self) -> None:
        """Enrol the box, and the concentrator."""
        token = self.running.do("POST", f"/sites/{self.site}/tokens")["token"]
        self._run(self.network.box, "edge", "enrol", token, "--folder", self._edge)
        account = account_for(USER)
        assert account is not None
        hand_over(Path(self._edge), account)
        made = self.running.do("POST", "/concentrators", {"name": "Berlin", "networks": [f"{PBX}/32"]})
        self._run(self.network.home, "tunnel", "enrol", made["token"], "--folder", self._concentrator)

    @contextmanager
    def concentrator(self) -> Iterator[None]:
        command = ["--folder", self._concentrator, "--endpoint", f"{HOME_ROUTER}:51820", "--interface", FAR_END]
        with self._started(self.network.home, [*RINGFENCE, "tunnel", "run", *command]):
            yield

    @contextmanager
    def box(self) -> Iterator[None]:
        command = [
            *readable_by_all(), sys.executable, "-m", "ringfence.edge", "--folder", self._edge,
            "--listen", "0.0.0.0:69", "--user", USER, "--phone-port", PORT, "--uplink", UPLINK,
            "--run-folder", str(self.place / "run"), "--key-folder", str(self.place / "keys"),
        ]  # fmt: skip
        with self._started(self.network.box, command):
            yield

    def power_on(self) -> bool:
        """Have the phone ask for an address; return whether it got one."""
        told = self.network.ask_for_address(self.place, "150")
        self.phone, self.server = told.get("ip", ""), told.get("tftp", "")
        return bool(self.phone)

    def file(self) -> str:
        """The phone's configuration, as it fetches it from the server that DHCP named; empty if it gets none."""
        path = self.place / "fetched"
        path.unlink(missing_ok=True)
        name = f"SEP{PHONE_MAC}.cnf.xml"
        in_namespace(self.network.phone, "busybox", "tftp", "-g", "-r", name, "-l", str(path), self.server)
        return path.read_text() if path.exists() else ""

    def calls(self) -> bool:
        phone, pbx = (self.network.phone, self.phone), (self.network.home, PBX)
        return passes(phone, pbx, 5060) and passes(pbx, phone, 40000)

    @property
    def _edge(self) -> str:
        return str(self.place / "edge")

    @property
    def _concentrator(self) -> str:
        return str(self.place / "concentrator")

    def _run(self, namespace: str, *words: str) -> None:
        with entered(namespace):
            subprocess.run([*RINGFENCE, *words], check=True, capture_output=True)

    @contextmanager
    def _started(self, namespace: str, command: list[str]) -> Iterator[None]:
        with entered(namespace):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with process:
            assert process.stdout is not None
            try:
                assert process.stdout.readline()
                yield
            finally:
                process.terminate()
                process.wait(120)

    def clean(self) -> None:
        with entered(self.network.box):
            clear(self.place / "run")
        with entered(self.network.home):
            WireGuard(FAR_END).close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with ExitStack() as stack:
        stack.enter_context(own_tunnels())
        network = stack.enter_context(BoxNetwork())
        ip("-n", network.box, "link", "delete", TUNNEL)  # a real one comes in its place
        ip("-n", network.home, "address", "add", f"{PBX}/32", "dev", "lo")
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place.chmod(0o755)
        stack.enter_context(entered(network.home))
        running = stack.enter_context(served_hub(tmp_path / "hub", HOME_ROUTER))
        made = Home(network, running, place)
        stack.callback(made.clean)
        yield made


def test_a_phone_gets_address_and_file_from_its_box_and_calls_through_the_tunnel_until_that_is_revoked(
    home: Home,
) -> None:
    home.enrol()
    with home.concentrator(), home.box():
        wait_until(home.power_on, "no address")
        wait_until(lambda: "201" in home.file(), "no file")  # the box may be quicker with addresses than with releases
        wait_until(home.calls, "no call")
        (box,) = home.running.do("GET", "/boxes")["items"]
        assert box["site"] == home.site
        assert box["subnet"].rpartition(".")[0] == home.phone.rpartition(".")[0]
        home.running.do("PUT", f"/phones/{PHONE_MAC}/lines/1", {"name": "202", "label": "Ben"})
        home.running.do("POST", "/publish", {})
        wait_until(lambda: "202" in home.file(), "an edit does not arrive")
        began = time.monotonic()
        home.running.do("POST", f"/edges/{box['edge']}/revoke", {"wipe": False, "keeps_serving": False})
        phone, pbx = (home.network.phone, home.phone), (home.network.home, PBX)
        wait_until(lambda: not passes(phone, pbx, 5060), "a revoked box still calls")
        print(f"a revoked box calls no more after {time.monotonic() - began:.1f} s")  # noqa: T201 - for who looks
