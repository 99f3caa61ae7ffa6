"""802.1X at the phone's port: helper, hostapd and checker as they are, and Debian's wpa_supplicant as the phone."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from ringfence.edge.network.clearing import clear
from ringfence.edge.network.fence import fence_text
from ringfence.edge.network.interfaces import BRIDGE
from ringfence.edge.network.linux_port import LinuxPort
from ringfence.edge.network.messages import PortStanding
from ringfence.edge.network.plan import read_plan
from ringfence.edge.network.port_access.gate import GateOrders
from ringfence.edge.network.port_access.gate_keeping import GateKeeping
from ringfence.edge.network.port_access.linux_gate import LinuxGate
from ringfence.edge.network.port_access.server_key import server_key
from ringfence.wire.network_messages import AdmittedBy, BoxProblem, PortAccess
from support.box_network import BOX, PHONE_MAC, PORT, STRANGER_MAC, BoxNetwork, in_namespace, ip, spelled
from support.box_network import wait_until as wait
from support.gated_box import NAME, RULES, SECOND_MAC, GatedBox
from support.makers import Maker
from support.namespaces import entered
from support.supplicant import Supplicant

pytestmark = [
    *(pytest.mark.needs(part) for part in ("netns", "nft", "dnsmasq", "busybox", "hostapd")),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def maker() -> Maker:
    return Maker("Cisco Systems")


@pytest.fixture
def box(run_folder: Path, tmp_path: Path, maker: Maker) -> Iterator[GatedBox]:
    with BoxNetwork() as network:
        made = GatedBox(network, run_folder, tmp_path, maker)
        made.plug()
        yield made
        made.stop()


def test_a_phone_with_its_makers_certificate_is_let_in_and_its_key_is_told(box: GatedBox) -> None:
    box.rule(PortAccess.REQUIRE)
    assert not box.passes()
    with box.phone() as phone:
        phone.wait_for("CTRL-EVENT-EAP-SUCCESS")
        wait(box.is_in, "the key is not told")
        assert box.entries() == [(PHONE_MAC, AdmittedBy.KEY, NAME)]
        wait(box.passes, "nothing passes")
        assert not {BoxProblem.KEY_REFUSED, BoxProblem.NO_KEY} & box.found().keys()


def test_a_phone_that_logs_off_is_out(box: GatedBox) -> None:
    box.rule(PortAccess.REQUIRE)
    with box.phone() as phone:
        wait(box.is_in, "not let in")
        phone.ask("logoff")
        wait(lambda: not box.entries(), "still in")
        wait(lambda: not box.inside(), "the kernel lets it in")
        assert not box.passes()
        phone.ask("logon")
        wait(box.is_in, "not let in again")


def test_a_lost_link_shuts_the_phone_out_at_once_until_it_shows_its_key_again(box: GatedBox) -> None:
    box.rule(PortAccess.REQUIRE)
    with box.phone() as phone:
        wait(box.is_in, "not let in")
        ip("-n", box.network.phone, "link", "set", "eth0", "down")
        wait(lambda: not box.inside(), "the kernel lets it in")
        wait(lambda: not box.entries(), "still told")
        phone.__exit__(None, None, None)
    box.plug()
    wait(lambda: BoxProblem.NO_KEY in box.found() or not box.passes(), "no finding")
    assert not box.passes()
    with box.phone():
        wait(box.is_in, "not let in again")
        wait(box.passes, "nothing passes")


@pytest.mark.parametrize("access", [PortAccess.REQUIRE, PortAccess.TRY])
def test_a_certificate_that_does_not_count_is_told_and_how_the_phone_is_let_in_follows_the_rules(
    box: GatedBox, access: PortAccess
) -> None:
    foreign = Maker("Somebody Else")
    cases = [
        (box.phone(maker=foreign), "CA that is not among"),
        (box.phone(is_expired=True), "has expired"),
        (box.phone(f"CP-9971-SEP{SECOND_MAC}"), f"certificate of another phone, CP-9971-SEP{SECOND_MAC}"),
        (box.phone("Some Computer"), "names no phone: Some Computer"),
    ]
    for supplicant, sentence in cases:
        box.rule(PortAccess.OFF)
        box.rule(access)
        with supplicant:
            box.wait_for_refusal(sentence)
            assert not box.is_in()
            if access is PortAccess.TRY:
                wait(lambda: box.is_in(AdmittedBy.FALLBACK), "not let in")
                wait(lambda: "let in all the same" in box.found()[BoxProblem.KEY_REFUSED], f"{box.found()}")
                wait(box.passes, "nothing passes")
            else:
                assert "kept out" in box.found()[BoxProblem.KEY_REFUSED]
                assert not box.passes()


def test_a_phone_of_nobody_is_not_let_in_by_its_own_certificate(box: GatedBox) -> None:
    box.rule(PortAccess.TRY)
    box.plug(STRANGER_MAC)
    with box.phone(f"SEP{STRANGER_MAC}"):
        box.wait_for_refusal("is no phone of this site")
        wait(lambda: STRANGER_MAC in box.standing.devices, "it is not seen")
        assert "gets nothing" in box.found()[BoxProblem.UNKNOWN_DEVICE]
        assert not box.passes()
        assert box.entries() == []


def test_a_computer_at_the_phones_pc_port_is_not_let_in_by_the_phone(box: GatedBox) -> None:
    box.rule(PortAccess.REQUIRE, replace(RULES, known_only=False))
    ip("-n", box.network.phone, "link", "add", "link", "eth0", "name", "pc0", "type", "macvlan", "mode", "bridge")
    ip("-n", box.network.phone, "link", "set", "pc0", "address", spelled(STRANGER_MAC))
    ip("-n", box.network.phone, "link", "set", "pc0", "up")
    ip("-n", box.network.phone, "address", "add", "10.9.8.3/29", "dev", "pc0")
    with box.phone():
        wait(box.is_in, "not let in")
        wait(box.passes, "nothing passes")
        for _ in range(3):
            assert not box.passes("pc0")
        wait(lambda: STRANGER_MAC in box.standing.devices, "it is not seen")
        assert [mac for mac, _, _ in box.entries()] == [PHONE_MAC]


def test_a_device_that_copies_the_address_of_a_phone_which_is_in_is_not_told_apart(box: GatedBox) -> None:
    """A documented limit: frames bear no key, so a copy on the phone's wire passes for as long as the phone does."""
    box.rule(PortAccess.REQUIRE)
    with box.phone() as phone:
        wait(box.is_in, "not let in")
        ip("-n", box.network.phone, "address", "add", "10.9.8.3/29", "dev", "eth0")  # as the box sees a copy
        wait(lambda: box.passes("10.9.8.3"), "nothing passes")
        phone.ask("logoff")
        wait(lambda: not box.inside(), "the kernel lets it in")
        assert not box.passes("10.9.8.3")


