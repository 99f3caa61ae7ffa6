"""What a box may be asked to do at the phone's port, and what none ever does."""

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from ringfence.edge.errors import BadNetworkRules, BadPhonePort
from ringfence.edge.network.dnsmasq import address_service
from ringfence.edge.network.fence import fence_text
from ringfence.edge.network.interfaces import Interfaces, OpenPort, read_interfaces, read_open_port
from ringfence.edge.network.plan import MOST_PHONES, PRIVATE, PortRules, port_rules, read_plan
from ringfence.secret import Secret
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage
from ringfence.wire.network_messages import (
    NetworkConcentrator,
    NetworkName,
    NetworkReach,
    NetworkRules,
    NetworkWifi,
    Protocol,
)
from support.box_network import GOOD


def test_good_rules_are_read() -> None:
    plan = read_plan(GOOD)
    assert str(plan.box) == "10.9.8.1/29"
    assert plan.guest_box is None
    assert plan.own_names == ("ciscocm1", "pool.ntp.org")
    assert [str(each.network) for each in plan.reach] == ["10.1.1.1/32"]
    assert plan.direct_media == (IPv4Network("10.9.8.8/29"),)


def test_a_pbx_with_an_address_of_the_internet_is_reached_through_the_tunnel() -> None:
    rules = changed(GOOD, reach=(NetworkReach("198.51.100.7/32", "udp", 5060, 5060),))
    text = fence_text(Interfaces("port", "home0"), read_plan(rules))
    assert "ip daddr 198.51.100.7/32 udp dport 5060 accept" in text.partition("chain to_tunnel {\n")[2]


def test_without_a_subnet_nothing_is_asked_for() -> None:
    assert read_plan(PortRules(1)).boxes == ()


def changed_end(**fields: Any) -> NetworkConcentrator:  # noqa: ANN401 - whatever a field takes
    """Return a good concentrator with other fields."""
    end = NetworkConcentrator("c1", "192.0.2.7:51820", "A" * 43 + "=", ("10.1.1.0/24",), address="10.1.0.1")
    return replace(end, **fields)


