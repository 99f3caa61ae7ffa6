"""Whose an address is by the DHCP server's file, while the server goes on writing it."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.edge.lan.dhcp_lease_file import LARGEST_BYTES, LeaseFile
from ringfence.guard.leases import Lease
from support.namespaces import Wire, entered

NOW, LATER = 1_700_000_000.0, 1_700_000_600.0
PHONE, ANNA, BERT = "192.0.2.9", "001122334455", "001122334466"
ANNAS = b"1700000600 00:11:22:33:44:55 192.0.2.9 SEP001122334455 *\n"
BERTS = b"1700000600 00:11:22:33:44:66 192.0.2.9 SEP001122334466 *\n"
OTHERS = b"".join(b"1700000600 00:11:22:33:55:%02x 192.0.2.%d * *\n" % (number, number) for number in range(20, 60))
LONG_AGO_NS = 1_600_000_000 * 10**9
SOON_S = 60.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dnsmasq.leases"


def settle(path: Path, at_ns: int = LONG_AGO_NS) -> None:
    """Let a file look as if nobody had written it for long."""
    os.utime(path, ns=(at_ns, at_ns))


def test_an_address_is_whose_lease_it_is_until_it_ends(path: Path) -> None:
    path.write_bytes(ANNAS)
    leases = LeaseFile(path)
    assert leases.lease_of(PHONE, NOW) == Lease(PHONE, ANNA, LATER, "SEP001122334455")
    assert (leases.mac_of(PHONE, NOW), leases.mac_of(f"::ffff:{PHONE}", NOW)) == (ANNA, ANNA)
    assert (leases.mac_of(PHONE, LATER), leases.mac_of("192.0.2.8", NOW), leases.mac_of("", NOW)) == (None, None, None)


def test_a_file_that_is_not_there_yet_holds_no_lease_and_is_read_when_it_comes(path: Path) -> None:
    leases = LeaseFile(path)
    assert (leases.mac_of(PHONE, NOW), leases.fault) == (None, "")
    path.write_bytes(ANNAS)
    assert leases.mac_of(PHONE, NOW) == ANNA
    path.unlink()
    assert leases.mac_of(PHONE, NOW) is None


def test_a_file_is_read_again_when_it_is_written_replaced_or_grown(path: Path) -> None:
    leases = LeaseFile(path)
    path.write_bytes(ANNAS)
    settle(path)
    assert leases.mac_of(PHONE, NOW) == ANNA
    path.write_bytes(BERTS)
    settle(path, LONG_AGO_NS + 1)  # as long as before
    assert leases.mac_of(PHONE, NOW) == BERT
    path.with_name("new").write_bytes(ANNAS)
    settle(path.with_name("new"), LONG_AGO_NS + 1)
    path.with_name("new").replace(path)  # as long, and changed at the same time
    assert leases.mac_of(PHONE, NOW) == ANNA
    with path.open("ab") as file:
        file.write(BERTS)
    settle(path, LONG_AGO_NS + 1)
    assert leases.mac_of(PHONE, NOW) == BERT


def test_a_file_that_has_not_changed_is_not_read_again(path: Path) -> None:
    leases = LeaseFile(path)
    path.write_bytes(ANNAS)
    settle(path)
    assert leases.mac_of(PHONE, NOW) == ANNA
    with path.open("r+b") as file:
        file.write(BERTS)
    settle(path)  # nobody can see this change
    assert leases.mac_of(PHONE, NOW) == ANNA


def test_a_change_right_after_a_reading_is_seen_though_the_clock_has_not_moved(path: Path) -> None:
    leases = LeaseFile(path)
    path.write_bytes(ANNAS)
    moment_ns = time.time_ns() + 50_000_000
    settle(path, moment_ns)
    assert leases.mac_of(PHONE, NOW) == ANNA
    with path.open("r+b") as file:
        file.write(BERTS)
    settle(path, moment_ns)
    assert leases.mac_of(PHONE, NOW) == BERT


@pytest.mark.parametrize("cut", [0, 10, len(OTHERS) - 3, len(OTHERS) + 20])
def test_what_is_half_written_takes_no_lease_away(path: Path, cut: int) -> None:
    whole = OTHERS + ANNAS
    leases = LeaseFile(path)
    path.write_bytes(whole)
    assert leases.mac_of(PHONE, NOW) == ANNA
    path.write_bytes(whole[:cut])
    assert leases.mac_of(PHONE, NOW) == ANNA
    path.write_bytes(OTHERS)
    assert (leases.mac_of(PHONE, NOW), leases.mac_of("192.0.2.20", NOW)) == (None, "001122335514")


def test_a_lease_that_is_cut_is_not_believed(path: Path) -> None:
    path.write_bytes(b"1700000600 00:11:22:33:44:55 192.0.2.9")
    leases = LeaseFile(path)
    assert (leases.mac_of(PHONE, NOW), leases.skipped) == (None, 1)


def test_a_huge_file_is_refused_whole_and_a_smaller_one_taken_again(path: Path) -> None:
    leases = LeaseFile(path)
    path.write_bytes(ANNAS)
    os.truncate(path, LARGEST_BYTES + 1)
    assert leases.mac_of(PHONE, NOW) is None
    assert "larger than 16 MiB" in leases.fault
    path.write_bytes(ANNAS)
    assert (leases.mac_of(PHONE, NOW), leases.fault) == (ANNA, "")


def test_what_is_no_file_holds_nobody_up(path: Path) -> None:
    leases = LeaseFile(path)
    os.mkfifo(path)
    assert leases.mac_of(PHONE, NOW) is None
    assert "is not a file" in leases.fault
    path.unlink()
    path.mkdir()
    assert leases.mac_of(PHONE, NOW) is None
    assert leases.fault
    leases = LeaseFile(path / "x" / "y")
    assert leases.mac_of(PHONE, NOW) is None
    path.rmdir()
    path.write_bytes(b"")
    assert leases.mac_of(PHONE, NOW) is None
    assert "can't be read" in leases.fault  # a file where a folder should be


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire(["192.0.2.1/24"], []) as made:
        yield made


@pytest.mark.needs("netns")
@pytest.mark.needs("dnsmasq")
@pytest.mark.needs("busybox")
def test_a_real_dnsmasq_writes_what_is_read(wire: Wire, path: Path) -> None:
    subprocess.run(["ip", "-n", wire.client, "link", "set", "wire", "address", "00:11:22:33:44:55"], check=True)
    options = [
        "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=wire", "--bind-interfaces",
        "--dhcp-range=192.0.2.9,192.0.2.9,1h", f"--dhcp-leasefile={path}", "--user=root", "--pid-file=", "--no-ping",
    ]  # fmt: skip
    with entered(wire.server):
        server = subprocess.Popen(["dnsmasq", *options], stderr=subprocess.DEVNULL)
    try:
        with entered(wire.client):
            ask = ["busybox", "udhcpc", "-i", "wire", "-n", "-q", "-s", "/bin/true", "-x", "hostname:SEP001122334455"]
            subprocess.run([*ask, "-t", "20", "-T", "1"], check=True, capture_output=True)
        leases = LeaseFile(path)
        until = time.monotonic() + SOON_S
        while (lease := leases.lease_of(PHONE, time.time())) is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert (lease.mac, lease.hostname) == (ANNA, "SEP001122334455")
        assert 3000 < lease.until - time.time() <= 3601
        assert leases.skipped == 0
    finally:
        server.terminate()
        server.wait()
