"""Whom the machine's firewall keeps from asking: those alone, for that alone, and for that long."""

import ctypes
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ringfence.edge.errors import BansUnavailable, NeverBanned
from ringfence.edge.gateway import nftables_bans
from ringfence.edge.gateway.nftables_bans import (
    LONGEST_BAN_S,
    MOST_BANNED,
    BanSet,
    gateways,
    own_addresses,
)
from support.namespaces import Wire, entered

pytestmark = [pytest.mark.needs("netns"), pytest.mark.needs("nft")]

EDGE, EVE, ANNA, EDGE6, EVE6, ANNA6 = "192.0.2.1", "192.0.2.66", "192.0.2.9", "fd00::1", "fd00::66", "fd00::9"
ROUTER, ROUTER6 = "192.0.2.254", "fe80::fe"
TFTP, HTTP, OTHER = 69, 6970, 7000
ARRIVES_S = 0.2


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    clients = [f"{EVE}/24", f"{ANNA}/24", f"{EVE6}/64", f"{ANNA6}/64"]
    with Wire([f"{EDGE}/24", f"{EDGE6}/64"], clients) as made:
        for words in (f"route add default via {ROUTER}", f"-6 route add default via {ROUTER6} dev wire"):
            subprocess.run(["ip", "-n", made.server, *words.split()], check=True)
        yield made


@pytest.fixture
def bans(wire: Wire) -> Iterator[BanSet]:
    with entered(wire.server):
        made = BanSet.open(tftp_ports=[TFTP, 1069], http_ports=[HTTP])
        yield made
        made.close()


def nft(*words: str, text: str = "") -> str:
    return subprocess.run(["nft", *words], input=text, capture_output=True, check=True, text=True).stdout


def gets_through(wire: Wire, client: str, port: int, kind: socket.SocketKind = socket.SOCK_DGRAM) -> bool:
    """Whether what a client sends to a port arrives; to be called at the edge."""
    family, edge = (socket.AF_INET6, EDGE6) if ":" in client else (socket.AF_INET, EDGE)
    with socket.socket(family, kind) as there:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        there.bind((edge, port))
        there.settimeout(ARRIVES_S)
        if kind == socket.SOCK_STREAM:
            there.listen()
        with entered(wire.client):
            sender = socket.socket(family, kind)
        with sender:
            sender.bind((client, 0))
            sender.settimeout(ARRIVES_S)
            try:
                sender.connect((edge, port))
                if kind == socket.SOCK_STREAM:
                    return True
                sender.send(b"\0\1f\0octet\0")
                return there.recv(100) == b"\0\1f\0octet\0"
            except TimeoutError:
                return False


@pytest.mark.slow
@pytest.mark.parametrize(("banned", "other"), [(EVE, ANNA), (EVE6, ANNA6)])
def test_who_is_banned_can_ask_no_more_and_all_else_goes_on(wire: Wire, bans: BanSet, banned: str, other: str) -> None:
    assert gets_through(wire, banned, TFTP)
    bans.ban(banned, 60)
    assert not gets_through(wire, banned, TFTP)
    assert not gets_through(wire, banned, 1069)
    assert not gets_through(wire, banned, HTTP, socket.SOCK_STREAM)
    for port, kind in ((OTHER, socket.SOCK_DGRAM), (HTTP, socket.SOCK_DGRAM), (TFTP, socket.SOCK_STREAM)):
        assert gets_through(wire, banned, port, kind)
    assert gets_through(wire, other, TFTP)
    assert gets_through(wire, other, HTTP, socket.SOCK_STREAM)
    bans.unban(banned)
    assert gets_through(wire, banned, TFTP)


@pytest.mark.slow
def test_a_ban_ends_by_itself(wire: Wire, bans: BanSet) -> None:
    bans.ban(EVE, 1)
    assert not gets_through(wire, EVE, TFTP)
    until = time.monotonic() + 60
    while not gets_through(wire, EVE, TFTP):
        assert time.monotonic() < until
    assert EVE not in bans.listed()


def test_who_is_banned_is_listed_with_the_time_that_is_left(bans: BanSet) -> None:
    assert bans.listed() == {}
    bans.ban(EVE, 60)
    bans.ban(EVE6, 3600)
    listed = bans.listed()
    assert listed.keys() == {EVE, EVE6}
    assert 40 < listed[EVE] <= 60
    assert 3500 < listed[EVE6] <= 3600


def test_a_second_ban_counts_from_now_on_and_a_second_unban_harms_nobody(bans: BanSet) -> None:
    bans.ban(EVE, 3600)
    bans.ban(EVE, 60)
    assert bans.listed()[EVE] <= 60
    bans.ban(EVE, 7200)
    assert bans.listed()[EVE] > 7000
    bans.unban(EVE)
    bans.unban(EVE)
    assert bans.listed() == {}


@pytest.mark.parametrize(("asked_s", "least_s", "most_s"), [(-5, 0, 1), (0.2, 0, 1), (1e12, 600_000, LONGEST_BAN_S)])
def test_a_ban_has_an_end_and_a_length(bans: BanSet, asked_s: float, least_s: float, most_s: float) -> None:
    bans.ban(EVE, asked_s)
    assert all(least_s <= left <= most_s for left in bans.listed().values())


