"""Releases of the edge's own software: what is signed of each, and how an edge checks it before it unpacks one.

A release is one archive for one kind of Python and one kind of machine, with a file beside it that says so: TUF targets
metadata (the TUF specification 1.0.34, section 4.5), signed by a key of its own. No key of a hub signs it, and an edge
has the public key from whoever installed it: so whoever takes a hub, with every key that is there, can't give out
software. Keys are Ed25519. Time is an argument; nothing here reads or writes.
"""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.api.serialization.json import JSONSerializer

from ringfence.content.digests import Digest, is_digest
from ringfence.content.errors import BadSignature, EndlessData, Malformed
from ringfence.secret import Secret

LARGEST_ARCHIVE_BYTES = 128 << 20
LARGEST_UNPACKED_BYTES = 512 << 20
MOST_FILES = 10_000
LARGEST_STATEMENT_BYTES = 16_384
LONGEST_NOTES = 2_000

_FIELD = "x-ringfence-software"
_LIFETIME = dt.timedelta(days=3650)  # by the versions an edge knows what is old: its clock may be years off
_VERSION = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")
_KIND = re.compile(r"[a-z0-9_]{1,32}")
_ARCHIVE = "archive"
_KEPT = "Nothing was installed."

VersionNumbers = tuple[int, int, int]


def version_numbers(text: str) -> VersionNumbers:
    """Return a version such as 1.2.3 as numbers, to compare it by.

    Raises:
        Malformed: It is not of that form.
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        raise Malformed(f"{text[:40]!r} is not a version", to_do="Write it as three numbers, such as 1.2.0.")
    return int(found[1]), int(found[2]), int(found[3])


@dataclass(frozen=True, slots=True)
class SoftwareRelease:
    """One archive of the edge's software.

    ``python`` is the interpreter's tag (``cp311``), ``machine`` its hardware (``x86_64``, ``aarch64``). Whoever runs
    ``version`` goes back to none below ``minimum`` any more, whatever is signed. ``size_bytes`` and ``digest``
    (SHA-256) are the archive's.
    """

    version: str
    python: str
    machine: str
    size_bytes: int
    digest: Digest
    minimum: str = "0.0.0"
    notes: str = ""

    def check(self) -> None:
        """Refuse what no release has. Malformed."""
        if version_numbers(self.minimum) > version_numbers(self.version):
            raise Malformed(
                f"version {self.version} is below the minimum {self.minimum} that it names itself",
                to_do="Sign it with a minimum that is not above its version.",
            )
        is_plain = _KIND.fullmatch(self.python) and _KIND.fullmatch(self.machine) and is_digest(self.digest)
        if not is_plain or not self.notes.isprintable() or len(self.notes) > LONGEST_NOTES:
            raise Malformed("a release of software has a field in an unknown form", to_do=_KEPT)
        if not 0 < self.size_bytes <= LARGEST_ARCHIVE_BYTES:
            raise EndlessData(
                f"an archive of {self.size_bytes} bytes is not between 1 and {LARGEST_ARCHIVE_BYTES}", to_do=_KEPT
            )


@dataclass(frozen=True, slots=True)
class SoftwareKey:
    """A new key for signing software; the private part is PKCS #8 in PEM."""

    private_pem: Secret
    public_pem: str


def new_software_key(key: ed25519.Ed25519PrivateKey) -> SoftwareKey:
    """Return both parts of a key in PEM."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return SoftwareKey(Secret(private.decode()), public.decode())


def sign_software(release: SoftwareRelease, private_pem: Secret, now: float) -> bytes:
    """Return the statement that goes beside the archive, signed; ``now`` in Unix seconds.

    Raises:
        Malformed, EndlessData: The release is none (``SoftwareRelease.check``), or the key is no Ed25519 key in PEM.
    """
    release.check()
    try:
        key = serialization.load_pem_private_key(private_pem.reveal().encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise Malformed("this is no private key for software", to_do="Make one: ringfence software new-key FOLDER.")
    custom = {"python": release.python, "machine": release.machine, "notes": release.notes}
    signed = Targets(
        version=1,
        expires=dt.datetime.fromtimestamp(int(now), dt.UTC) + _LIFETIME,
        targets={_ARCHIVE: TargetFile(release.size_bytes, {"sha256": release.digest}, _ARCHIVE, {"custom": custom})},
        unrecognized_fields={_FIELD: {"version": release.version, "minimum": release.minimum}},
    )
    metadata = Metadata(signed)
    metadata.sign(CryptoSigner(key, SSlibKey.from_crypto(key.public_key())))
    return metadata.to_bytes(JSONSerializer(compact=True))


def read_public_key(pem: str) -> ed25519.Ed25519PublicKey:
    """Return a public key for software. Malformed."""
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except ValueError:
        key = None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise Malformed("this is no public key for software", to_do="Give the file that ends in .pub.")
    return key


def verify_software(statement: bytes, public_pem: str) -> SoftwareRelease:
    """Return the release that a statement names, which the given key must have signed.

    Raises:
        BadSignature: Another key signed it, or nobody.
        EndlessData: It, or the archive that it names, is too large.
        Malformed: It is something else.
    """
    if len(statement) > LARGEST_STATEMENT_BYTES:
        raise EndlessData(f"a statement has more than {LARGEST_STATEMENT_BYTES} bytes", to_do=_KEPT)
    key = read_public_key(public_pem)
    try:
        metadata = Metadata[Targets].from_bytes(statement)
        payload = metadata.signed_bytes
    except (RepositoryError, ValueError, RecursionError, OverflowError) as fault:
        raise Malformed(f"the statement about this software can't be read: {fault}", to_do=_KEPT) from None
    _check_signature(metadata, payload, key)
    return _release_of(metadata)


def _check_signature(metadata: Metadata[Targets], payload: bytes, key: ed25519.Ed25519PublicKey) -> None:
    named = metadata.signatures.get(SSlibKey.from_crypto(key).keyid)
    try:
        key.verify(bytes.fromhex(named.signature if named is not None else ""), payload)
    except (InvalidSignature, ValueError):
        raise BadSignature(
            "this software isn't signed by the key that this edge was installed with",
            to_do=f"{_KEPT} Look where the archive comes from.",
        ) from None


def _release_of(metadata: Metadata[Targets]) -> SoftwareRelease:
    try:
        told: dict[str, Any] = metadata.signed.unrecognized_fields[_FIELD]  # Any: JSON; each value is checked below
        file = metadata.signed.targets[_ARCHIVE]
        custom: dict[str, Any] = file.unrecognized_fields["custom"]  # Any: as above
        texts = (told["version"], told["minimum"], custom["python"], custom["machine"], custom.get("notes", ""))
        digest, size = file.hashes["sha256"], file.length
    except (AttributeError, KeyError, TypeError):
        raise Malformed("the statement is about something else than software", to_do=_KEPT) from None
    if not all(isinstance(text, str) for text in texts):
        raise Malformed("the statement about this software has fields of another type", to_do=_KEPT)
    version, minimum, python, machine, notes = texts
    release = SoftwareRelease(version, python, machine, size, Digest(digest), minimum, notes)
    release.check()
    return release
