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
LOAD_WORD, LOAD_HALF, LOAD_BYTE = 0x20, 0x28, 0x30
LOAD_HALF_INDEXED, LOAD_BYTE_INDEXED = 0x48, 0x50
INDEX_BY_IP_HEADER = 0xB1  # X = 4 * (the low half of a byte)
AND, RETURN = 0x54, 0x06
IF_EQUAL, IF_GREATER, IF_ANY_BIT = 0x15, 0x25, 0x45

# What the kernel knows of a frame besides its bytes (SKF_AD_…), and what of it matters here.
_ASIDE = -0x1000 & 0xFFFFFFFF
_PACKET_KIND, HARDWARE, _VLAN, _HAS_VLAN = _ASIDE + 4, _ASIDE + 28, _ASIDE + 44, _ASIDE + 48
_OTHER_HOST, _OUTGOING = 3, 4
ETHERNET = 1
_VLAN_NUMBER = 0xFFF

KIND_AT, BODY_AT = 12, 14
_LONGEST_LENGTH = 1500
IPV4, IPV6, _LLDP = 0x0800, 0x86DD, 0x88CC
TCP, UDP = 6, 17
LATER_FRAGMENT = 0x1FFF
_SYN_OF_SYN_AND_ACK, _SYN = 0x12, 0x02
IPV6_BYTES = 40


@dataclass(frozen=True, slots=True)
class BpfIf:
    """A condition on what was loaded; goes to a label or on."""

    code: int
    value: int
    then: str = ""
    otherwise: str = ""


BpfStep = BpfIf | tuple[int, int] | str
"""A condition, an instruction with its operand, or a label."""


def filter_for(tftp_ports: Collection[int], http_ports: Collection[int]) -> bytes:
    """Return the program. ValueError for more than MOST_PORTS of a kind."""
    if max(len(tftp_ports), len(http_ports)) > MOST_PORTS:
        raise ValueError(f"a frame filter takes up to {MOST_PORTS} ports of a kind")
    steps: list[BpfStep] = [
        (LOAD_WORD, HARDWARE),
        BpfIf(IF_EQUAL, ETHERNET, otherwise="drop"),
        (LOAD_WORD, _PACKET_KIND),
        BpfIf(IF_EQUAL, _OUTGOING, then="drop"),
        (LOAD_HALF, KIND_AT),
        BpfIf(IF_EQUAL, _LLDP, then="lldp"),
        BpfIf(IF_GREATER, _LONGEST_LENGTH, then="for us"),
        *_all_equal((LOAD_WORD, 0, 0x01000CCC), (LOAD_HALF, 4, 0xCCCC)),
        *_all_equal((LOAD_WORD, BODY_AT, 0xAAAA0300), (LOAD_WORD, BODY_AT + 4, 0x000C2000)),
        (RETURN, ANNOUNCEMENT_BYTES),
        "lldp",
        *_all_equal((LOAD_WORD, 0, 0x0180C200)),
        (RETURN, ANNOUNCEMENT_BYTES),
        "for us",
        (LOAD_WORD, _PACKET_KIND),
        BpfIf(IF_EQUAL, _OTHER_HOST, then="drop"),
        (LOAD_WORD, _HAS_VLAN),
        BpfIf(IF_EQUAL, 0, then="untagged"),
        (LOAD_WORD, _VLAN),
        BpfIf(IF_ANY_BIT, _VLAN_NUMBER, then="drop"),
        "untagged",
        (LOAD_HALF, KIND_AT),
        BpfIf(IF_EQUAL, IPV6, then="ipv6"),
        BpfIf(IF_EQUAL, IPV4, otherwise="drop"),
        (LOAD_HALF, BODY_AT + 6),
        BpfIf(IF_ANY_BIT, LATER_FRAGMENT, then="drop"),
        (INDEX_BY_IP_HEADER, BODY_AT),
        (LOAD_BYTE, BODY_AT + 9),
        *_to_ports("ipv4", tftp_ports, http_ports, BODY_AT, half=LOAD_HALF_INDEXED, byte=LOAD_BYTE_INDEXED),
        "ipv6",
        (LOAD_BYTE, BODY_AT + 6),
        *_to_ports("ipv6", tftp_ports, http_ports, BODY_AT + IPV6_BYTES, half=LOAD_HALF, byte=LOAD_BYTE),
        "keep whole",
        (RETURN, ANNOUNCEMENT_BYTES),
        "keep",
        (RETURN, SNAP_BYTES),
        "drop",
        (RETURN, 0),
    ]
    return assembled(steps)


def _all_equal(*wanted: tuple[int, int, int]) -> list[BpfStep]:
    steps: list[BpfStep] = []
    for load, at, value in wanted:
        steps += [(load, at), BpfIf(IF_EQUAL, value, otherwise="drop")]
    return steps


def _to_ports(
    family: str, tftp_ports: Collection[int], http_ports: Collection[int], at: int, *, half: int, byte: int
) -> list[BpfStep]:
    """Judge by the transport, whose number is loaded; its header begins at ``at``, from X on for the indexed loads."""
    return [
        BpfIf(IF_EQUAL, UDP, then=f"{family} udp"),
        BpfIf(IF_EQUAL, TCP, otherwise="drop"),
        (byte, at + 13),
        (AND, _SYN_OF_SYN_AND_ACK),
        BpfIf(IF_EQUAL, _SYN, otherwise="drop"),
        (half, at + 2),
        *[BpfIf(IF_EQUAL, port, then="keep") for port in sorted(http_ports)],
        (RETURN, 0),
        f"{family} udp",
        (half, at + 2),
        *([BpfIf(IF_EQUAL, SERVER_PORT, then="keep whole")] if family == "ipv4" else []),
        *[BpfIf(IF_EQUAL, port, then="keep") for port in sorted(tftp_ports)],
        (RETURN, 0),
    ]


def assembled(steps: list[BpfStep]) -> bytes:
    """Return a program of steps, whose labels become distances."""
    places: dict[str, int] = {}
    for step in steps:
        if isinstance(step, str):
            places[step] = sum(not isinstance(one, str) for one in steps[: steps.index(step)])
    made: list[bytes] = []
    for step in steps:
        if isinstance(step, str):
            continue
        following = len(made) + 1
        if isinstance(step, BpfIf):
            ways = [places[label] - following if label else 0 for label in (step.then, step.otherwise)]
            made.append(_INSTRUCTION.pack(step.code, *ways, step.value))
        else:
            made.append(_INSTRUCTION.pack(step[0], 0, 0, step[1]))
    return b"".join(made)
