"""Edges' keys for phones by HTTPS, made as edges make them."""

from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.identity.certificates import PrivateKey, to_pem
from ringfence.identity.edge_tls import make_edge_tls
from ringfence.wire.edge_tls_messages import EdgeTlsOffer


def new_key() -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def offered(edge_id: str, now: float, serial: int = 0x71, *, replaces: bool = False) -> EdgeTlsOffer:
    """Return what an edge offers for a new key."""
    return EdgeTlsOffer(to_pem(make_edge_tls(new_key(), edge_id, serial=serial, now=now)), replaces)
