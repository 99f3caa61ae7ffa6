"""A tunnel's interface that a test looks into, with the kernel's rule: what one peer gets, another one loses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ringfence.edge.network.tunnel.wireguard import Peer, PeerTraffic


@dataclass
class SimulatedLink:
    peers: dict[str, Peer] = field(default_factory=dict)
    shaken: dict[str, float] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)
    """Bytes, by public key."""
    routed: frozenset[str] = frozenset()
    told: list[str] = field(default_factory=list)
    """Every change in its order, with the keys that it was about."""

    def put(self, peers: Iterable[Peer]) -> None:
        for peer in peers:
            self.told.append(f"put {peer.public_key}")
            for key, other in list(self.peers.items()):
                left = tuple(each for each in other.networks if each not in peer.networks)
                self.peers[key] = Peer(key, left, other.endpoint, other.keepalive_s)
            self.peers[peer.public_key] = peer

    def remove(self, public_keys: Iterable[str]) -> None:
        for key in public_keys:
            self.told.append(f"remove {key}")
            self.peers.pop(key, None)

    def route(self, networks: Iterable[str]) -> None:
        self.routed = frozenset(networks)

    def routes(self) -> frozenset[str]:
        return self.routed

    def traffic(self) -> Mapping[str, PeerTraffic]:
        return {key: PeerTraffic(self.shaken.get(key, 0.0), self.received.get(key, 0), 20) for key in self.peers}

    def carrier_of(self, network: str) -> list[str]:
        return [key for key, peer in self.peers.items() if network in peer.networks]
