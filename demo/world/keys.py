"""Keys of WireGuard, for both ends of a tunnel that a test or a bench plays itself."""

import base64

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ringfence.secret import Secret


def new_private_key() -> Secret:
    """Return a new private key."""
    return Secret(base64.b64encode(X25519PrivateKey.generate().private_bytes_raw()).decode())


def public_key_of(private_key: Secret) -> str:
    """Return the public key that belongs to a private one."""
    private = X25519PrivateKey.from_private_bytes(base64.b64decode(private_key.reveal(), validate=True))
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()