def test_without_a_supplicant_try_lets_the_sites_phone_in_and_require_does_not(box: GatedBox) -> None:
    box.rule(PortAccess.TRY)

    def is_let_in() -> bool:
        box.passes()
        return box.is_in(AdmittedBy.FALLBACK)

    wait(is_let_in, f"not let in: {box.standing}")
    wait(box.passes, "nothing passes")
    wait(lambda: "without 802.1X" in box.found().get(BoxProblem.NO_KEY, ""), "not told")
    box.rule(PortAccess.REQUIRE)
    wait(lambda: not box.entries() and not box.inside(), "still in")

    def is_told() -> bool:
        box.passes()
        return "kept out" in box.found().get(BoxProblem.NO_KEY, "")

    wait(is_told, "not told")
    assert not box.passes()


def test_a_phone_without_a_supplicant_can_show_its_key_later(box: GatedBox) -> None:
    box.rule(PortAccess.TRY)
    box.passes()
    wait(lambda: box.is_in(AdmittedBy.FALLBACK), "not let in")
    with box.phone():
        wait(box.is_in, "the key is not told")
        wait(box.passes, "nothing passes")


def test_the_gate_comes_and_goes_with_the_rules_and_the_fence_stands_throughout(box: GatedBox) -> None:
    box.rule(PortAccess.OFF)
    wait(box.passes, "nothing passes")
    box.rule(PortAccess.REQUIRE)
    assert BOX in ip("-n", box.network.box, "address", "show", "dev", BRIDGE)
    assert not box.passes()
    with box.phone():
        wait(box.is_in, "not let in")
        wait(box.passes, "nothing passes")
        box.rule(PortAccess.OFF)
        wait(box.passes, "nothing passes")
    assert box.entries() == []
    assert f" {BRIDGE}: " not in ip("-n", box.network.box, "link", "show")
    assert in_namespace(box.network.box, "nft", "list", "table", "bridge", "ringfence_gate").returncode != 0
    assert "policy drop" in box.network.fence()


def test_a_phone_that_the_site_has_no_more_is_out_and_so_is_who_showed_a_removed_makers_certificate(
    box: GatedBox,
) -> None:
    box.rule(PortAccess.REQUIRE)
    with box.phone():
        wait(box.is_in, "not let in")
        box.rule(PortAccess.REQUIRE, replace(RULES, phones=(SECOND_MAC,)))
        wait(lambda: not box.entries() and not box.inside(), "still in")
        box.rule(PortAccess.REQUIRE)
        wait(box.is_in, "not let in again")
        box.rule(PortAccess.REQUIRE, makers=(Maker("Another"),))
        wait(lambda: not box.entries() and not box.inside(), "still in")
        assert not box.passes()


def hostapd_of(box: GatedBox) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int((box.folder / "hostapd.pid").read_text())
    return 0


