"""The hub's side of the metadata: turns releases into signed TUF metadata, one repository per site.

Every role's metadata names its site in ``x-ringfence``, so that no part of one site's repository is valid in another's
(DESIGN.md section 5; roles and fields: the TUF specification 1.0.34, sections 4 and 5). Signers, versions and time are
arguments; nothing here writes.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any, TypeVar

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.content.release import Release, Target
from ringfence.content.repository import HUB_FIELD, SITE_FIELD, Versions

ROLES = ("root", "targets", "snapshot", "timestamp")
DAY_S = 86_400
ROOT_LIFETIME_S = 10 * 365 * DAY_S
TARGETS_LIFETIME_S = 365 * DAY_S
SNAPSHOT_LIFETIME_S = 365 * DAY_S
TIMESTAMP_LIFETIME_S = 7 * DAY_S
"""How long withheld news can stay unnoticed: after this an edge that reaches its hub speaks of a freeze."""

_SERIALIZER = JSONSerializer(compact=True)


@dataclass(frozen=True, slots=True)
class SiteSigners:
    """The keys of the four roles, each its own.

    ``former_root`` is the root key before this one, as long as a site's newest root is not signed by the new one.
    """

    root: Signer
    targets: Signer
    snapshot: Signer
    timestamp: Signer
    former_root: Signer | None = None

    @property
    def named(self) -> "NamedKeys":
        """The ids of the keys, as a root names them."""
        return NamedKeys(*(getattr(self, role).public_key.keyid for role in ROLES))

    def root_signer_after(self, previous: bytes) -> Signer | None:
        """Return the signer of the key that a root names as the root key; None if there is none here."""
        named = named_keys(previous).root
        there = (self.root, *((self.former_root,) if self.former_root is not None else ()))
        return next((each for each in there if each.public_key.keyid == named), None)


@dataclass(frozen=True, slots=True)
class NamedKeys:
    """The id of each role's key in a root; several of one role are joined."""

    root: str
    targets: str
    snapshot: str
    timestamp: str

    @property
    def digest(self) -> str:
        """One name for all four, 64 hexadecimal digits."""
        text = f"{self.root}\n{self.targets}\n{self.snapshot}\n{self.timestamp}"
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def online(self) -> tuple[str, str, str]:
        """Those below the root: where one of them is another, clients forget what the old ones signed (5.3.11)."""
        return self.targets, self.snapshot, self.timestamp


def named_keys(root: bytes) -> NamedKeys:
    """Return the keys that a root of the hub's own names."""
    roles = Metadata[Root].from_bytes(root).signed.roles
    return NamedKeys(*(" ".join(sorted(roles[role].keyids)) for role in ROLES))


@dataclass(frozen=True, slots=True)
class SignedRelease:
    """A release as metadata, in bytes as they are served, with the versions that they carry."""

    targets: bytes
    snapshot: bytes
    timestamp: bytes
    versions: Versions


def first_root(site: str, signers: SiteSigners, now: float, hub: HubEndpoints | None = None) -> bytes:
    """Return version 1 of a site's root metadata, naming the public key of every role, and where the hub is."""
    return _signed(_root(site, signers, version=1, now=now, hub=hub), signers.root)


def next_root(
    previous: bytes,
    site: str,
    signers: SiteSigners,
    old_root_signer: Signer,
    now: float,
    hub: HubEndpoints | None = None,
) -> bytes:
    """Return the root that follows ``previous``, naming the keys of ``signers``, signed by the old and new root key."""
    version = Metadata[Root].from_bytes(previous).signed.version + 1
    metadata = Metadata(_root(site, signers, version=version, now=now, hub=hub))
    metadata.sign(old_root_signer)
    metadata.sign(signers.root, append=True)
    return metadata.to_bytes(_SERIALIZER)


def sign_release(release: Release, previous: Versions, signers: SiteSigners, now: float) -> SignedRelease:
    """Return the metadata of ``release``; each role's version is one above ``previous``."""
    versions = Versions(previous.targets + 1, previous.snapshot + 1, previous.timestamp + 1)
    site_field = _site_field(release.site, release.number)
    targets = _signed(
        Targets(
            version=versions.targets,
            expires=_moment(now + TARGETS_LIFETIME_S),
            targets={target.name: _target_file(target) for target in release.targets},
            unrecognized_fields=dict(site_field),
        ),
        signers.targets,
    )
    snapshot = _signed(
        Snapshot(
            version=versions.snapshot,
            expires=_moment(now + SNAPSHOT_LIFETIME_S),
            meta={"targets.json": MetaFile.from_data(versions.targets, targets, ["sha256"])},
            unrecognized_fields=dict(site_field),
        ),
        signers.snapshot,
    )
    timestamp = _signed(
        Timestamp(
            version=versions.timestamp,
            expires=_moment(now + TIMESTAMP_LIFETIME_S),
            snapshot_meta=MetaFile.from_data(versions.snapshot, snapshot, ["sha256"]),
            unrecognized_fields=dict(site_field),
        ),
        signers.timestamp,
    )
    return SignedRelease(targets, snapshot, timestamp, versions)


def renew_timestamp(previous: bytes, timestamp_signer: Signer, now: float) -> bytes:
    """Return the timestamp that follows ``previous``: the same release, one version on, its whole time ahead."""
    timestamp = Metadata[Timestamp].from_bytes(previous).signed
    timestamp.version += 1
    timestamp.expires = _moment(now + TIMESTAMP_LIFETIME_S)
    return _signed(timestamp, timestamp_signer)


def _root(site: str, signers: SiteSigners, *, version: int, now: float, hub: HubEndpoints | None) -> Root:
    site_field = _site_field(site, release=0)
    if hub is not None:
        site_field[SITE_FIELD][HUB_FIELD] = hub.to_field()
    root = Root(version=version, expires=_moment(now + ROOT_LIFETIME_S), unrecognized_fields=site_field)
    for role in ROLES:
        root.add_key(getattr(signers, role).public_key, role)
    return root


def _target_file(target: Target) -> TargetFile:
    custom: dict[str, Any] = {"kind": str(target.kind)}  # Any: JSON values of the TUF field `custom`
    if target.owner is not None:
        custom["owner"] = target.owner
    if not target.secret:
        custom["secret"] = False
    if target.sealed:
        custom["sealed"] = True
    if target.reload is not None:
        custom["reload"] = {"method": target.reload.method, "port": target.reload.port}
        if target.reload.minute is not None:
            custom["reload"]["minute"] = target.reload.minute
    return TargetFile(target.length, {"sha256": target.digest}, target.name, {"custom": custom})


def _site_field(site: str, release: int) -> dict[str, Any]:
    return {SITE_FIELD: {"site": site, "release": release}}


S = TypeVar("S", Root, Targets, Snapshot, Timestamp)


def _signed(signed: S, signer: Signer) -> bytes:
    metadata = Metadata(signed)
    metadata.sign(signer)
    return metadata.to_bytes(_SERIALIZER)


def _moment(unix_s: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(unix_s), dt.UTC)
