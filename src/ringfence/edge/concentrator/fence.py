"""The fence of a concentrator, as text for nftables: what comes out of the tunnel, and what goes in.

- A box's phones reach what their site's rules name, and answer whoever that is. Nothing else: not this machine, not
  another box, unless both sites allow direct media.
- What the tunnel sends to boxes is marked as voice, for whoever orders packets on the way.
- Whoever the rules name reaches the phones. Nobody else does, and nobody else may bear a phone's address.

A box is one element of a map, by its subnet: a change of one costs the same with ten boxes and with a thousand. Boxes
with the same rules share a chain, which is named after what is in it. WireGuard itself sees to it that a box sends from
its own subnet alone.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, collapse_addresses

from ringfence.edge.network.interfaces import TUNNEL_MARK
from ringfence.edge.network.plan import Reach
from ringfence.wire.network_messages import Protocol

TABLE = "ringfence_tunnel"
_MEDIA_PORTS = "1024-65535"
_NAME_CHARACTERS = 16
_WAYS = ("from", "to")


@dataclass(frozen=True, slots=True)
class FencedBox:
    """One box: its subnet, what its phones may reach, and the other boxes that they exchange media with."""

    subnet: IPv4Network
    reach: tuple[Reach, ...]
    direct_media: tuple[IPv4Network, ...] = ()
    policy: str = field(init=False, compare=False, repr=False)
    """The name of what boxes with the same rules share."""

    def __post_init__(self) -> None:
        told = repr((sorted(set(self.reach), key=repr), sorted(set(self.direct_media))))
        object.__setattr__(self, "policy", hashlib.sha256(told.encode()).hexdigest()[:_NAME_CHARACTERS])


def whole_text(interface: str, boxes: Iterable[FencedBox]) -> str:
    """Return what puts a fence for exactly these boxes in the place of any before, in one transaction."""
    known = {box.subnet: box for box in boxes}
    lines = [f"add table inet {TABLE}", f"delete table inet {TABLE}", f"table inet {TABLE} {{"]
    lines += _filled("set", "subnets", "ipv4_addr", map(str, known))
    for box in {box.policy: box for box in known.values()}.values():
        lines += _chains(box)
    for way in _WAYS:
        elements = (_element(box, way) for box in known.values())
        lines += _filled("map", f"{way}_boxes", "ipv4_addr : verdict", elements)
    return "\n".join([*lines, *_hooks(f'"{interface}"'), "}", ""])


def change_text(before: Mapping[IPv4Network, FencedBox], after: Mapping[IPv4Network, FencedBox]) -> str:
    """Return what makes of a fence for some boxes one for others, in one transaction; empty if nothing changes.

    Args:
        before: The boxes that the fence is for, by subnet.
        after: Those that it is to be for.
    """
    gone = [box for subnet, box in before.items() if after.get(subnet) != box]
    come = [box for subnet, box in after.items() if before.get(subnet) != box]
    had, has = {box.policy for box in before.values()}, {box.policy for box in after.values()}
    lines: list[str] = []
    for _name, box in sorted({box.policy: box for box in come if box.policy not in had}.items()):
        lines += [f"table inet {TABLE} {{", *_chains(box), "}"]
    for word, boxes in (("delete", gone), ("add", come)):
        if boxes:
            for way in _WAYS:
                told = ", ".join(_element(box, way) for box in boxes)
                lines.append(f"{word} element inet {TABLE} {way}_boxes {{ {told} }}")
            lines.append(f"{word} element inet {TABLE} subnets {{ {', '.join(str(box.subnet) for box in boxes)} }}")
    for policy in sorted(had - has):
        lines += [f"delete chain inet {TABLE} {way}_{policy}" for way in _WAYS]
    return "\n".join([*lines, ""]) if lines else ""


def _element(box: FencedBox, way: str) -> str:
    return f"{box.subnet} : jump {way}_{box.policy}"


def _filled(kind: str, name: str, of: str, elements: Iterable[str]) -> list[str]:
    listed = ", ".join(elements)
    return [f"{kind} {name} {{ type {of}; flags interval;", *([f"elements = {{ {listed} }};"] if listed else []), "}"]


def _hooks(interface: str) -> list[str]:
    return [
        "chain arriving { type filter hook prerouting priority raw; policy accept;",
        f"iifname {interface} meta nfproto ipv6 drop",
        f"iifname {interface} ip saddr != @subnets drop",
        f'iifname != {{ {interface}, "lo" }} ip saddr @subnets drop',
        "}",
        "chain asking { type filter hook input priority filter; policy accept;",
        f"iifname {interface} icmp type echo-request limit rate over 2000/second drop",
        f"iifname {interface} icmp type echo-request accept",
        f"iifname {interface} ip saddr vmap @from_boxes",
        f"iifname {interface} drop",
        "}",
        "chain passing { type filter hook forward priority filter; policy accept;",
        f"iifname {interface} ip saddr vmap @from_boxes",
        f"iifname {interface} oifname != {interface} drop",
        f"oifname {interface} ip daddr vmap @to_boxes",
        f"oifname {interface} drop",
        f"iifname {interface} drop",
        "}",
        "chain leaving { type filter hook output priority filter; policy accept;",
        f"oifname {interface} meta nfproto ipv6 drop",
        f"oifname {interface} icmp type echo-reply accept",
        f"oifname {interface} ip daddr vmap @to_boxes",
        f"oifname {interface} drop",
        "}",
        "chain calls_first { type filter hook postrouting priority mangle; policy accept;",
        f"meta mark {TUNNEL_MARK:#x} ip dscp set ef",
        f"meta mark {TUNNEL_MARK:#x} ip6 dscp set ef",
        "}",
    ]


def _chains(box: FencedBox) -> list[str]:
    return [*_chain(f"from_{box.policy}", _from_boxes(box)), *_chain(f"to_{box.policy}", _to_boxes(box))]


def _from_boxes(box: FencedBox) -> list[str]:
    rules = []
    if box.direct_media:
        rules.append(f"ip daddr {_among(box.direct_media)} udp dport {_MEDIA_PORTS} accept")
    rules.append("ip daddr @subnets drop")
    rules += [
        f"ip daddr {each.network} {each.protocol} dport {_ports(each)} accept"
        for each in sorted(set(box.reach), key=repr)
    ]
    if box.reach:
        reached = _among(each.network for each in box.reach)
        rules.append(f"ip daddr {reached} ct direction reply ct state established,related accept")
    return [*rules, "drop"]


def _to_boxes(box: FencedBox) -> list[str]:
    rules = []
    if box.direct_media:
        rules.append(f"ip saddr {_among(box.direct_media)} udp dport {_MEDIA_PORTS} accept")
    rules.append("ip saddr @subnets drop")
    by_protocol = {each: [of.network for of in box.reach if of.protocol is each] for each in Protocol}
    rules += [
        f"ip saddr {_among(networks)} meta l4proto {protocol} accept"
        for protocol, networks in by_protocol.items()
        if networks
    ]
    if box.reach:
        reached = _among(each.network for each in box.reach)
        rules.append(f"ip saddr {reached} icmp type echo-request limit rate 100/second accept")
        rules.append(f"ip saddr {reached} meta l4proto icmp ct state related accept")
    return [*rules, "drop"]


def _chain(name: str, rules: Sequence[str]) -> list[str]:
    return [f"chain {name} {{", *rules, "}"]


def _ports(reach: Reach) -> str:
    return f"{reach.first_port}-{reach.last_port}" if reach.first_port != reach.last_port else str(reach.first_port)


def _among(networks: Iterable[IPv4Network]) -> str:
    """Return networks as an anonymous set; a set takes none that is inside another."""
    return f"{{ {', '.join(map(str, collapse_addresses(networks)))} }}"
