"""An authenticator in software, which makes passkeys and signs with them as told, right or wrong."""

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

Json = dict[str, Any]  # Any: JSON
PRESENT, VERIFIED, SYNCABLE, SYNCED, HAS_KEY = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass
class SoftAuthenticator:
    """One passkey and what goes with it; the arguments of its methods say what it does wrong."""

    rp_id: str
    origin: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: bytes = b""
    count: int = 0
    flags: int = PRESENT | VERIFIED | SYNCABLE | SYNCED

    def create(self, options: Json, *, origin: str = "", flags: int | None = None, fmt: str = "none") -> str:
        """Make the passkey that options ask for, and return what a browser answers."""
        self.user_handle = unbase(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        with_key = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cose
        data = self._data((self.flags if flags is None else flags) | HAS_KEY) + with_key
        client = self._client("webauthn.create", options["challenge"], origin)
        attestation = cbor2.dumps({"fmt": fmt, "attStmt": {}, "authData": data})
        return self._told({"clientDataJSON": base(client), "attestationObject": base(attestation)})

    def sign(
        self, options: Json, *, origin: str = "", flags: int | None = None, counts: int = 1, rp_id: str = "",
        handle: bytes | None = None, kind: str = "webauthn.get", with_handle: bool = True,
    ) -> str:  # fmt: skip
        """Sign what options ask for, and return what a browser answers."""
        self.count += counts
        data = self._data(self.flags if flags is None else flags, rp_id)
        client = self._client(kind, options["challenge"], origin)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        answer = {"clientDataJSON": base(client), "authenticatorData": base(data), "signature": base(signature)}
        if with_handle:
            answer["userHandle"] = base(self.user_handle if handle is None else handle)
        return self._told(answer)

    def _data(self, flags: int, rp_id: str = "") -> bytes:
        return hashlib.sha256((rp_id or self.rp_id).encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, origin: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": origin or self.origin}).encode()

    def _told(self, answer: Json) -> str:
        named = base(self.credential_id)
        return json.dumps({"id": named, "rawId": named, "type": "public-key", "response": answer})


def base(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unbase(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "===")
