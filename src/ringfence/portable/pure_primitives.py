"""The primitives in pure Python: tlslite-ng's X25519 and ChaCha20-Poly1305, and ecdsa's Ed25519."""

import importlib.util
import sys
from types import ModuleType

from ecdsa import BadSignatureError, Ed25519, VerifyingKey
from ecdsa.errors import MalformedPointError

if "tlslite" not in sys.modules and (_found := importlib.util.find_spec("tlslite")) is not None:
    # The package's own start loads a whole TLS library, and a module that Python 3.12 no longer has.
    sys.modules["tlslite"] = _package = ModuleType("tlslite")
    _package.__path__ = list(_found.submodule_search_locations or ())

from tlslite.utils.chacha20_poly1305 import CHACHA20_POLY1305
from tlslite.utils.x25519 import x25519


class PurePrimitives:
    """Implements ``Primitives``; about 0.8 MB a second."""

    def x25519(self, secret: bytes, point: bytes) -> bytes:
        """Return the product; the library writes into its arguments, so it gets copies."""
        product = bytes(x25519(bytearray(secret), bytearray(point)))
        if not any(product):
            raise ValueError("the shared secret is all zeros")
        return product

    def open_sealed(self, key: bytes, nonce: bytes, sealed: bytes) -> bytes | None:
        """Return what was sealed."""
        opened = CHACHA20_POLY1305(bytearray(key), "python").open(bytearray(nonce), bytearray(sealed), b"")
        return None if opened is None else bytes(opened)

    def is_signed(self, public: bytes, signature: bytes, data: bytes) -> bool:
        """Return whether the signature is the key's."""
        try:
            return bool(VerifyingKey.from_string(public, curve=Ed25519).verify(signature, data))
        except (BadSignatureError, MalformedPointError, ValueError, AssertionError):
            return False
