"""The fence as one nftables table, written whole: who may send what to whom at a box.

In words, which ``tests/edge/network/`` tries with packets:

- The phone reaches the box's services at its own address, and through the tunnel what the rules name. Nothing else.
- Whoever has no address reaches the box's own page, and nothing else.
- Guests reach the internet by the uplink, never a private network, and of the box only an address.
- The home network and the internet reach nothing of the phone, and of the box what its owner opened.
- What the tunnel sends is marked as voice, and goes first on a line of which the rate is known.
- IPv6 does not pass at the phone's port. Without a plan nothing passes there at all.

Every packet from the phone's port is checked by its MAC address and its source before anything is known of its
connection, and what phones may reach is checked for each packet: so a narrower fence counts at once, also for what
goes on. The table is ours alone; no other rules are touched, and what another table drops stays dropped.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, collapse_addresses

from ringfence.edge.network.interfaces import BRIDGE, LOOPBACK, TUNNEL, TUNNEL_MARK, Interfaces
from ringfence.edge.network.plan import PAGE_PORT, PRIVATE, PortPlan, colons
from ringfence.edge.network.uplink_queue import VOICE
from ringfence.wire.network_messages import Protocol

TABLE = "ringfence_box"
FAMILY = "inet"
SEEN = "seen"
MARK = "identity"
"""The chain, which nothing jumps to, whose one rule says by its comment which fence this is."""
MOST_SEEN = 64
SERVED_UDP = (53, 69, 123)
"""DNS, TFTP and NTP."""
SERVED_TCP = (53, PAGE_PORT, 2445, 3804, 6970, 6971)
"""DNS; the box's own page; of Cisco's phones: trust verification, certificates (CAPF), files over HTTP and HTTPS."""
_PHONE = "# phone "
ANY = "any"
"""What stands for an uplink that nobody has named."""
_MARKED = re.compile(r'return comment "([0-9a-f]{32})"')
_HOOKS = {
    "arriving": "type filter hook prerouting priority raw; policy accept;",
    "asking": "type filter hook input priority filter; policy drop;",
    "passing": "type filter hook forward priority filter; policy drop;",
    "leaving": "type filter hook output priority filter; policy accept;",
    "calls_first": "type filter hook postrouting priority mangle; policy accept;",
    "as_the_box": "type nat hook postrouting priority srcnat; policy accept;",
}
_SETS = (
    "    set phones {",
    "        type ether_addr",
    "    }",
    f"    set {SEEN} {{",
    "        type ether_addr",
    f"        size {MOST_SEEN}",
    "        flags dynamic,timeout",
    "        timeout 10m",
    "    }",
)
_MEDIA_PORTS = "1024-65535"
_NEVER_INTERNET = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "198.18.0.0/15", "224.0.0.0/3")


def fence_text(interfaces: Interfaces, plan: PortPlan | None) -> str:
    """Return what ``nft -f`` takes to put the fence in place of the one before, as one transaction.

    The chains stay hooked, only what is in them changes: so no packet meets a chain that has no rules yet, as it would
    if a table were deleted and made anew.

    Args:
        interfaces: The box's.
        plan: What is done at the port; None, or one without a subnet: it is shut.
    """
    shown = plan if plan is not None and plan.box is not None else None
    rules = {
        "arriving": _arriving(interfaces, shown),
        "from_port": _from_port(shown),
        "asking": _asking(interfaces),
        "asking_from_port": _asking_from_port(shown),
        "passing": _passing(interfaces, shown),
        "to_tunnel": _to_tunnel(shown),
        "to_phones": _to_phones(shown),
        "leaving": _leaving(interfaces, shown),
        "calls_first": _calls_first(interfaces, shown),
        "as_the_box": _as_the_box(interfaces, shown),
    }
    macs = sorted(shown.phones) if shown is not None else []
    digest = hashlib.sha256(repr((header(interfaces), sorted(rules.items()), macs)).encode()).hexdigest()[:32]
    rules[MARK] = [f'return comment "{digest}"']
    table = f"{FAMILY} {TABLE}"
    empty = [line for name in rules for line in _chain(name, [_HOOKS[name]] if name in _HOOKS else [])]
    phones = ", ".join(map(colons, macs))
    return "\n".join([
        header(interfaces),
        f"table {table} {{", *_SETS, *empty, "}",
        f"flush table {table}",
        f"flush set {table} phones",
        *([f"add element {table} phones {{ {phones} }}"] if phones else []),
        f"table {table} {{", *(line for name, lines in rules.items() if lines for line in _chain(name, lines)), "}",
        "",
    ])  # fmt: skip


def header(interfaces: Interfaces) -> str:
    """Return a fence's first line, which says whose interfaces it is for."""
    opened = " ".join(str(port) for port in interfaces.opened)
    return f"{_PHONE}{interfaces.phone}; uplink {interfaces.uplink or ANY}; opened {opened or 'nothing'}"


