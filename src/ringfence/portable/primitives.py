"""The three primitives that a bundle asks for, from libraries: X25519, ChaCha20-Poly1305, Ed25519.

Two sources, one interface: ``cryptography``, which is compiled and fast, and the pure libraries that go into the
zipapp. Whoever needs one takes what is there.
"""

from typing import Protocol


class Primitives(Protocol):
    """What a reader of bundles asks of a library of cryptography."""

    def x25519(self, secret: bytes, point: bytes) -> bytes:
        """Return the product of a secret and a point (RFC 7748); ValueError if it is all zeros."""

    def open_sealed(self, key: bytes, nonce: bytes, sealed: bytes) -> bytes | None:
        """Return what was sealed by ChaCha20-Poly1305 without further data (RFC 8439), or None if it was altered."""

    def is_signed(self, public: bytes, signature: bytes, data: bytes) -> bool:
        """Return whether ``data`` was signed by the Ed25519 key (RFC 8032)."""


def best() -> Primitives:
    """Return the compiled primitives where they are installed, the pure ones otherwise."""
    try:
        return compiled()
    except ImportError:
        return pure()


def compiled() -> Primitives:
    """Return the primitives of ``cryptography``; ImportError where it is not installed."""
    from ringfence.portable.compiled_primitives import CompiledPrimitives  # noqa: PLC0415 - only where it is there

    return CompiledPrimitives()


def pure() -> Primitives:
    """Return the primitives in pure Python."""
    from ringfence.portable.pure_primitives import PurePrimitives  # noqa: PLC0415 - costs time where it isn't needed

    return PurePrimitives()