def test_a_killed_hostapd_comes_back_and_the_phone_shows_its_key_again_without_a_break(box: GatedBox) -> None:
    box.rule(PortAccess.REQUIRE)
    with box.phone() as phone:
        wait(box.is_in, "not let in")
        since = box.standing.entries[0].since
        before = hostapd_of(box)
        os.kill(before, signal.SIGKILL)
        assert box.inside()
        wait(lambda: hostapd_of(box) not in {before, 0}, "hostapd does not come back")
        phone.wait_for("CTRL-EVENT-EAP-SUCCESS", 2)
        wait(lambda: box.is_in() and box.standing.entries[0].since > since, "the key is not told again")
        assert box.inside()


def test_a_killed_helper_leaves_the_lock_and_the_next_asks_for_the_key_again(box: GatedBox) -> None:
    box.rule(PortAccess.REQUIRE)
    with box.phone() as phone:
        wait(box.is_in, "not let in")
        pid = box.helper._child.pid
        os.kill(int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]), signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        box.stop()
        assert box.inside()
        assert (
            '"locked":true'
            in in_namespace(box.network.box, "bridge", "-d", "-json", "link", "show", "dev", PORT).stdout
        )
        box.standing = PortStanding()
        box.start()
        box.rule(PortAccess.REQUIRE)
        phone.wait_for("CTRL-EVENT-EAP-SUCCESS", 2)
        wait(box.is_in, "the key is not told again")
        wait(box.passes, "nothing passes")


def test_the_process_that_checks_keys_has_no_rights_and_comes_back(box: GatedBox) -> None:
    box.rule(PortAccess.REQUIRE)
    with box.phone():
        wait(box.is_in, "not let in")
        for pid in (each for each in Path("/proc").iterdir() if each.name.isdecimal()):
            with contextlib.suppress(OSError):
                words = (pid / "cmdline").read_bytes()
                if b"port_access.checker" in words and network_of(pid) == network_of(Path(f"/proc/{hostapd_of(box)}")):
                    break
        status = {key: value.strip() for key, _, value in (
            line.partition(":") for line in (pid / "status").read_text().splitlines())}  # fmt: skip
        assert int(status["Uid"].split()[0]) != 0
        assert (int(status["CapPrm"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"]) == (0, 0, "1")
        rights = (Path(f"/proc/{hostapd_of(box)}/status")).read_text()
        assert int(rights.partition("CapBnd:")[2].split()[0], 16) == 1 << 10 | 1 << 12 | 1 << 13
        before = hostapd_of(box)
        os.kill(int(pid.name), signal.SIGKILL)
        wait(lambda: hostapd_of(box) not in {before, 0}, "nothing is started again")
        wait(box.is_in, "the key is not told again")


def network_of(process: Path) -> str:
    return str((process / "ns" / "net").readlink())


def test_the_secret_of_hostapd_and_the_boxs_key_are_roots_alone_and_in_no_arguments(box: GatedBox) -> None:
    box.rule(PortAccess.REQUIRE)
    settings = box.folder / "hostapd.conf"
    assert settings.stat().st_mode & 0o777 == 0o600
    secret = settings.read_text().partition("auth_server_shared_secret=")[2].split()[0]
    assert (box.folder / "keys" / "port-access.pem").stat().st_mode & 0o777 == 0o600
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            assert secret.encode() not in each.read_bytes()


def test_a_phone_that_refuses_the_method_that_is_offered_first_is_asked_for_tls(
    run_folder: Path, tmp_path: Path, maker: Maker
) -> None:
    """wpa_supplicant answers an offer of EAP-FAST (43) with a NAK that names TLS, as phones do."""
    plan = read_plan(RULES)
    with BoxNetwork() as network:
        network.give("10.9.8.2/29")
        with entered(network.box):
            port = LinuxPort(network.interfaces(), run_folder)
            gate = LinuxGate(PORT, run_folder, lambda: server_key(run_folder / "keys"), offer=43)
            keeping = GateKeeping(gate)
            port.set_fence(fence_text(network.interfaces(), plan))
            port.open(plan.boxes, routed=(BRIDGE,), is_gated=True)
            keeping.settle(PortAccess.REQUIRE, GateOrders((maker.pem,), plan.phones))
            try:
                paths = maker.phone(tmp_path / "naks", NAME)
                with Supplicant(network.phone, tmp_path / "naks", paths, NAME) as phone:

                    def is_in() -> bool:
                        keeping.on_time(time.monotonic())
                        return bool(keeping.entries)

                    wait(is_in, "not let in")
                    assert "refused" in phone.log or "method=43" in phone.log
            finally:
                keeping.settle(PortAccess.OFF, None)


def test_who_clears_the_network_takes_the_gate_away_too(box: GatedBox) -> None:
    box.rule(PortAccess.REQUIRE)
    with box.phone():
        wait(box.is_in, "not let in")
    box.stop()
    with entered(box.network.box):
        assert clear(box.folder).port == PORT
    assert f" {BRIDGE}: " not in ip("-n", box.network.box, "link", "show")
    assert in_namespace(box.network.box, "nft", "list", "table", "bridge", "ringfence_gate").returncode != 0
    assert hostapd_of(box) == 0
    box.start()
