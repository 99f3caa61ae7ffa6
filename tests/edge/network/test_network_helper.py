"""The network helper as a process: what it does as it is told, what it refuses, and what stays when somebody dies."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringfence.edge.errors import BadPhonePort, HelperGone, HelperUnfit, NoPhonePort, ProgramMissing
from ringfence.edge.network import programs
from ringfence.edge.network.handle import KEPT, NetworkHelper, check
from ringfence.edge.network.helper import Helper
from ringfence.edge.network.interfaces import Interfaces
from ringfence.edge.network.keeper import PortKeeper
from ringfence.edge.network.messages import (
    LONGEST_BYTES,
    HelperReady,
    PortStanding,
    RulesRefused,
    TakePortRules,
    TellClock,
    make_pair,
    read_answer,
)
from ringfence.edge.network.plan import PortRules
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage
from ringfence.wire.network_messages import BoxProblem
from support.box_network import (
    BOX,
    GOOD,
    HOME_BOX,
    PBX,
    PHONE,
    PORT,
    STRANGER_MAC,
    SUBNET,
    UPLINK,
    BoxNetwork,
    in_namespace,
    ip,
    problems,
    wait_until,
)
from support.namespaces import entered
from support.simulated_port import SimulatedPort

T = TypeVar("T")
SECONDS_1900_TO_1970 = 2_208_988_800
ON_LINUX = [*(pytest.mark.needs(part) for part in ("netns", "nft", "dnsmasq", "busybox")), pytest.mark.slow]


def marked(function: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that needs Linux's own network."""
    for mark in ON_LINUX:
        mark(function)
    return function


@pytest.fixture
def network() -> Iterator[BoxNetwork]:
    with BoxNetwork() as made:
        yield made


def started(network: BoxNetwork, folder: Path) -> NetworkHelper:
    with entered(network.box):
        made = NetworkHelper(network.interfaces(), folder)
    try:
        made.prepare()
    except BaseException:
        made.close()
        raise
    return made


@pytest.fixture
def helper(network: BoxNetwork, run_folder: Path) -> Iterator[NetworkHelper]:
    with contextlib.closing(started(network, run_folder)) as made:
        yield made


def hear(helper: NetworkHelper, kind: type[T]) -> T:
    """Return the next message of a kind."""
    while not isinstance(heard := helper.hear(), kind):
        pass
    return heard


def rule(helper: NetworkHelper, rules: PortRules) -> PortStanding:
    """Give rules, and return how the port is once they are in force."""
    helper.order(TakePortRules(rules))
    while (standing := hear(helper, PortStanding)).in_force != rules.version:
        pass
    return standing


def process_of(folder: Path, program: str) -> int:
    """Return a program's process number, 0 while there is none."""
    try:
        return int((folder / f"{program}.pid").read_text() or 0)
    except FileNotFoundError:
        return 0


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that has ended may wait for the machine's first process to hear of it."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def child_of(helper: NetworkHelper) -> int:
    pid = helper._child.pid
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@marked
def test_before_any_rules_the_port_is_fenced_and_down(network: BoxNetwork, helper: NetworkHelper) -> None:
    assert "policy drop" in network.fence()
    assert "state DOWN" in ip("-n", network.box, "link", "show", PORT)
    assert hear(helper, PortStanding).findings == ()
    (finding,) = rule(helper, PortRules(3)).findings
    assert finding.kind == BoxProblem.NO_SUBNET


@marked
def test_a_phone_gets_an_address_and_all_that_it_looks_for(
    network: BoxNetwork, helper: NetworkHelper, tmp_path: Path
) -> None:
    standing = rule(helper, GOOD)
    assert (standing.subnet, problems(standing.findings)) == (SUBNET, [])
    told = network.ask_for_address(tmp_path, "150", "tftp", "ntpsrv", "mtu", tries=30)
    options = {
        name: told.get(name) for name in ("opt150", "tftp", "ntpsrv", "dns", "router", "domain", "mtu", "subnet")
    }
    assert options == {
        "opt150": bytes(map(int, BOX.split("."))).hex(), "tftp": BOX, "ntpsrv": BOX, "dns": BOX, "router": BOX,
        "domain": "example.org", "mtu": "1420", "subnet": "255.255.255.248",
    }  # fmt: skip
    assert told["ip"].startswith("10.9.8.")
    assert told["ip"] in helper.leases.read_text()
    for name, address in (("CiscoCM1", BOX), ("pool.ntp.org", BOX), ("pbx.example.org", PBX), ("pbx", PBX)):
        assert address in in_namespace(network.phone, "busybox", "nslookup", name, BOX).stdout
    assert "NXDOMAIN" in in_namespace(network.phone, "busybox", "nslookup", "ringfence.example", BOX).stdout
    assert f"{BOX}: seq=0" in in_namespace(network.phone, "busybox", "ping", "-c", "1", "-W", "60", BOX).stdout