def mark_of(text: str) -> str:
    """Return the mark of a fence, as it was written or as nft lists it; empty if it has none."""
    found = _MARKED.search(text)
    return found[1] if found is not None else ""


def port_of(text: str) -> str:
    """Return the phone's port that a fence is for; empty if the text does not say it."""
    first = text.partition(";")[0]
    return first.removeprefix(_PHONE) if first.startswith(_PHONE) else ""


def uplink_of(text: str) -> str:
    """Return the uplink that a fence is for; empty if it is for any, or the text does not say it."""
    found = re.match(r"# phone [^;\n]+; uplink ([^;\n]+);", text)
    return found[1] if found is not None and found[1] != ANY else ""


def _arriving(interfaces: Interfaces, plan: PortPlan | None) -> list[str]:
    """What comes in by any interface: the phones' subnets are at the port and nowhere else."""
    rules = [f"iifname {_port(interfaces)} jump from_port"]
    for box in plan.boxes if plan is not None else ():
        rules.append(f"iifname != {_text(LOOPBACK)} ip saddr {box.network} drop")
        # An address of the port is not to be had through another interface, as Linux would otherwise allow.
        rules.append(f"iifname != {{ {_text(LOOPBACK)}, {_text(TUNNEL)} }} ip daddr {box.network} drop")
    if plan is not None and plan.page is not None:
        rules.append(f"iifname != {_text(LOOPBACK)} ip daddr {plan.page.ip} drop")
    return rules


def _from_port(plan: PortPlan | None) -> list[str]:
    """What comes in by the phone's port: by whom, and from which address."""
    rules = [f"update @{SEEN} {{ ether saddr }}"]
    if plan is not None and plan.box is not None:
        known = "ether saddr @phones " if plan.known_only or plan.guest_box is not None else ""
        asks = known if plan.known_only and plan.guest_box is None else ""
        rules += [
            "meta nfproto ipv6 drop",
            f"{asks}ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept",
            f"{known}ip saddr {plan.box.network} accept",
        ]
        if plan.page is not None:
            rules.append(f"ip saddr {plan.page.network} ip daddr {plan.page.ip} tcp dport {PAGE_PORT} accept")
        if plan.guest_box is not None:
            rules.append(f"ether saddr != @phones ip saddr {plan.guest_box.network} accept")
    return [*rules, "drop"]


def _asking(interfaces: Interfaces) -> list[str]:
    """What is for the box itself."""
    rules = [
        f"iifname {_text(LOOPBACK)} accept",
        f"iifname {_port(interfaces)} jump asking_from_port",
        "ct state established,related accept",
        f"iifname {_text(TUNNEL)} icmp type echo-request limit rate 10/second accept",
        f"iifname {_text(TUNNEL)} drop",
        "udp sport 67 udp dport 68 accept",
        "ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
        "icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept",
    ]
    opened = {each: [port.number for port in interfaces.opened if port.protocol is each] for each in Protocol}
    return [*rules, *(f"{each} dport {_among(numbers)} accept" for each, numbers in opened.items() if numbers)]


def _asking_from_port(plan: PortPlan | None) -> list[str]:
    if plan is None or plan.box is None:
        return ["drop"]
    at_box = f"ip daddr {plan.box.ip}"
    rules = [
        "udp sport 68 udp dport 67 accept",
        *([f"ip daddr {plan.page.ip} accept"] if plan.page is not None else []),
        *([f"ip saddr {plan.guest_box.network} drop"] if plan.guest_box is not None else []),
        f"{at_box} ct state established,related accept",
        f"{at_box} udp dport {_among(SERVED_UDP)} accept",
        f"{at_box} tcp dport {_among(SERVED_TCP)} accept",
        f"{at_box} icmp type echo-request limit rate 10/second accept",
    ]
    return [*rules, "drop"]


