"""The kernel filter of captures: DHCP, SIP, and what may be a TFTP transfer, over IPv4 and IPv6 (``frame_bpf``).

A transfer goes on between two ports that nobody knows before, so that UDP between two high ports passes too; which of
it belongs to a transfer is found out later (``jobs.capture_packets``). Fragments after the first do not pass: nobody
could say what is in them.
"""

from collections.abc import Collection

from ringfence.edge.lan.frame_bpf import (
    BODY_AT,
    ETHERNET,
    HARDWARE,
    IF_ANY_BIT,
    IF_EQUAL,
    IF_GREATER,
    INDEX_BY_IP_HEADER,
    IPV4,
    IPV6,
    IPV6_BYTES,
    KIND_AT,
    LATER_FRAGMENT,
    LOAD_BYTE,
    LOAD_HALF,
    LOAD_HALF_INDEXED,
    LOAD_WORD,
    RETURN,
    TCP,
    UDP,
    BpfIf,
    BpfStep,
    assembled,
)

WHOLE = 0xFFFF
DHCP_PORTS = (67, 68)
_LAST_LOW_PORT = 1023
MOST_PORTS = 16


def capture_filter(tftp_ports: Collection[int], sip_ports: Collection[int]) -> bytes:
    """Return the program. ValueError for more than MOST_PORTS of a kind."""
    if max(len(tftp_ports), len(sip_ports)) > MOST_PORTS:
        raise ValueError(f"a capture's filter takes up to {MOST_PORTS} ports of a kind")
    named = sorted({*DHCP_PORTS, *tftp_ports, *sip_ports})
    steps: list[BpfStep] = [
        (LOAD_WORD, HARDWARE),
        BpfIf(IF_EQUAL, ETHERNET, otherwise="drop"),
        (LOAD_HALF, KIND_AT),
        BpfIf(IF_EQUAL, IPV6, then="ipv6"),
        BpfIf(IF_EQUAL, IPV4, otherwise="drop"),
        (LOAD_HALF, BODY_AT + 6),
        BpfIf(IF_ANY_BIT, LATER_FRAGMENT, then="drop"),
        (INDEX_BY_IP_HEADER, BODY_AT),
        (LOAD_BYTE, BODY_AT + 9),
        *_to_ports("ipv4", named, sorted(sip_ports), BODY_AT, LOAD_HALF_INDEXED),
        "ipv6",
        (LOAD_BYTE, BODY_AT + 6),
        *_to_ports("ipv6", named, sorted(sip_ports), BODY_AT + IPV6_BYTES, LOAD_HALF),
        "keep",
        (RETURN, WHOLE),
        "drop",
        (RETURN, 0),
    ]
    return assembled(steps)


def _to_ports(family: str, named: list[int], sip_ports: list[int], at: int, half: int) -> list[BpfStep]:
    """Judge by the transport, whose number is loaded; its header begins at ``at``, from X on for the indexed loads."""
    steps: list[BpfStep] = [
        BpfIf(IF_EQUAL, UDP, then=f"{family} udp"),
        BpfIf(IF_EQUAL, TCP, otherwise="drop"),
    ]
    for place in (at, at + 2):
        steps += [(half, place), *(BpfIf(IF_EQUAL, port, then="keep") for port in sip_ports)]
    steps += [(RETURN, 0), f"{family} udp"]
    for place in (at, at + 2):
        steps += [(half, place), *(BpfIf(IF_EQUAL, port, then="keep") for port in named)]
    steps += [
        BpfIf(IF_GREATER, _LAST_LOW_PORT, otherwise="drop"),
        (half, at),
        BpfIf(IF_GREATER, _LAST_LOW_PORT, then="keep"),
        (RETURN, 0),
    ]
    return steps