def test_a_concentrator_is_read() -> None:
    end = changed_end(endpoint="[2001:db8::7]:51820", next_public_key="B" * 43 + "=", next_endpoint="192.0.2.7:51821")
    (read,) = read_plan(changed(GOOD, concentrators=(end,))).concentrators
    assert (read.endpoint, read.next_endpoint) == (("2001:db8::7", 51820), ("192.0.2.7", 51821))


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("private", {"subnet": "8.8.8.0/29"}),
    ("private", {"subnet": "127.0.0.0/24"}),
    ("private", {"subnet": "169.254.1.0/24"}),
    ("private", {"subnet": "0.0.0.0/0"}),
    ("sizes", {"subnet": "10.0.0.0/8"}),
    ("sizes", {"subnet": "10.9.8.0/31"}),
    ("IPv4 network", {"subnet": "10.9.8.1/29"}),
    ("IPv4 network", {"subnet": "fd00::/64"}),
    ("IPv4 network", {"subnet": 'eth0"; flush ruleset'}),
    ("beside it", {"guest_subnet": "10.9.8.0/28"}),
    ("beside it", {"subnet": "", "guest_subnet": "10.9.9.0/28"}),
    ("MTU", {"mtu": 100}),
    ("MTU", {"mtu": 9000}),
    ("MAC", {"phones": ("00:11:22:33:44:55",)}),
    ("MAC", {"phones": ("FFFFFFFFFFFF",)}),
    ("MAC", {"phones": ("000000000000",)}),
    ("MAC", {"phones": ("00112233445\n",)}),
    ("more than", {"phones": ("001122334455",) * (MOST_PHONES + 1)}),
    ("too large", {"reach": (NetworkReach("0.0.0.0/0", "udp", 1, 2),)}),
    ("too large", {"reach": (NetworkReach("10.0.0.0/7", "udp", 1, 2),)}),
    ("too large", {"reach": (NetworkReach("198.51.100.0/23", "udp", 1, 2),)}),
    ("leads to", {"reach": (NetworkReach("127.0.0.1", "udp", 1, 2),)}),
    ("leads to", {"reach": (NetworkReach("169.254.1.1", "udp", 1, 2),)}),
    ("leads to", {"reach": (NetworkReach("239.1.1.1", "udp", 1, 2),)}),
    ("neither udp nor tcp", {"reach": (NetworkReach("10.1.1.1", "icmp", 1, 2),)}),
    ("ports", {"reach": (NetworkReach("10.1.1.1", "udp", 0, 2),)}),
    ("ports", {"reach": (NetworkReach("10.1.1.1", "udp", 5, 2),)}),
    ("ports", {"reach": (NetworkReach("10.1.1.1", "udp", 5, 70_000),)}),
    ("network", {"reach": (NetworkReach("fd00::1/8", "udp", 5, 7),)}),
    ("more than", {"reach": (NetworkReach("10.1.1.1", "udp", 5, 7),) * 257}),
    ("private", {"direct_media": ("0.0.0.0/1",)}),
    ("id", {"concentrators": (changed_end(id="a b"),)}),
    ("kbit/s", {"uplink_kbit": 63}),
    ("kbit/s", {"uplink_kbit": 10_000_001}),
    ("public key", {"retired_key": "x\n"}),
    ("public key", {"concentrators": (changed_end(public_key="x"),)}),
    ("public key", {"concentrators": (changed_end(next_public_key="x\n"),)}),
    ("inside the tunnel", {"concentrators": (changed_end(address=""),)}),
    ("not private", {"concentrators": (changed_end(address="192.0.2.1"),)}),
    ("an address", {"concentrators": (changed_end(endpoint="east.example.org:51820"),)}),
    ("where a concentrator is", {"concentrators": (changed_end(endpoint="192.0.2.1:0"),)}),
    ("where a concentrator is", {"concentrators": (changed_end(endpoint="192.0.2.1"),)}),
    ("server's", {"concentrators": (changed_end(endpoint="127.0.0.1:51820"),)}),
    ("too large", {"concentrators": (changed_end(networks=("0.0.0.0/0",)),)}),
    ("leads to", {"concentrators": (changed_end(networks=("127.0.0.1/32",)),)}),
    ("more than", {"concentrators": (changed_end(networks=("10.1.1.1/32",) * 65),)}),
    ("more than", {"concentrators": (changed_end(),) * 9}),
    ("DNS", {"domain": "example.org\naddress=/#/10.0.0.1"}),
    ("DNS", {"domain": "-x"}),
    ("DNS", {"ntp_servers": ("a b",)}),
    ("DNS", {"names": (NetworkName("x,10.0.0.1", ("10.1.1.1",)),)}),
    ("an address", {"names": (NetworkName("x", ("10.1.1.1,10.2.2.2",)),)}),
    ("server's", {"names": (NetworkName("x", ("127.0.0.1",)),)}),
    ("zone", {"names": (NetworkName("x", ("fe80::1%eth0",)),)}),
    ("more than", {"names": (NetworkName("x", ("10.1.1.1",) * 9),)}),
]


