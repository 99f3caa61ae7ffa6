"""A box at work: hub in memory, agent, worker, helper and dnsmasq as they are, and a phone behind the port."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from msgspec import Raw
from msgspec.structs import replace

from ringfence.edge.agent.agent import Agent
from ringfence.edge.agent.box import Box
from ringfence.edge.agent.box_page import open_listening
from ringfence.edge.errors import HelperGone, WifiRefused
from ringfence.edge.lan.observer import Hearing
from ringfence.edge.network.handle import NetworkHelper
from ringfence.edge.network.plan import PAGE
from ringfence.edge.phones.site_worker import OwnWorker
from ringfence.edge.reporting import status
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.secret import Secret
from ringfence.server.errors import FetchFailed
from ringfence.server.tftp.client import retrieve
from ringfence.sim.phone import VirtualPhone
from ringfence.wire import codec
from ringfence.wire.messages import Event, GuardNeed, GuardRules, StatePart
from ringfence.wire.network_messages import (
    AdmittedBy,
    BoxProblem,
    NetworkName,
    NetworkReach,
    NetworkRules,
    NetworkWifi,
    PortAccess,
)
from support.box_network import (
    BOX,
    HOME_BOX,
    PBX,
    PHONE_MAC,
    PORT,
    STRANGER_MAC,
    SUBNET,
    BoxNetwork,
    ip,
    problems,
    wait_until,
)
from support.makers import Maker
from support.namespaces import entered
from support.running_agent import Running, enrolled_agent
from support.signed_repository import NOW
from support.supplicant import Supplicant

pytestmark = [
    pytest.mark.needs("netns"), pytest.mark.needs("nft"), pytest.mark.needs("dnsmasq"), pytest.mark.needs("busybox"),
    pytest.mark.slow,
]  # fmt: skip

NAME = f"SEP{PHONE_MAC}.cnf.xml"
RULES = NetworkRules(
    4,
    subnet=SUBNET,
    phones=(PHONE_MAC,),
    names=(NetworkName("pbx", (PBX,)),),
    reach=(NetworkReach(PBX, "udp", 5060, 5060),),
)
BY_EVIDENCE = GuardRules(1)
"""An edge's default levels: the phone's own wire shows whose the request is."""


class RunningBox:
    """An agent with a phone's port, in the box's namespace."""

    def __init__(self, network: BoxNetwork, running: Running, folder: Path) -> None:
        self.network, self.running, self.folder = network, running, folder
        self.fault: BaseException | None = None

    def start(self) -> None:
        log = self.running.log
        ready = threading.Event()

        def work() -> None:
            try:
                self.agent.run(ready.set)
            except HelperGone as fault:
                self.fault = fault

        with entered(self.network.box):
            self.helper = NetworkHelper(self.network.interfaces(), self.folder, self.folder / "keys")
            self.helper.prepare()
            box = Box(self.helper, lambda _level, text: log.append(text), open_listening())
            hearing = Hearing(tftp_ports={69}, http_ports={6970}, leases=self.helper.leases, keys=box.keys)
            self.agent = Agent(
                self.running.folder,
                OwnWorker([("0.0.0.0", 69)], [("0.0.0.0", 6970)], hearing, phone_port=PORT),  # noqa: S104 - behind the fence
                lambda _level, text: log.append(text),
                self.running._connect,
                box=box,
            )
            self.thread = threading.Thread(target=work)
            self.thread.start()
        assert ready.wait(120)

    def stop(self) -> None:
        self.agent.stop()
        self.thread.join(120)
        assert not self.thread.is_alive()
        self.helper.close()

    def rule(self, rules: NetworkRules) -> None:
        hub = self.running.hub
        hub.other_parts[StatePart.NETWORK] = Raw(codec.to_json(rules))
        hub.hints.put(Event("state", NOW))

    def last_told(self, version: int) -> bool:
        boxes = self.running.hub.boxes
        return bool(boxes) and boxes[-1].rules_version == version


@pytest.fixture
def box(tmp_path: Path, run_folder: Path) -> Iterator[RunningBox]:
    with BoxNetwork() as network, enrolled_agent(tmp_path / "edge") as running:
        running.hub.rules = BY_EVIDENCE
        made = RunningBox(network, running, run_folder)
        made.start()
        yield made
        made.stop()


def test_a_phone_behind_the_port_gets_its_address_its_file_and_nothing_from_elsewhere(
    box: RunningBox, tmp_path: Path
) -> None:
    line = LineAccount(1, "Anna", "anna", "Anna Berg", "anna", Secret("s3cr3tOfAnna"))
    file = Renderer().render(PhoneToRender(Mac(PHONE_MAC), "9971", "", {"sip_server": PBX}, (line,)))[0]
    box.running.publish(1, {NAME: file.data})
    box.rule(RULES)
    wait_until(lambda: box.last_told(4), "the hub does not hear of the box")
    told = box.running.hub.boxes[-1]
    assert (told.subnet, told.uplink_networks, problems(told.findings)) == (SUBNET, ("192.168.1.0/24",), [])
    options = box.network.ask_for_address(tmp_path, "150", tries=30)
    assert options["tftp"] == BOX
    wait_until(lambda: box.agent._serving.release is not None, "nothing is served")
    with entered(box.network.phone):
        held = VirtualPhone(Mac(PHONE_MAC), "9971", (options["tftp"], 69), source_host=options["ip"]).boot()
    assert held.lines[0].password == Secret("s3cr3tOfAnna")
    with entered(box.network.home):
        for host in (HOME_BOX, BOX):
            with pytest.raises(FetchFailed):
                retrieve((host, 69), NAME, lambda *_data: None, timeout_s=0.2, retries=1)
    wait_until(lambda: PHONE_MAC in box.running.hub.boxes[-1].devices, "the phone is not seen")
    wait_until(lambda: box.running.hub.healths[-1].http_addresses == (f"{BOX}:6970",), "the address is not told")


def test_what_is_kept_is_in_force_again_after_a_restart_with_the_hub_away(box: RunningBox) -> None:
    box.rule(RULES)
    wait_until(lambda: box.last_told(4), "the hub does not hear of the box")
    box.stop()
    box.running.hub.away = True
    box.start()
    wait_until(lambda: box.agent._status_now().network[0].endswith(f"with the subnet {SUBNET}."), "not in force")
    assert BOX in ip("-n", box.network.box, "address", "show", "dev", PORT)


def test_bad_rules_of_the_hub_are_told_and_change_nothing(box: RunningBox) -> None:
    box.rule(RULES)
    wait_until(lambda: box.last_told(4), "the hub does not hear of the box")
    box.rule(NetworkRules(5, subnet="8.8.8.0/29"))
    wait_until(lambda: any("refused" in line for line in box.agent._status_now().network), "not told")
    wait_until(lambda: any("refused" in each.sentence for each in box.running.hub.boxes[-1].findings), "not told")
    assert box.last_told(4)
    box.rule(NetworkRules(6, subnet="10.9.8.16/29"))
    wait_until(lambda: box.last_told(6), "the hub does not hear of the box")


def test_a_collision_reaches_the_hub_and_the_next_subnet_is_used(box: RunningBox) -> None:
    box.rule(NetworkRules(5, subnet="192.168.1.128/29"))
    wait_until(lambda: box.last_told(5), "the hub does not hear of the box")
    told = box.running.hub.boxes[-1]
    assert (told.subnet, [each.kind for each in told.findings]) == ("", [BoxProblem.COLLISION])
    lines = status.in_words(box.agent._status_now(), running=True, folder=box.running.folder)
    assert f"The phone's port {PORT} is shut." in lines
    box.rule(NetworkRules(6, subnet=SUBNET))
    wait_until(lambda: box.last_told(6) and box.running.hub.boxes[-1].subnet == SUBNET, "not renumbered")
    assert problems(box.running.hub.boxes[-1].findings) == []


def test_an_agent_whose_helper_is_gone_ends_so_that_a_new_start_makes_another(box: RunningBox) -> None:
    box.rule(RULES)
    wait_until(lambda: box.last_told(4), "the hub does not hear of the box")
    fence = box.network.fence().partition("chain")[2]
    os.kill(box.helper._child.pid, signal.SIGKILL)
    box.thread.join(120)
    assert isinstance(box.fault, HelperGone)
    assert box.network.fence().partition("chain")[2] == fence
    box.helper.close()
    box.start()
    wait_until(
        lambda: bool(box.agent._status_now().network) and SUBNET in box.agent._status_now().network[0], "no rules"
    )


def test_a_helper_that_is_started_anew_is_told_the_rules(box: RunningBox) -> None:
    box.rule(RULES)
    wait_until(lambda: box.last_told(4), "the hub does not hear of the box")
    pid = box.helper._child.pid
    child = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    before = (box.folder / "dnsmasq.pid").read_text()
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: any("started anew" in line for line in box.running.log), "not told")

    def serves() -> bool:
        with contextlib.suppress(OSError):
            return (box.folder / "dnsmasq.pid").read_text() not in {before, ""}
        return False

    wait_until(serves, "dnsmasq does not come back")


def test_whoever_stands_beside_the_box_reads_how_it_is_and_the_homes_wifi_is_for_a_radio(box: RunningBox) -> None:
    box.rule(replace(RULES, wifi=NetworkWifi("Home", Secret("Known-Secret-9"), "DE")))

    box.network.give("169.254.3.4/16", STRANGER_MAC)

    def read() -> str:
        with contextlib.suppress(urllib3.exceptions.HTTPError), entered(box.network.phone):
            asked = urllib3.PoolManager(retries=False, timeout=5).request("GET", f"http://{PAGE.ip}/")
            return asked.data.decode()
        return ""

    wait_until(lambda: f"is fenced, with the subnet {SUBNET}" in read(), "the page does not say so")
    assert "The hub was last heard: " in read()
    assert "<form" not in read()
    wait_until(lambda: any("is a cable" in line for line in box.running.log), "nobody says that there is no radio")
    with pytest.raises(WifiRefused, match="is a cable"):
        box.agent._box.join_wifi(NetworkWifi("Home", Secret("Known-Secret-9"), ""))  # type: ignore[union-attr]  # it has one
    with pytest.raises(WifiRefused, match="1 to 32 bytes"):
        box.agent._box.join_wifi(NetworkWifi("", Secret(""), ""))  # type: ignore[union-attr]  # it has one
    assert "Known-Secret-9" not in "".join(box.running.log)


@pytest.mark.needs("hostapd")
def test_a_phone_that_shows_its_key_boots_and_the_decision_says_l4(box: RunningBox, tmp_path: Path) -> None:
    line = LineAccount(1, "Anna", "anna", "Anna Berg", "anna", Secret("s3cr3tOfAnna"))
    file = Renderer().render(PhoneToRender(Mac(PHONE_MAC), "9971", "", {"sip_server": PBX}, (line,)))[0]
    box.running.hub.rules = GuardRules(2, needs=(GuardNeed("secret", "L4"),))
    box.running.publish(1, {NAME: file.data})
    maker = Maker("Cisco Systems")
    box.rule(replace(RULES, port_access=PortAccess.REQUIRE, authorities=(maker.pem,)))
    wait_until(lambda: box.last_told(4), "the hub does not hear of the box")
    wait_until(lambda: box.agent._serving.release is not None, "nothing is served")
    name = f"CP-9971-SEP{PHONE_MAC}"
    with Supplicant(box.network.phone, tmp_path, maker.phone(tmp_path, name), name) as phone:
        wait_until(lambda: box.running.hub.boxes[-1].entries, "the hub does not hear of the phone")
        (entry,) = box.running.hub.boxes[-1].entries
        assert (entry.mac, entry.by, entry.certificate) == (PHONE_MAC, AdmittedBy.KEY, name)
        options = box.network.ask_for_address(tmp_path, "150", tries=30)
        with entered(box.network.phone):
            held = VirtualPhone(Mac(PHONE_MAC), "9971", (options["tftp"], 69), source_host=options["ip"]).boot()
        assert held.lines[0].password == Secret("s3cr3tOfAnna")
        stored = box.running.hub.stored
        wait_until(lambda: any(each.level == "L4" for each in stored.values()), "no decision says L4")
        told = next(each for each in stored.values() if each.level == "L4")
        assert name in told.decision
        assert any("is let in by 802.1X" in line for line in box.agent._status_now().network)
        phone.ask("logoff")
        wait_until(lambda: not box.running.hub.boxes[-1].entries, "the hub does not hear that it left")
    assert box.agent._box is not None
    assert box.agent._box.keys() == ()