@marked
def test_a_units_umask_hides_nothing_that_dnsmasq_and_the_agent_read(
    network: BoxNetwork, run_folder: Path, tmp_path: Path
) -> None:
    folder = run_folder / "made by the helper"
    before = os.umask(0o077)
    try:
        helper = started(network, folder)
    finally:
        os.umask(before)
    with contextlib.closing(helper):
        rule(helper, GOOD)
        assert network.ask_for_address(tmp_path, tries=30)["router"] == BOX
        assert (folder.stat().st_mode & 0o777, helper.leases.stat().st_mode & 0o777) == (0o755, 0o644)


@marked
def test_options_150_and_66_come_unasked(network: BoxNetwork, helper: NetworkHelper, tmp_path: Path) -> None:
    rule(helper, GOOD)
    told = network.ask_for_address(tmp_path, tries=30)
    assert (told["opt150"], told["tftp"]) == (bytes(map(int, BOX.split("."))).hex(), BOX)


@marked
def test_who_is_not_the_sites_gets_no_address_unless_anybody_may(
    network: BoxNetwork, helper: NetworkHelper, tmp_path: Path
) -> None:
    rule(helper, GOOD)
    network.give("192.0.2.1/32", STRANGER_MAC)
    assert network.ask_for_address(tmp_path, tries=2) == {}
    rule(helper, replace(GOOD, version=8, known_only=False))
    assert network.ask_for_address(tmp_path, tries=30)["router"] == BOX


@marked
def test_a_phone_that_is_added_gets_an_address_and_guests_get_theirs(
    network: BoxNetwork, helper: NetworkHelper, tmp_path: Path
) -> None:
    guests = replace(GOOD, guest_subnet="10.9.9.0/24")
    rule(helper, guests)
    network.give("192.0.2.1/32", STRANGER_MAC)
    told = network.ask_for_address(tmp_path, "150", tries=30)
    assert (told["router"], told["dns"], "opt150" in told) == ("10.9.9.1", "9.9.9.9 149.112.112.112", False)
    rule(helper, replace(guests, version=8, phones=(*GOOD.phones, STRANGER_MAC)))
    told = network.ask_for_address(tmp_path, "150", tries=30)
    assert (told["router"], told["tftp"]) == (BOX, BOX)


@marked
@pytest.mark.needs("chrony")
def test_a_phone_is_told_the_time_while_that_is_known(
    network: BoxNetwork, helper: NetworkHelper, run_folder: Path
) -> None:
    rule(helper, GOOD)
    network.give(f"{PHONE}/29")
    helper.order(TellClock(True))
    wait_until(lambda: is_told_time(network.phone, BOX), "no answer")
    assert not is_told_time(network.home, HOME_BOX)
    killed = process_of(run_folder, "chronyd")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: process_of(run_folder, "chronyd") not in {0, killed}, "it does not come back")
    wait_until(lambda: is_told_time(network.phone, BOX), "it does not answer again")
    helper.order(TellClock(False))
    wait_until(lambda: not (run_folder / "chronyd.pid").exists(), "it goes on")
    assert not is_told_time(network.phone, BOX)


def is_told_time(name: str, server: str) -> bool:
    """Ask by SNTP (RFC 5905, section 14); return whether the right time was told, by a server that says it knows it."""
    with entered(name), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.3)
        asking.connect((server, 123))
        try:
            asking.send(b"\x1b" + bytes(39) + b"Ringfenc")
            answer = asking.recv(100)
        except OSError:
            return False
    leap_and_mode, stratum = answer[0], answer[1]
    told = int.from_bytes(answer[40:44], "big") - SECONDS_1900_TO_1970
    is_for_us = answer[24:32] == b"Ringfenc"
    return is_for_us and leap_and_mode == 0x1C and 0 < stratum < 16 and abs(told - time.time()) < 60