@pytest.mark.parametrize(("why", "fields"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_no_box_does_is_refused(why: str, fields: dict[str, Any]) -> None:
    with pytest.raises(BadNetworkRules, match=why):
        read_plan(changed(GOOD, **fields))


def test_the_helper_is_told_no_secret_and_nothing_that_it_does_not_need() -> None:
    wifi = NetworkWifi("home", Secret("hunter22"), "DE")
    rules = NetworkRules(3, subnet="10.9.8.0/29", guests=False, guest_subnet="10.9.9.0/29", wifi=wifi)
    told = codec.to_json(port_rules(rules))
    assert b"hunter22" not in told
    assert read_plan(port_rules(rules)).guest_box is None, "guests are off"
    with pytest.raises(BadMessage):
        codec.from_json(PortRules, told[:-1] + b',"program":"/bin/sh"}')


TEXT = st.text(max_size=30)
HOSTS = st.ip_addresses(v=4).map(str)
NETWORKS = st.builds("{}/{}".format, HOSTS, st.integers(0, 32)) | st.sampled_from(
    ["10.9.8.0/29", "10.0.0.0/8", "192.168.0.0/16", "100.64.0.0/24", "0.0.0.0/0"]
)
PORTS = st.integers(0, 70_000)
ANY_RULES = st.builds(
    PortRules,
    st.integers(0, 9),
    subnet=st.sampled_from(["", "10.9.8.0/29", "192.168.7.0/24"]) | NETWORKS,
    mtu=st.integers(0, 2000),
    phones=st.lists(st.from_regex(r"[0-9A-F]{12}", fullmatch=True) | TEXT, max_size=3).map(tuple),
    known_only=st.booleans(),
    guest_subnet=st.sampled_from(["", "10.9.9.0/24"]) | NETWORKS,
    ntp_servers=st.lists(TEXT | st.just("ntp.example"), max_size=2).map(tuple),
    domain=st.sampled_from(["", "example.org"]) | TEXT,
    names=st.lists(
        st.builds(NetworkName, TEXT | st.just("pbx"), st.lists(HOSTS | TEXT, max_size=2).map(tuple)), max_size=2
    ).map(tuple),
    reach=st.lists(
        st.builds(NetworkReach, NETWORKS | HOSTS, st.sampled_from(["udp", "tcp"]) | TEXT, PORTS, PORTS), max_size=2
    ).map(tuple),
    direct_media=st.lists(NETWORKS, max_size=2).map(tuple),
)
_WORD = re.compile(r'[\w@.:/"{},#!=;<>-]+')


@given(ANY_RULES)
def test_whatever_the_rules_say_the_fence_opens_no_more_than_a_boxs_may(rules: PortRules) -> None:
    try:
        plan = read_plan(rules)
    except BadNetworkRules:
        return
    for network in (*plan.direct_media, *(box.network for box in plan.boxes)):
        assert any(network.subnet_of(private) for private in PRIVATE)
    for network in (each.network for each in plan.reach):
        assert network.prefixlen >= 24 or any(network.subnet_of(private) for private in PRIVATE)
    text = fence_text(Interfaces("port", "home0"), plan)
    assert all(_WORD.fullmatch(word) for line in text.splitlines()[1:] for word in line.split())
    for line in text.splitlines():
        if "accept" in line and 'iifname "port"' in line:
            to_tunnel = 'oifname "rf-tunnel"' in line
            assert to_tunnel or "ip daddr != { 10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16," in line
    service = address_service("port", plan, Path("/run/x"), "nobody")
    if service is not None:
        assert {line.partition("=")[0] for line in service.configuration.splitlines()} <= DNSMASQ_WORDS


DNSMASQ_WORDS = {
    "keep-in-foreground", "pid-file", "user", "interface", "except-interface", "bind-interfaces", "no-hosts",
    "no-resolv", "no-poll", "no-ping", "log-facility", "quiet-dhcp", "dhcp-leasefile", "dhcp-hostsfile",
    "dhcp-lease-max", "dhcp-authoritative", "dhcp-range", "dhcp-ignore", "dhcp-option", "dhcp-option-force",
    "host-record", "local",
}  # fmt: skip


def test_interfaces_are_read_from_the_options_alone() -> None:
    assert read_interfaces("eth0", "wlan0", ["22/tcp", "22/tcp", "80/tcp"]) == Interfaces(
        "eth0", "wlan0", (OpenPort(22, Protocol.TCP), OpenPort(80, Protocol.TCP))
    )
    for phone, uplink in (
        ("eth0", "eth0"),
        ("lo", ""),
        ("rf-tunnel", ""),
        ('a"b', ""),
        ("a b", ""),
        ("", ""),
        ("x" * 16, ""),
    ):
        with pytest.raises(BadPhonePort):
            Interfaces(phone, uplink)
    for text in ("22", "22/sctp", "0/tcp", "70000/udp", "tcp/22", "22/tcp\n"):
        with pytest.raises(BadPhonePort):
            read_open_port(text)
    with pytest.raises(BadPhonePort, match="more than"):
        Interfaces("eth0", "", tuple(OpenPort(number, Protocol.TCP) for number in range(1, 40)))


def test_what_is_in_the_ports_own_subnet_needs_no_tunnel() -> None:
    plan = read_plan(
        changed(GOOD, reach=(NetworkReach("10.9.8.4", "udp", 1, 2), NetworkReach("10.0.0.0/8", "udp", 1, 2)))
    )
    assert [each.network for each in plan.reach] == [IPv4Network("10.0.0.0/8")]
    assert replace(plan, box=None).boxes == ()
    assert IPv4Address("10.9.8.1") == (plan.box.ip if plan.box else None)
