"""Keys of WireGuard tunnels: 32 bytes of Curve25519, written in base64 (https://www.wireguard.com/protocol/)."""

import base64
import binascii

from ringfence.identity.errors import BadTunnelKey
from ringfence.secret import Secret

_KEY_BYTES = 32


def check_private_key(private_key: Secret) -> Secret:
    """Return a private key; BadTunnelKey if the text is none."""
    _read(private_key.reveal(), "private key")
    return private_key


def check_public_key(text: str) -> str:
    """Return a public key as it is always written.

    Raises:
        BadTunnelKey: The text is no key, or one that nobody has.
    """
    key = _read(text, "public key")
    if not any(key):
        raise BadTunnelKey("this is no WireGuard public key", where="all zeros")
    return base64.b64encode(key).decode()


def _read(text: str, what: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise BadTunnelKey(f"this is no WireGuard {what}", to_do="It is 44 characters of base64, as `wg` writes it.")
    return key
