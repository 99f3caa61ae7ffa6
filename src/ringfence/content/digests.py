"""Digests: how blobs are named."""

import hashlib
import re
from typing import NewType

from ringfence.content.errors import WrongDigest

Digest = NewType("Digest", str)
"""A SHA-256 in 64 lower-case hexadecimal digits."""

_FORM = re.compile(r"[0-9a-f]{64}")


def sha256_hex(data: bytes) -> Digest:
    """Return the digest that names ``data``."""
    return Digest(hashlib.sha256(data).hexdigest())


def is_digest(text: str) -> bool:
    """Return whether ``text`` has a digest's form; anything else must never become part of a path."""
    return _FORM.fullmatch(text) is not None


def check_blob(data: bytes, digest: Digest, size_bytes: int) -> None:
    """Raise WrongDigest unless ``data`` is exactly the blob that ``digest`` and ``size_bytes`` name."""
    if len(data) != size_bytes or sha256_hex(data) != digest:
        raise WrongDigest(
            f"blob {digest[:12]}… does not have the bytes that the release names",
            to_do="The edge fetches it again; if this repeats, something between hub and edge alters data.",
        )