def test_addresses_are_banned_however_a_socket_writes_them(bans: BanSet) -> None:
    bans.ban(f"::ffff:{EVE}", 60)
    bans.ban("fe80::66%wire", 60)
    assert bans.listed().keys() == {EVE, "fe80::66"}


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1", "itself"), ("127.9.9.9", "itself"), ("::1", "itself"), ("::ffff:127.0.0.1", "itself"),
        (EDGE, "own"), (EDGE6, "own"), (ROUTER, "way to the internet"), (f"{ROUTER6}%wire", "way to the internet"),
        ("::ffff:0.0.0.0", "of a host"), ("::", "of a host"), ("255.255.255.255", "of a host"),
        ("224.0.0.1", "of a host"), ("ff02::1", "of a host"),
    ],
)  # fmt: skip
def test_some_are_never_banned(bans: BanSet, address: str, why: str) -> None:
    with pytest.raises(NeverBanned, match=why):
        bans.ban(address, 60)
    assert bans.listed() == {}


@pytest.mark.parametrize(
    "text", ["", "eve", "192.0.2.0/24", "192.0.2.1 }; flush ruleset", "192.0.2.1\n", "fe80::1 timeout"]
)
def test_what_is_no_address_reaches_no_firewall(bans: BanSet, text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        bans.ban(text, 60)
    with pytest.raises(ValueError, match="address"):
        bans.unban(text)


@pytest.mark.usefixtures("bans")
def test_the_kernels_own_and_gateways_are_what_ip_shows() -> None:
    assert {str(one) for one in gateways()} == {ROUTER, ROUTER6}
    shown = subprocess.run(["ip", "-o", "address"], capture_output=True, check=True, text=True).stdout
    assert {str(one) for one in own_addresses()} == {line.split()[3].partition("/")[0] for line in shown.splitlines()}


def test_the_table_goes_with_its_bans_and_nobody_elses_does(wire: Wire, bans: BanSet) -> None:
    nft("-f", "-", text="add table inet theirs\n")
    try:
        bans.ban(EVE, 60)
        assert "inet ringfence" in nft("list", "tables")
        bans.close()
        assert nft("list", "tables").split() == ["table", "inet", "theirs"]
        assert gets_through(wire, EVE, TFTP)
        bans.close()
    finally:
        nft("delete", "table", "inet", "theirs")


def test_what_an_agent_left_behind_is_replaced(wire: Wire, bans: BanSet) -> None:
    bans.ban(EVE, 3600)
    after = BanSet.open(tftp_ports=[TFTP])
    assert after.listed() == {}
    assert gets_through(wire, EVE, TFTP)
    assert "tcp" not in nft("list", "table", "inet", "ringfence")


def test_a_change_that_the_firewall_refuses_is_told_and_changes_nothing(bans: BanSet) -> None:
    bans.ban(EVE, 60)
    with pytest.raises(BansUnavailable, match="rejected a change"):
        bans._apply("delete element inet ringfence banned4 { 192.0.2.66 }\nnonsense\n")
    with pytest.raises(BansUnavailable, match="rejected a change"):
        BanSet.open(tftp_ports=[70_000])
    assert bans.listed().keys() == {EVE}


def test_a_set_that_is_full_takes_no_more_and_keeps_what_it_has(bans: BanSet) -> None:
    hosts = ", ".join(f"10.0.{number >> 8}.{number & 255} timeout 60s" for number in range(MOST_BANNED))
    nft("-f", "-", text=f"add element inet ringfence banned4 {{ {hosts} }}\n")
    with pytest.raises(BansUnavailable):
        bans.ban(EVE, 60)
    assert len(bans.listed()) == MOST_BANNED


def test_a_table_that_somebody_removed_is_a_clear_error(bans: BanSet) -> None:
    nft("delete", "table", "inet", "ringfence")
    for call in (lambda: bans.ban(EVE, 60), lambda: bans.unban(EVE), bans.listed):
        with pytest.raises(BansUnavailable, match="No such file"):
            call()


def reason_without_net_admin(wire: Wire) -> str:
    """Why there are no bans for a program that may not change the network; a thread's capabilities are its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    cap_bounding_drop, net_admin = 24, 12
    with entered(wire.server):
        assert libc.prctl(cap_bounding_drop, net_admin, 0, 0, 0) == 0
        try:
            BanSet.open(tftp_ports=[TFTP])
        except BansUnavailable as fault:
            return str(fault)
    return "none"


def test_without_nft_or_the_right_to_use_it_the_reason_is_clear(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadPoolExecutor(1) as without_rights:
        assert "CAP_NET_ADMIN" in without_rights.submit(reason_without_net_admin, wire).result()
    monkeypatch.setattr(nftables_bans, "_FOLDERS", "/nonexistent")
    with pytest.raises(BansUnavailable, match="Install nftables"):
        BanSet.open(tftp_ports=[TFTP])
