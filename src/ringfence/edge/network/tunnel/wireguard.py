"""A WireGuard interface of this machine: the kernel's, or one of ``wireguard-go`` where the kernel has none.

It outlives the process that made it: calls go on while that is started again, which then takes the interface over. A
private key is told on standard input alone, never in an argument, a file or the environment; what ``wg`` is asked never
shows it. A change costs what it changes, however many peers there are.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network

from ringfence.addresses import host_port
from ringfence.edge.errors import PortRefused, ProgramMissing, TunnelRefused
from ringfence.edge.network import programs
from ringfence.edge.network.interfaces import TUNNEL_MARK
from ringfence.identity import tunnel_keys
from ringfence.secret import Secret

_LARGEST_PORT = 65_535
_LONGEST_KEEPALIVE_S = 65_535
_REMOVED_AT_ONCE = 200
"""How many peers one command takes out: its arguments have a bound."""
_LIVES_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Peer:
    """Another end: its public key, which networks are behind it (CIDR), and where it is.

    ``endpoint`` is an address and a port; None for one that calls. With ``keepalive_s`` it hears of this end so often.

    Raises:
        BadTunnelKey, TunnelRefused: A part of it is not what it should be.
    """

    public_key: str
    networks: tuple[str, ...]
    endpoint: tuple[str, int] | None = None
    keepalive_s: int = 0

    def __post_init__(self) -> None:
        tunnel_keys.check_public_key(self.public_key)
        try:
            for each in self.networks:
                ip_network(each)
            if self.endpoint is not None:
                ip_address(self.endpoint[0])
        except ValueError as fault:
            raise TunnelRefused(
                "a peer of the tunnel has something that is no address", where=str(fault)[:80]
            ) from None
        if self.endpoint is not None and not 1 <= self.endpoint[1] <= _LARGEST_PORT:
            raise TunnelRefused("a peer of the tunnel has no such port", where=str(self.endpoint[1]))
        if not 0 <= self.keepalive_s <= _LONGEST_KEEPALIVE_S:
            raise TunnelRefused("a peer of the tunnel can't be heard of so often", where=str(self.keepalive_s))


@dataclass(frozen=True, slots=True)
class PeerTraffic:
    """How a peer is: when the last handshake was (Unix seconds; 0: never), and the bytes of both ways."""

    handshake_at: float = 0.0
    received_bytes: int = 0
    sent_bytes: int = 0


class WireGuard:
    """One interface; ``open`` makes it or takes it over. Every method may raise ProgramMissing and TunnelRefused."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._ip, self._wg = programs.find("ip"), programs.find("wg")
        self._routed: frozenset[str] | None = None
        """What was led into it last; None if only the kernel knows."""

    def open(self, private_key: Secret, *, listen_port: int = 0) -> None:
        """Have the interface with this key; peers of an interface that is there already stay.

        Args:
            private_key: This end's.
            listen_port: The UDP port; 0 takes a free one, or the one that it has.

        Raises:
            TunnelRefused: The machine has neither WireGuard nor wireguard-go, or the port is taken.
        """
        if not self.is_there():
            self._routed = None
            self._make()
        self.use_key(private_key, listen_port=listen_port)

    def is_there(self) -> bool:
        """Return whether the interface is there and answers; the process of one of wireguard-go may have ended."""
        try:
            self._run(self._wg, "show", self.name, "listen-port")
        except TunnelRefused:
            return False
        return True

    def close(self) -> None:
        """Remove the interface, if it is there; wireguard-go ends with it."""
        try:
            self._run(self._ip, "link", "delete", "dev", self.name)
        except TunnelRefused:
            if self.is_there():
                raise

    def use_key(self, private_key: Secret, *, listen_port: int = 0) -> None:
        """Be known by another key from now on; the peers' sessions begin anew, their settings stay."""
        tunnel_keys.check_private_key(private_key)
        port = f"ListenPort = {listen_port}\n" if listen_port else ""
        self._tell(f"[Interface]\nPrivateKey = {private_key.reveal()}\nFwMark = {TUNNEL_MARK:#x}\n{port}")

    def give_addresses(self, addresses: Sequence[str], *, mtu: int) -> None:
        """Give the interface exactly these addresses (CIDR), and bring it up."""
        wanted = [ip_interface(each) for each in addresses]
        text = "".join(f"address replace {each} dev {self.name}\n" for each in wanted)
        gone = "".join(f"address delete {each} dev {self.name}\n" for each in self._addresses() if each not in wanted)
        self._run(self._ip, "-batch", "-", text=f"link set dev {self.name} mtu {int(mtu)} up\n{gone}{text}")

    def route(self, networks: Iterable[str]) -> None:
        """Lead exactly these networks into the interface, besides its own addresses'."""
        wanted, there = frozenset(networks), self.routes() if self._routed is None else self._routed
        new = [str(ip_network(each)) for each in sorted(wanted - there)]
        text = "".join(f"route replace {each} dev {self.name} proto static\n" for each in new)
        text += "".join(f"route delete {each} dev {self.name}\n" for each in sorted(there - wanted))
        self._routed = None  # until all of it has succeeded
        if text:
            self._run(self._ip, "-batch", "-", text=text)
        self._routed = wanted

    def routes(self) -> frozenset[str]:
        """Return the networks that lead into the interface, besides its own addresses'."""
        return frozenset(_full(line.split()[0]) for line in self._routes() if "proto kernel" not in line)

    def put(self, peers: Iterable[Peer]) -> None:
        """Add peers, or change those that are there; others stay as they are."""
        text = "".join(map(_section, peers))
        if text:
            self._tell(text)

    def remove(self, public_keys: Iterable[str]) -> None:
        """Take peers out, if they are there: from now on nothing of theirs comes in."""
        keys = [tunnel_keys.check_public_key(key) for key in public_keys]
        for start in range(0, len(keys), _REMOVED_AT_ONCE):
            some = keys[start : start + _REMOVED_AT_ONCE]
            words = [word for key in some for word in ("peer", key, "remove")]
            self._run(self._wg, "set", self.name, *words)

    def traffic(self) -> Mapping[str, PeerTraffic]:
        """Return every peer's traffic, by its public key."""
        handshakes = {words[0]: float(words[1]) for words in self._shown("latest-handshakes")}
        moved = {words[0]: (int(words[1]), int(words[2])) for words in self._shown("transfer")}
        return {key: PeerTraffic(at, *moved.get(key, (0, 0))) for key, at in handshakes.items()}

    def _make(self) -> None:
        try:
            self._run(self._ip, "link", "add", "dev", self.name, "type", "wireguard")
        except TunnelRefused as kernels:
            self._make_in_user_space(kernels)

    def _make_in_user_space(self, kernels: TunnelRefused) -> None:
        """Start wireguard-go, which goes to the background once the interface is there."""
        try:
            program = programs.find("wireguard-go")
        except ProgramMissing as missing:
            raise TunnelRefused(
                "this machine's kernel has no WireGuard, and wireguard-go is not installed",
                where=kernels.what,
                to_do=missing.to_do,
            ) from None
        self._run(program, self.name)
        until = time.monotonic() + _LIVES_WITHIN_S
        while not self.is_there():
            if time.monotonic() > until:
                raise TunnelRefused("wireguard-go made no interface that answers", where=self.name)
            time.sleep(_LOOK_EVERY_S)

    def _addresses(self) -> list[IPv4Interface | IPv6Interface]:
        shown = self._run(self._ip, "-oneline", "address", "show", "dev", self.name, "scope", "global").decode()
        return [ip_interface(line.split()[3]) for line in shown.splitlines()]

    def _routes(self) -> list[str]:
        shown = (self._run(self._ip, family, "route", "show", "dev", self.name) for family in ("-4", "-6"))
        return [line for text in shown for line in text.decode().splitlines()]

    def _shown(self, what: str) -> list[list[str]]:
        return [line.split() for line in self._run(self._wg, "show", self.name, what).decode().splitlines()]

    def _tell(self, text: str) -> None:
        self._run(self._wg, "addconf", self.name, "/dev/stdin", text=text)

    def _run(self, program: str, *arguments: str, text: str = "") -> bytes:
        try:
            return programs.run(program, *arguments, text=text)
        except PortRefused as fault:
            raise TunnelRefused(f"the tunnel's interface: {fault.what}", where=self.name) from fault


def _section(peer: Peer) -> str:
    lines = ["[Peer]", f"PublicKey = {peer.public_key}"]
    if peer.networks:  # a section without any takes them all from a peer that is there
        lines.append(f"AllowedIPs = {', '.join(peer.networks)}")
    if peer.endpoint is not None:
        lines.append(f"Endpoint = {host_port(*peer.endpoint)}")
    lines.append(f"PersistentKeepalive = {peer.keepalive_s}")
    return "\n".join(lines) + "\n"


def _full(route: str) -> str:
    return str(ip_network("0.0.0.0/0" if route == "default" else route))