@marked
def test_a_killed_dnsmasq_comes_back(
    network: BoxNetwork, helper: NetworkHelper, run_folder: Path, tmp_path: Path
) -> None:
    rule(helper, GOOD)
    first = process_of(run_folder, "dnsmasq")
    fence = network.fence()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: process_of(run_folder, "dnsmasq") not in {0, first}, "dnsmasq stays away")
    assert network.ask_for_address(tmp_path, tries=30)["router"] == BOX
    assert network.fence().partition("chain")[2] == fence.partition("chain")[2]


@marked
def test_a_killed_helper_comes_back_asks_for_the_rules_and_opens_nothing_meanwhile(
    network: BoxNetwork, helper: NetworkHelper, run_folder: Path, tmp_path: Path
) -> None:
    rule(helper, GOOD)
    rules_of_fence = network.fence().partition("chain")[2]
    first, dnsmasq = child_of(helper), process_of(run_folder, "dnsmasq")
    os.kill(first, signal.SIGKILL)
    hear(helper, HelperReady)
    assert child_of(helper) != first
    assert network.fence().partition("chain")[2] == rules_of_fence
    assert BOX in ip("-n", network.box, "address", "show", "dev", PORT)
    assert rule(helper, GOOD).subnet == SUBNET
    wait_until(lambda: process_of(run_folder, "dnsmasq") not in {0, dnsmasq}, "dnsmasq stays away")
    assert not is_running(dnsmasq)
    assert network.ask_for_address(tmp_path, tries=30)["router"] == BOX


@marked
def test_when_the_agent_is_gone_the_fence_stays_and_the_next_helper_takes_it_over(
    network: BoxNetwork, run_folder: Path
) -> None:
    first = started(network, run_folder)
    rule(first, GOOD)
    rules_of_fence = network.fence().partition("chain")[2]
    dnsmasq = process_of(run_folder, "dnsmasq")
    first._channel.close()  # as the kernel does when the agent is killed
    second = started(network, run_folder)
    with contextlib.closing(second):
        assert first._child.wait(60) == 0
        first.close()
        assert not is_running(dnsmasq)
        assert network.fence().partition("chain")[2] == rules_of_fence
        assert BOX in ip("-n", network.box, "address", "show", "dev", PORT), "a call goes on"
        assert problems(rule(second, GOOD).findings) == []
    assert network.fence().partition("chain")[2] == rules_of_fence


@marked
def test_a_helper_whose_both_processes_are_killed_is_gone_and_the_next_one_begins(
    network: BoxNetwork, run_folder: Path, tmp_path: Path
) -> None:
    first = started(network, run_folder)
    rule(first, GOOD)
    first._child.kill()
    with pytest.raises(HelperGone):
        hear(first, HelperReady)
    first.close()
    assert "policy drop" in network.fence()
    with contextlib.closing(started(network, run_folder)) as second:
        rule(second, GOOD)
        assert network.ask_for_address(tmp_path, tries=30)["router"] == BOX


@marked
@pytest.mark.parametrize("arguments", [["6", "eth0", "--uplink=wlan0"], ["6"], ["6", "{}"]])
def test_a_task_of_another_version_is_not_tried_for_ever(arguments: list[str]) -> None:
    command = [sys.executable, "-I", "-m", "ringfence.edge.network.helper", *arguments]
    assert subprocess.run(command, check=False, timeout=60).returncode == 3  # as the shell that starts it knows it


def test_two_edges_do_not_keep_one_port(network: BoxNetwork, helper: NetworkHelper, run_folder: Path) -> None:
    assert helper.leases.name == "leases"
    with pytest.raises(HelperUnfit, match="another edge on this machine keeps"):
        started(network, run_folder)


@marked
def test_a_folder_that_others_may_write_is_not_used(network: BoxNetwork, run_folder: Path) -> None:
    run_folder.chmod(0o777)
    with pytest.raises(HelperUnfit, match="not root's alone"):
        started(network, run_folder)
    assert network.fence() == ""


@marked
def test_rules_beyond_the_bounds_are_refused_by_the_helper_too(network: BoxNetwork, helper: NetworkHelper) -> None:
    rule(helper, GOOD)
    fence = network.fence()
    helper.order(TakePortRules(replace(GOOD, version=9, subnet="0.0.0.0/0")))
    assert hear(helper, RulesRefused).version == 9
    assert network.fence().partition("chain")[2] == fence.partition("chain")[2]


