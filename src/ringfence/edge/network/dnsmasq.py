"""What dnsmasq is told: addresses for phones, and the few names that they may ask for."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface
from pathlib import Path

from ringfence.edge.network.plan import PortPlan, colons

LEASE = "1h"
MOST_LEASES = 1024
GUESTS_RESOLVERS = ("9.9.9.9", "149.112.112.112")
"""Guests ask the internet by themselves: the box answers them no names."""
_ROUTER, _TIME, _NAMES, _DOMAIN, _MTU, _SERVER_NAME, _SERVER_ADDRESSES = 3, 42, 6, 15, 26, 66, 150


@dataclass(frozen=True, slots=True)
class AddressService:
    """``configuration`` is dnsmasq's own; ``hosts`` are the known phones, which it reads again when it is told to."""

    configuration: str
    hosts: str


def address_service(interface: str, plan: PortPlan, folder: Path, user: str) -> AddressService | None:
    """Return what dnsmasq works by; None while the port is shut.

    Args:
        interface: The phone's port.
        plan: What is done there.
        folder: Where its files are: ``phones``, ``leases``.
        user: Whom it becomes once it has its sockets.
    """
    if plan.box is None:
        return None
    lines = [
        "keep-in-foreground",
        "pid-file",  # none: who supervises it knows its number
        f"user={user}",
        f"interface={interface}",
        "except-interface=lo",
        "bind-interfaces",
        "no-hosts",
        "no-resolv",
        "no-poll",
        "no-ping",  # the fence lets no answer in from who has no address yet
        "log-facility=-",
        "quiet-dhcp",
        f"dhcp-leasefile={folder / 'leases'}",
        f"dhcp-hostsfile={folder / 'phones'}",
        f"dhcp-lease-max={MOST_LEASES}",
        "dhcp-authoritative",
        *_ranges(plan),
        *_options(plan.box, plan),
        *_names(plan.box, plan),
    ]
    return AddressService("\n".join([*lines, ""]), "".join(f"{colons(each)}\n" for each in sorted(plan.phones)))


def _ranges(plan: PortPlan) -> list[str]:
    found = []
    for tag, box in (("phone", plan.box), ("guest", plan.guest_box)):
        if box is not None:
            first, last = box.network[2], box.network[-2]
            of = "" if plan.guest_box is None else "tag:known," if tag == "phone" else "tag:!known,"
            found.append(f"dhcp-range={of}set:{tag},{first},{last},{box.network.netmask},{LEASE}")
    if plan.known_only and plan.guest_box is None:
        found.append("dhcp-ignore=tag:!known")
    return found


def _options(box: IPv4Interface, plan: PortPlan) -> list[str]:
    """Options by number. 150 and 66 come unasked too: a phone that got no list of options sends what it sends."""
    options = [
        f"dhcp-option=tag:phone,{_ROUTER},{box.ip}",
        f"dhcp-option=tag:phone,{_NAMES},{box.ip}",
        f"dhcp-option=tag:phone,{_TIME},{box.ip}",
        f"dhcp-option=tag:phone,{_MTU},{plan.mtu}",
        f"dhcp-option-force=tag:phone,{_SERVER_NAME},{box.ip}",
        f"dhcp-option-force=tag:phone,{_SERVER_ADDRESSES},{box.ip}",
    ]
    if plan.domain:
        options.append(f"dhcp-option=tag:phone,{_DOMAIN},{plan.domain}")
    if plan.guest_box is not None:
        options.append(f"dhcp-option=tag:guest,{_ROUTER},{plan.guest_box.ip}")
        options.append(f"dhcp-option=tag:guest,{_NAMES},{','.join(GUESTS_RESOLVERS)}")
    return options


def _names(box: IPv4Interface, plan: PortPlan) -> list[str]:
    """The names that are answered, also with the domain behind them; to all else, that there is no such name."""
    lines = []
    for name, addresses in (*((name, (box.ip,)) for name in plan.own_names), *plan.names):
        forms = [name, f"{name}.{plan.domain}"] if plan.domain and "." not in name else [name]
        lines += [f"host-record={form},{address}" for form in forms for address in addresses]
    return [*lines, "local=/#/"]


def files(service: AddressService) -> Sequence[tuple[str, str]]:
    """Return the files that dnsmasq reads, by name."""
    return (("dnsmasq.conf", service.configuration), ("phones", service.hosts))
