"""The fence of a concentrator, as text for nftables: what comes out of the tunnel, and what goes in.

- A box's phones reach what their site's rules name, and answer whoever that is. Nothing else: not this machine, not
  another box, unless both sites allow direct media.
- What the tunnel sends to boxes is marked as voice, for whoever orders packets on the way.
- Whoever the rules name reaches the phones. Nobody else does, and nobody else may bear a phone's address.

A box is one element of a map, by its subnet: a change of one costs the same with ten boxes and with a thousand. The
maps are of addresses, one for each length of a prefix that there is, and not of intervals: of those ``nft`` reads all
elements before it adds one. Boxes with the same rules share a chain, which is named after what is in it. WireGuard
itself sees to it that a box sends from its own subnet alone.
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
    own_address: str = field(init=False, compare=False, repr=False)
    """The address of the box itself, which is its subnet's first."""

    def __post_init__(self) -> None:
        told = repr((sorted(set(self.reach), key=repr), sorted(set(self.direct_media))))
        object.__setattr__(self, "policy", hashlib.sha256(told.encode()).hexdigest()[:_NAME_CHARACTERS])
        object.__setattr__(self, "own_address", str(self.subnet.network_address + 1))


def whole_text(interface: str, boxes: Iterable[FencedBox]) -> str:
    """Return what puts a fence for exactly these boxes in the place of any before, in one transaction."""
    known = {box.subnet: box for box in boxes}
    lengths = _lengths(known)
    lines = [f"add table inet {TABLE}", f"delete table inet {TABLE}", f"table inet {TABLE} {{"]
    for length in lengths:
        of_length = [box for subnet, box in known.items() if subnet.prefixlen == length]
        lines += _filled(
            "set", f"subnets_{length}", "ipv4_addr", (str(box.subnet.network_address) for box in of_length)
        )
    lines += _subnet_chains(lengths)
    for box in {box.policy: box for box in known.values()}.values():
        lines += _chains(box)
    for length in lengths:
        of_length = [box for subnet, box in known.items() if subnet.prefixlen == length]
        for way in _WAYS:
            elements = (_element(box, way) for box in of_length)
            lines += _filled("map", f"{way}_boxes_{length}", "ipv4_addr : verdict", elements)
    return "\n".join([*lines, *_hooks(f'"{interface}"', lengths), "}", ""])


def change_text(interface: str, before: Mapping[IPv4Network, FencedBox], after: Mapping[IPv4Network, FencedBox]) -> str:
    """Return what makes of a fence for some boxes one for others, in one transaction; empty if nothing changes.

    Args:
        interface: The tunnel's interface.
        before: The boxes that the fence is for, by subnet.
        after: Those that it is to be for.
    """
    if _lengths(before) != _lengths(after):
        return whole_text(interface, after.values())
    gone = [box for subnet, box in before.items() if after.get(subnet) != box]
    come = [box for subnet, box in after.items() if before.get(subnet) != box]
    had, has = {box.policy for box in before.values()}, {box.policy for box in after.values()}
    lines: list[str] = []
    for _name, box in sorted({box.policy: box for box in come if box.policy not in had}.items()):
        lines += [f"table inet {TABLE} {{", *_chains(box), "}"]
    for word, boxes in (("delete", gone), ("add", come)):
        for length in _lengths(box.subnet for box in boxes):
            of_length = [box for box in boxes if box.subnet.prefixlen == length]
            for way in _WAYS:
                told = ", ".join(_element(box, way) for box in of_length)
                lines.append(f"{word} element inet {TABLE} {way}_boxes_{length} {{ {told} }}")
            subnets = ", ".join(str(box.subnet.network_address) for box in of_length)
            lines.append(f"{word} element inet {TABLE} subnets_{length} {{ {subnets} }}")
    for policy in sorted(had - has):
        lines += [f"delete chain inet {TABLE} {way}_{policy}" for way in _WAYS]
    return "\n".join([*lines, ""]) if lines else ""


def _lengths(subnets: Iterable[IPv4Network]) -> tuple[int, ...]:
    return tuple(sorted({subnet.prefixlen for subnet in subnets}))


def _element(box: FencedBox, way: str) -> str:
    return f"{box.subnet.network_address} : jump {way}_{box.policy}"


def _filled(kind: str, name: str, of: str, elements: Iterable[str]) -> list[str]:
    listed = ", ".join(elements)
    return [f"{kind} {name} {{ type {of};", *([f"elements = {{ {listed} }};"] if listed else []), "}"]


def _subnet_of(end: str, length: int) -> str:
    """Return the network that an address is in, of a length, as nftables has it; ``end`` is saddr or daddr."""
    return f"ip {end} & {IPv4Network((0, length)).netmask}"


def _subnet_chains(lengths: Sequence[int]) -> list[str]:
    """Return the chains that say which addresses are boxes'."""
    from_boxes = [f"{_subnet_of('saddr', length)} @subnets_{length} return" for length in lengths]
    from_one, to_one = (
        [f"{_subnet_of(end, length)} @subnets_{length} drop" for length in lengths] for end in ("saddr", "daddr")
    )
    return [
        *_chain("none_but_from_boxes", [*from_boxes, "drop"]),
        *_chain("none_from_boxes", from_one),
        *_chain("none_to_boxes", to_one),
    ]


def _by_box(way: str, end: str, lengths: Sequence[int]) -> list[str]:
    """Return what leads a packet to the rules of the box that it is from, or to."""
    return [f"{_subnet_of(end, length)} vmap @{way}_boxes_{length}" for length in lengths]


def _hooks(interface: str, lengths: Sequence[int]) -> list[str]:
    from_boxes = [f"iifname {interface} {each}" for each in _by_box("from", "saddr", lengths)]
    to_boxes = [f"oifname {interface} {each}" for each in _by_box("to", "daddr", lengths)]
    return [
        "chain arriving { type filter hook prerouting priority raw; policy accept;",
        f"iifname {interface} meta nfproto ipv6 drop",
        f"iifname {interface} jump none_but_from_boxes",
        f'iifname != {{ {interface}, "lo" }} jump none_from_boxes',
        "}",
        "chain asking { type filter hook input priority filter; policy accept;",
        f"iifname {interface} icmp type echo-request limit rate over 2000/second drop",
        f"iifname {interface} icmp type echo-request accept",
        *from_boxes,
        f"iifname {interface} drop",
        "}",
        "chain passing { type filter hook forward priority filter; policy accept;",
        *from_boxes,
        f"iifname {interface} oifname != {interface} drop",
        *to_boxes,
        f"oifname {interface} drop",
        f"iifname {interface} drop",
        "}",
        "chain leaving { type filter hook output priority filter; policy accept;",
        f"oifname {interface} meta nfproto ipv6 drop",
        f"oifname {interface} icmp type echo-reply accept",
        *to_boxes,
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
    rules.append("jump none_to_boxes")
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
    rules.append("jump none_from_boxes")
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