@marked
def test_of_roots_rights_the_helper_keeps_what_it_needs(helper: NetworkHelper) -> None:
    for pid in (helper._child.pid, child_of(helper)):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        status = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
        for which in ("CapPrm", "CapEff", "CapBnd"):
            assert {number for number in range(64) if int(status[which], 16) >> number & 1} == KEPT
        assert status["NoNewPrivs"] == "1"
        environment = Path(f"/proc/{pid}/environ").read_bytes().replace(b"PWD=/\0", b"")  # which the shell may add
        assert environment == b"LC_ALL=C.UTF-8\0"


# -- errors before anything is touched ---------------------------------------------------------------------------------


@pytest.mark.needs("netns")
@pytest.mark.needs("nft")
@pytest.mark.needs("dnsmasq")
def test_what_keeps_a_machine_from_being_a_box_is_said_in_one_sentence(
    network: BoxNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    with entered(network.box):
        check(network.interfaces())
        with pytest.raises(NoPhonePort, match=r"no such interface .eth7.. It has: home0, port, rf-tunnel"):
            check(Interfaces("eth7"))
        with pytest.raises(NoPhonePort, match="wlan7"):
            check(Interfaces(PORT, "wlan7"))
        with pytest.raises(BadPhonePort, match="way to the internet"):
            check(Interfaces(UPLINK))
        with monkeypatch.context() as patched:
            patched.setattr(programs, "FOLDERS", "/nowhere")
            with pytest.raises(ProgramMissing, match=r"nft is not installed. Install it: apt install nftables"):
                check(network.interfaces())
        monkeypatch.setattr("ringfence.edge.network.handle.os.geteuid", lambda: 1000)
        with pytest.raises(HelperUnfit, match=r"needs root. Start the edge as root"):
            check(network.interfaces())


# -- a compromised agent -----------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from([*PortRules.__struct_fields__, "program", "interface", "path"])
ORDERS = st.one_of(
    st.binary(max_size=300),
    JSON.map(codec.to_json),
    st.builds(
        lambda rules, more: codec.to_json({"type": "TakePortRules", "rules": {"version": 1, **rules}, **more}),
        st.dictionaries(FIELDS, JSON | st.sampled_from(["10.9.8.0/29", "0.0.0.0/0", "eth0", "/bin/sh"]), max_size=5),
        st.dictionaries(FIELDS, JSON, max_size=1),
    ),
    st.sampled_from([codec.to_json({"type": "TellClock", "is_right": True}), b"x" * LONGEST_BYTES]),
    st.builds(
        lambda who, ssid, passphrase, country: codec.to_json(
            {
                "type": "JoinWifi",
                "who": who,
                "wifi": {"ssid": ssid, "passphrase": passphrase, "country": country},
            }
        ),
        st.sampled_from(["hub", "page", "../x"]),
        st.text(max_size=40),
        st.text(max_size=70),
        st.text(max_size=3),
    ),
    st.builds(lambda key: codec.to_json({"type": "UseTunnelKey", "public_key": key}), st.text(max_size=50)),
).filter(bool)


@given(st.lists(ORDERS, max_size=5))
def test_no_bytes_from_the_agent_end_the_helper_or_open_the_port(orders: list[bytes]) -> None:
    port = SimulatedPort()
    keeper = PortKeeper(port, Interfaces("port", "home0"), Path("/run/box"))
    keeper.begin()
    here, there = make_pair()
    with here, there:
        obeying = Helper(there, keeper)
        thread = threading.Thread(target=obeying.run)
        thread.start()
        for order in orders:
            here.send(order)
        here.shutdown(socket.SHUT_WR)
        thread.join(60)
        assert not thread.is_alive()
    for line in port.standing.splitlines():
        if 'iifname "port" oifname' in line:
            assert 'oifname "rf-tunnel"' in line or "ip daddr != { 10.0.0.0/8" in line


def test_a_message_that_is_too_long_is_not_sent_and_not_read() -> None:
    here, there = make_pair()
    with here, there:
        rules = PortRules(1, ntp_servers=("x" * LONGEST_BYTES,))
        with pytest.raises(BadMessage, match="more than"):
            Helperless(here).order(TakePortRules(rules))
        here.send(b" " * (LONGEST_BYTES + 1))
        with pytest.raises(BadMessage, match="more than"):
            read_answer(there)


class Helperless(NetworkHelper):
    """The agent's end without a process."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