def _passing(interfaces: Interfaces, plan: PortPlan | None) -> list[str]:
    """What goes through the box: between the phone and the tunnel, and from guests out."""
    if plan is None or plan.box is None:
        return []
    port, tunnel, uplink = _port(interfaces), _text(TUNNEL), _text(interfaces.uplink)
    rules = [
        f"oifname {tunnel} tcp flags syn / syn,rst tcp option maxseg size set rt mtu",
        f"iifname {tunnel} tcp flags syn / syn,rst tcp option maxseg size set rt mtu",
        f"iifname {port} oifname {tunnel} ip saddr {plan.box.network} jump to_tunnel",
        f"iifname {tunnel} oifname {port} ip daddr {plan.box.network} jump to_phones",
    ]
    if plan.guest_box is not None and interfaces.uplink:
        guests, never = plan.guest_box.network, _among([*map(str, PRIVATE), *_NEVER_INTERNET])
        rules += [
            f"iifname {port} oifname {uplink} ip saddr {guests} ip daddr != {never} accept",
            f"iifname {uplink} oifname {port} ip daddr {guests} ct state established,related accept",
        ]
    return rules


def _to_tunnel(plan: PortPlan | None) -> list[str]:
    if plan is None:
        return []
    rules = []
    for each in plan.reach:
        ports = str(each.first_port) if each.first_port == each.last_port else f"{each.first_port}-{each.last_port}"
        rules.append(f"ip daddr {each.network} {each.protocol} dport {ports} accept")
    if plan.direct_media:
        rules.append(f"ip daddr {_networks(plan.direct_media)} udp dport {_MEDIA_PORTS} accept")
    if reached := [*(each.network for each in plan.reach), *plan.direct_media]:
        rules.append(f"ip daddr {_networks(reached)} ct direction reply ct state established,related accept")
    return rules


def _to_phones(plan: PortPlan | None) -> list[str]:
    if plan is None:
        return []
    by_protocol = {each: [of.network for of in plan.reach if of.protocol is each] for each in Protocol}
    rules = [
        f"ip saddr {_networks(networks)} meta l4proto {each} accept"
        for each, networks in by_protocol.items()
        if networks
    ]
    if plan.direct_media:
        rules.append(f"ip saddr {_networks(plan.direct_media)} udp dport {_MEDIA_PORTS} accept")
    if reached := [*(each.network for each in plan.reach), *plan.direct_media]:
        rules.append(f"ip saddr {_networks(reached)} icmp type echo-request limit rate 10/second accept")
        rules.append(f"ip saddr {_networks(reached)} meta l4proto icmp ct state related accept")
    return rules


def _leaving(interfaces: Interfaces, plan: PortPlan | None) -> list[str]:
    """What the box itself sends to the port."""
    rule = f"oifname {_port(interfaces)}"
    return [f"{rule} meta nfproto ipv6 drop"] if plan is not None else [f"{rule} drop"]


def _calls_first(interfaces: Interfaces, plan: PortPlan | None) -> list[str]:
    """What the tunnel sends: voice, for whoever orders packets on the way (``uplink_queue``)."""
    if plan is None:
        return []
    marked = f"meta mark {TUNNEL_MARK:#x}"
    rules = [f"{marked} ip dscp set ef", f"{marked} ip6 dscp set ef"]
    if plan.uplink_kbit and interfaces.uplink:
        rules.append(f"oifname {_text(interfaces.uplink)} {marked} meta priority set {VOICE}")
    return rules


def _as_the_box(interfaces: Interfaces, plan: PortPlan | None) -> list[str]:
    """What guests send bears the box's address."""
    if plan is None or plan.guest_box is None or not interfaces.uplink:
        return []
    return [f"oifname {_text(interfaces.uplink)} ip saddr {plan.guest_box.network} masquerade"]


def _chain(name: str, lines: Sequence[str]) -> list[str]:
    return [f"    chain {name} {{", *(f"        {line}" for line in lines), "    }"]


def _networks(networks: Iterable[IPv4Network]) -> str:
    """Return networks as an anonymous set; a set takes none that is inside another."""
    return _among(list(collapse_addresses(networks)))


def _among(values: Sequence[object]) -> str:
    return f"{{ {', '.join(str(value) for value in values)} }}"


def _port(interfaces: Interfaces) -> str:
    """Return the phone's port, and the bridge that it is behind while it asks for 802.1X: one fence for both."""
    return f"{{ {_text(interfaces.phone)}, {_text(BRIDGE)} }}"


def _text(name: str) -> str:
    return f'"{name}"'
