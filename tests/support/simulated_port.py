"""A phone's port in memory, for what depends on no kernel: the Port port, with faults to order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from ringfence.edge.errors import FenceRefused, PortRefused, ProgramMissing
from ringfence.edge.network.dnsmasq import AddressService


@dataclass
class SimulatedPort:
    """Keeps what it is told; ``steps`` are the changes in their order."""

    name: str = "port"
    standing: str = ""
    given: tuple[IPv4Interface, ...] = ()
    routed: tuple[str, ...] = ()
    service: AddressService | None = None
    exists: bool = True
    can_gate: bool = True
    gated: bool = False
    has_dnsmasq: bool = True
    has_chrony: bool = True
    clock_is_kept: bool = True
    time_at: IPv4Interface | None = None
    refuses: str = ""
    networks: frozenset[IPv4Network] = frozenset()
    seen: frozenset[str] = frozenset()
    others: frozenset[IPv4Address] = frozenset()
    uplink_link: Mapping[str, bool] = field(default_factory=dict)
    has_link: bool = True
    trouble: str = ""
    queued_kbit: int = 0
    refuses_queue: str = ""
    asked: int = 0
    steps: list[str] = field(default_factory=list)

    def fence(self) -> str:
        return self.standing

    def set_fence(self, text: str) -> None:
        if self.refuses:
            raise FenceRefused("nftables refuses the fence", where=self.refuses)
        self.standing = text
        self.steps.append("fence")

    def is_there(self) -> bool:
        return self.exists

    def addresses(self) -> tuple[IPv4Interface, ...]:
        return self.given

    def open(self, addresses: Sequence[IPv4Interface], *, routed: Sequence[str], is_gated: bool = False) -> None:
        if is_gated and not self.can_gate:
            raise PortRefused("the port can't be locked by a bridge, as 802.1X needs it: Operation not supported")
        self.given, self.routed, self.gated = tuple(addresses), tuple(routed), is_gated
        self.steps.append("open")

    def is_gated(self) -> bool:
        return self.gated

    def shut(self) -> None:
        if self.given:
            self.steps.append("shut")
        self.given, self.routed, self.seen, self.gated = (), (), frozenset(), False

    def serve(self, service: AddressService | None) -> None:
        if service is not None and not self.has_dnsmasq:
            self.service = None
            raise ProgramMissing("dnsmasq is not installed", to_do="Install it: apt install dnsmasq-base")
        if service != self.service:
            self.steps.append("serve" if service is not None else "serve no more")
        self.service = service

    def keep_time(self, box: IPv4Interface | None) -> None:
        if box is not None and not self.has_chrony:
            raise ProgramMissing("chronyd is not installed", to_do="Install it: apt install chrony")
        self.time_at = box

    def put_calls_first(self, kbit: int) -> None:
        if kbit and self.refuses_queue:
            raise PortRefused(self.refuses_queue)
        self.queued_kbit = kbit

    def knows_time(self) -> bool:
        return self.clock_is_kept

    def look_after(self) -> str:
        return self.trouble

    def other_networks(self) -> frozenset[IPv4Network]:
        return self.networks

    def links(self) -> Mapping[str, bool]:
        return {self.name: self.has_link and bool(self.given), **self.uplink_link}

    def devices(self) -> frozenset[str]:
        if not self.standing:
            raise PortRefused("nft says no: No such file or directory")
        return self.seen

    def ask_who_serves(self) -> None:
        self.asked += 1

    def others_serving(self) -> frozenset[IPv4Address]:
        return self.others if self.asked else frozenset()
