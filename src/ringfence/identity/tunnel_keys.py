"""Keys of WireGuard tunnels: 32 bytes of Curve25519, written in base64 (https://www.wireguard.com/protocol/)."""

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ringfence.identity.errors import BadTunnelKey
from ringfence.secret import Secret

_KEY_BYTES = 32


def new_private_key() -> Secret:
    """Return a new private key."""
    return _written(X25519PrivateKey.generate().private_bytes_raw())


def public_key_of(private_key: Secret) -> str:
    """Return the public key that belongs to a private one.

    Raises:
        BadTunnelKey: The text is no key.
    """
    private = X25519PrivateKey.from_private_bytes(_read(private_key.reveal(), "private key"))
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


def check_public_key(text: str) -> str:
    """Return a public key as it is always written.

    Raises:
        BadTunnelKey: The text is no key, or one that nobody has.
    """
    key = _read(text, "public key")
    if not any(key):
        raise BadTunnelKey("this is no WireGuard public key", where="all zeros")
    return base64.b64encode(key).decode()


def _written(key: bytes) -> Secret:
    return Secret(base64.b64encode(key).decode())


def _read(text: str, what: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise BadTunnelKey(f"this is no WireGuard {what}", to_do="It is 44 characters of base64, as `wg` writes it.")
    return key
