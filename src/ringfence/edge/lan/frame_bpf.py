"""The kernel filter for the frames that the agent sees: the first packets of requests, DHCP, CDP and LLDP.

It is classic BPF (socket(7), SO_ATTACH_FILTER; <linux/filter.h>), for a packet socket that gets complete Ethernet
frames. The kernel removes a frame's VLAN tag and reports it separately. A load beyond a short frame's end drops the
frame.

- IPv4 and IPv6 for this machine, but not outgoing frames or frames for other machines: UDP to a TFTP port, a TCP SYN to
  an HTTP port, complete packets and first fragments. A frame with a VLAN tag is dropped: it appears again without the
  tag on the VLAN's own interface, if there is one. Only VLAN 0, which is a priority, does not count as a tag.
- Requests to a DHCP server for an address, over IPv4.
- CDP and LLDP by their destination and type, on any VLAN.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass

from ringfence.guard.dhcp import SERVER_PORT

SNAP_BYTES = 200
"""What is copied of a request; what is read of it ends far before that."""
ANNOUNCEMENT_BYTES = 1522
MOST_PORTS = 16
"""Ports of one kind: classic BPF jumps no further than 255 instructions."""

_INSTRUCTION = struct.Struct("=HBBI")
_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE = 0x20, 0x28, 0x30
_LOAD_HALF_INDEXED, _LOAD_BYTE_INDEXED = 0x48, 0x50
_INDEX_BY_IP_HEADER = 0xB1  # X = 4 * (the low half of a byte)
_AND, _RETURN = 0x54, 0x06
_IF_EQUAL, _IF_GREATER, _IF_ANY_BIT = 0x15, 0x25, 0x45

# What the kernel knows of a frame besides its bytes (SKF_AD_…), and what of it matters here.
_ASIDE = -0x1000 & 0xFFFFFFFF
_PACKET_KIND, _HARDWARE, _VLAN, _HAS_VLAN = _ASIDE + 4, _ASIDE + 28, _ASIDE + 44, _ASIDE + 48
_OTHER_HOST, _OUTGOING = 3, 4
_ETHERNET = 1
_VLAN_NUMBER = 0xFFF

_KIND_AT, _BODY_AT = 12, 14
_LONGEST_LENGTH = 1500
_IPV4, _IPV6, _LLDP = 0x0800, 0x86DD, 0x88CC
_TCP, _UDP = 6, 17
_LATER_FRAGMENT = 0x1FFF
_SYN_OF_SYN_AND_ACK, _SYN = 0x12, 0x02
_IPV6_BYTES = 40


@dataclass(frozen=True, slots=True)
class _If:
    """A condition on what was loaded; goes to a label or on."""

    code: int
    value: int
    then: str = ""
    otherwise: str = ""


_Step = _If | tuple[int, int] | str
"""A condition, an instruction with its operand, or a label."""


def filter_for(tftp_ports: Collection[int], http_ports: Collection[int]) -> bytes:
    """Return the program. ValueError for more than MOST_PORTS of a kind."""
    if max(len(tftp_ports), len(http_ports)) > MOST_PORTS:
        raise ValueError(f"a frame filter takes up to {MOST_PORTS} ports of a kind")
    steps: list[_Step] = [
        (_LOAD_WORD, _HARDWARE),
        _If(_IF_EQUAL, _ETHERNET, otherwise="drop"),
        (_LOAD_WORD, _PACKET_KIND),
        _If(_IF_EQUAL, _OUTGOING, then="drop"),
        (_LOAD_HALF, _KIND_AT),
        _If(_IF_EQUAL, _LLDP, then="lldp"),
        _If(_IF_GREATER, _LONGEST_LENGTH, then="for us"),
        *_all_equal((_LOAD_WORD, 0, 0x01000CCC), (_LOAD_HALF, 4, 0xCCCC)),
        *_all_equal((_LOAD_WORD, _BODY_AT, 0xAAAA0300), (_LOAD_WORD, _BODY_AT + 4, 0x000C2000)),
        (_RETURN, ANNOUNCEMENT_BYTES),
        "lldp",
        *_all_equal((_LOAD_WORD, 0, 0x0180C200)),
        (_RETURN, ANNOUNCEMENT_BYTES),
        "for us",
        (_LOAD_WORD, _PACKET_KIND),
        _If(_IF_EQUAL, _OTHER_HOST, then="drop"),
        (_LOAD_WORD, _HAS_VLAN),
        _If(_IF_EQUAL, 0, then="untagged"),
        (_LOAD_WORD, _VLAN),
        _If(_IF_ANY_BIT, _VLAN_NUMBER, then="drop"),
        "untagged",
        (_LOAD_HALF, _KIND_AT),
        _If(_IF_EQUAL, _IPV6, then="ipv6"),
        _If(_IF_EQUAL, _IPV4, otherwise="drop"),
        (_LOAD_HALF, _BODY_AT + 6),
        _If(_IF_ANY_BIT, _LATER_FRAGMENT, then="drop"),
        (_INDEX_BY_IP_HEADER, _BODY_AT),
        (_LOAD_BYTE, _BODY_AT + 9),
        *_to_ports("ipv4", tftp_ports, http_ports, _BODY_AT, half=_LOAD_HALF_INDEXED, byte=_LOAD_BYTE_INDEXED),
        "ipv6",
        (_LOAD_BYTE, _BODY_AT + 6),
        *_to_ports("ipv6", tftp_ports, http_ports, _BODY_AT + _IPV6_BYTES, half=_LOAD_HALF, byte=_LOAD_BYTE),
        "keep whole",
        (_RETURN, ANNOUNCEMENT_BYTES),
        "keep",
        (_RETURN, SNAP_BYTES),
        "drop",
        (_RETURN, 0),
    ]
    return _assembled(steps)


def _all_equal(*wanted: tuple[int, int, int]) -> list[_Step]:
    steps: list[_Step] = []
    for load, at, value in wanted:
        steps += [(load, at), _If(_IF_EQUAL, value, otherwise="drop")]
    return steps


def _to_ports(
    family: str, tftp_ports: Collection[int], http_ports: Collection[int], at: int, *, half: int, byte: int
) -> list[_Step]:
    """Judge by the transport, whose number is loaded; its header begins at ``at``, from X on for the indexed loads."""
    return [
        _If(_IF_EQUAL, _UDP, then=f"{family} udp"),
        _If(_IF_EQUAL, _TCP, otherwise="drop"),
        (byte, at + 13),
        (_AND, _SYN_OF_SYN_AND_ACK),
        _If(_IF_EQUAL, _SYN, otherwise="drop"),
        (half, at + 2),
        *[_If(_IF_EQUAL, port, then="keep") for port in sorted(http_ports)],
        (_RETURN, 0),
        f"{family} udp",
        (half, at + 2),
        *([_If(_IF_EQUAL, SERVER_PORT, then="keep whole")] if family == "ipv4" else []),
        *[_If(_IF_EQUAL, port, then="keep") for port in sorted(tftp_ports)],
        (_RETURN, 0),
    ]


def _assembled(steps: list[_Step]) -> bytes:
    places: dict[str, int] = {}
    for step in steps:
        if isinstance(step, str):
            places[step] = sum(not isinstance(one, str) for one in steps[: steps.index(step)])
    made: list[bytes] = []
    for step in steps:
        if isinstance(step, str):
            continue
        following = len(made) + 1
        if isinstance(step, _If):
            ways = [places[label] - following if label else 0 for label in (step.then, step.otherwise)]
            made.append(_INSTRUCTION.pack(step.code, *ways, step.value))
        else:
            made.append(_INSTRUCTION.pack(step[0], 0, 0, step[1]))
    return b"".join(made)
