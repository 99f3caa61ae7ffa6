"""The edge's side of the metadata: a set that can't hold what it did not verify.

``TrustedMetadata`` walks the client workflow of the TUF specification (1.0.34, section 5.3): root, timestamp, snapshot,
targets, in this order. Each update verifies, or raises a MetadataRefused and changes nothing. It adds one check to
the specification's: every role's metadata must name the site that the edge is enrolled for. The time is an argument,
because an edge serves what it once verified for as long as its hub is away, and its own clock may be years off.
"""

import copy
import datetime as dt
import re
from typing import Any, TypeVar, get_args

from tuf.api.exceptions import LengthOrHashMismatchError, RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from ringfence.content.digests import Digest, is_digest
from ringfence.content.errors import (
    BadName,
    BadSignature,
    EndlessData,
    Frozen,
    Malformed,
    MetadataRefused,
    MixAndMatch,
    OtherContent,
    Rollback,
    WrongSite,
)
from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.content.names import normalise
from ringfence.content.release import (
    MINUTES_A_DAY,
    Release,
    Reload,
    ReloadMethod,
    Target,
    TargetKind,
)
from ringfence.content.repository import HUB_FIELD, SITE_FIELD, Versions

S = TypeVar("S", Root, Timestamp, Snapshot, Targets)

LARGEST_ROOT_BYTES = 512_000
LARGEST_TIMESTAMP_BYTES = 16_384
LARGEST_SNAPSHOT_BYTES = 65_536
LARGEST_TARGETS_BYTES = 8_000_000
LARGEST_TARGET_BYTES = 512 * 1024 * 1024

_OWNER = re.compile(r"[0-9A-F]{12}")
_KEPT = "The last good release stays in use."
_PARTED = (
    f"{_KEPT} Two histories have the same numbers: the hub goes on from a copy of its data, or somebody has its keys."
)


class TrustedMetadata:
    """What one edge trusts of its site's repository, from a root that it got at enrolment over a pinned connection."""

    def __init__(self, site: str, root: bytes) -> None:
        """Trust ``root``, which must be signed by its own root key and name ``site``."""
        self._site = site
        parsed, payload, metadata = self._parse(Root, root, LARGEST_ROOT_BYTES)
        if not parsed.get_root_verification_result(None, payload, metadata.signatures):
            raise BadSignature("the root metadata isn't signed by the key that it names", to_do="Enrol again.")
        self._root, self._root_bytes, self._hub = parsed, root, _hub_endpoints(parsed)
        self._timestamp: Timestamp | None = None
        self._snapshot: Snapshot | None = None
        self._release: Release | None = None
        self._floor: Release | None = None
        self._bytes: dict[str, bytes] = {}

    @property
    def root_version(self) -> int:
        """The version of the trusted root; the next one to ask for is one more."""
        return self._root.version

    @property
    def hub(self) -> HubEndpoints:
        """Where the trusted root says that the hub is; empty if it says nothing."""
        return self._hub

    @property
    def snapshot_meta(self) -> MetaFile:
        """The version and length of the snapshot to fetch next; a timestamp must be trusted."""
        return _present(self._timestamp, "timestamp").snapshot_meta

    @property
    def targets_meta(self) -> MetaFile:
        """The version and length of the targets to fetch next; a snapshot must be trusted."""
        return _present(self._snapshot, "snapshot").meta["targets.json"]

    @property
    def release(self) -> Release | None:
        """The release that the trusted targets name; None until a whole set was verified."""
        return self._release

    @property
    def root_bytes(self) -> bytes:
        """The trusted root as signed, for keeping; ``resume_root`` takes it back."""
        return self._root_bytes

    @property
    def versions(self) -> Versions:
        """The versions of the trusted roles; a snapshot must be trusted."""
        return Versions(
            self.targets_meta.version,
            _present(self._snapshot, "snapshot").version,
            _present(self._timestamp, "timestamp").version,
        )

    def whole_set(self) -> dict[str, bytes]:
        """Return the four roles' bytes by name, for keeping; ``restore`` takes them back."""
        _present(self._release, "targets")
        return {"root": self._root_bytes, **self._bytes}

    @classmethod
    def restore(cls, site: str, kept: dict[str, bytes], refreshed_at: float) -> "TrustedMetadata":
        """Verify a kept set as of ``refreshed_at``, the last moment at which the hub confirmed it."""
        missing = {"root", "timestamp", "snapshot", "targets"} - kept.keys()
        if missing:
            raise Malformed(
                f"the stored metadata lacks {', '.join(sorted(missing))}", to_do="The edge fetches it again."
            )
        trusted = cls(site, kept["root"])
        trusted.update_timestamp(kept["timestamp"], refreshed_at)
        trusted.update_snapshot(kept["snapshot"], refreshed_at)
        trusted.update_targets(kept["targets"], refreshed_at)
        return trusted

    def candidate(self) -> "TrustedMetadata":
        """Return a copy to update step by step, so that this set stays whole until the copy is."""
        return copy.copy(self)

    def resume_root(self, data: bytes) -> None:
        """Go on with a kept root, which was verified when it was taken over and may be newer than the kept set's.

        Raises:
            MetadataRefused: It isn't this site's root, or isn't signed by its own key.
        """
        kept = TrustedMetadata(self._site, data)
        if kept.root_version > self.root_version:
            self._take_root(kept._root, data)

    def verify_root(self, data: bytes) -> "TrustedMetadata":
        """Return trust in a root of any version that this set's root key has signed.

        Raises:
            MetadataRefused: Another key signed it, or it is not a root of this site.
        """
        self._verified(Root, data, LARGEST_ROOT_BYTES)
        return TrustedMetadata(self._site, data)

    def update_root(self, data: bytes) -> None:
        """Take over the next root (5.3.4 to 5.3.7): signed by the old and by its own root key, one version on.

        What follows may fail: a verified root stays trusted all the same, and is to be kept at once (5.3.8).
        """
        new, payload, metadata = self._parse(Root, data, LARGEST_ROOT_BYTES)
        if new.version != self._root.version + 1:
            raise Rollback(
                f"root metadata has version {new.version}, but the next version is {self._root.version + 1}",
                to_do=_KEPT,
            )
        if not new.get_root_verification_result(self._root, payload, metadata.signatures):
            raise BadSignature("root metadata isn't signed by both the old and the new root key", to_do=_KEPT)
        self._take_root(new, data)

    def _take_root(self, new: Root, data: bytes) -> None:
        rotated = any(
            new.roles[role].keyids != self._root.roles[role].keyids
            for role in (Timestamp.type, Snapshot.type, Targets.type)
        )
        self._hub = _hub_endpoints(new)
        self._root, self._root_bytes = new, data
        if rotated:  # 5.3.11: whoever had the old keys may have signed versions that no honest one ever reaches
            self._timestamp = self._snapshot = self._floor = None

    def update_timestamp(self, data: bytes, now: float) -> bool:
        """Take over a timestamp (5.3.10, 5.4); return whether it is newer than the trusted one."""
        if self._root.is_expired(_moment(now)):
            raise Frozen("the root metadata has expired", to_do="Renew it at the hub: ringfence hub run does so.")
        new = self._verified(Timestamp, data, LARGEST_TIMESTAMP_BYTES)
        old = self._timestamp
        if old is not None:
            if new.version < old.version:
                raise Rollback(f"timestamp {new.version} is older than the trusted {old.version}", to_do=_KEPT)
            if new.snapshot_meta.version < old.snapshot_meta.version:
                raise Rollback(
                    f"a timestamp names snapshot {new.snapshot_meta.version}, older than {old.snapshot_meta.version}",
                    to_do=_KEPT,
                )
            if new.version == old.version and new != old:
                raise OtherContent(f"timestamp {new.version} is not the one that is trusted", to_do=_PARTED)
            _check_same("snapshot", new.snapshot_meta, old.snapshot_meta)
        self._check_time(new, now)
        if old is not None and new.version == old.version:
            return False
        self._timestamp = new
        self._bytes = self._bytes | {Timestamp.type: data}
        return True

    def update_snapshot(self, data: bytes, now: float) -> None:
        """Take over the snapshot that the trusted timestamp names (5.5)."""
        expected = self.snapshot_meta
        self._check_bytes(Snapshot.type, data, expected)
        new = self._verified(Snapshot, data, LARGEST_SNAPSHOT_BYTES)
        self._check_version(Snapshot.type, new.version, expected.version)
        if "targets.json" not in new.meta:
            raise Malformed("a snapshot does not name targets", to_do=_KEPT)
        if self._snapshot is not None:
            kept = self._snapshot.meta["targets.json"]
            if new.meta["targets.json"].version < kept.version:
                raise Rollback(
                    f"a snapshot names targets {new.meta['targets.json'].version}, older than {kept.version}",
                    to_do=_KEPT,
                )
            _check_same("targets", new.meta["targets.json"], kept)
        self._check_time(new, now)
        self._snapshot = new
        self._bytes = self._bytes | {Snapshot.type: data}

    def update_targets(self, data: bytes, now: float) -> Release:
        """Take over the targets that the trusted snapshot names (5.6) and return the release that they are."""
        expected = self.targets_meta
        self._check_bytes(Targets.type, data, expected)
        new = self._verified(Targets, data, LARGEST_TARGETS_BYTES)
        self._check_version(Targets.type, new.version, expected.version)
        self._check_time(new, now)
        release = _release(self._site, new)
        if self._floor is not None:
            if release.number < self._floor.number:
                raise Rollback(f"release {release.number} is older than the trusted {self._floor.number}", to_do=_KEPT)
            if release.number == self._floor.number and release != self._floor:
                raise OtherContent(f"release {release.number} has other files than the trusted one", to_do=_PARTED)
        self._release = self._floor = release
        self._bytes = self._bytes | {Targets.type: data}
        return release

    def _parse(self, form: type[S], data: bytes, largest: int) -> tuple[S, bytes, Metadata[S]]:
        if len(data) > largest:
            raise EndlessData(f"{form.type} metadata has more than {largest} bytes", to_do=_KEPT)
        try:
            metadata = Metadata[S].from_bytes(data)
            payload = metadata.signed_bytes
        except (RepositoryError, ValueError, RecursionError, OverflowError) as fault:
            raise Malformed(f"{form.type} metadata can't be read: {fault}", to_do=_KEPT) from None
        if not isinstance(metadata.signed, form):
            raise Malformed(f"{metadata.signed.type} metadata arrived instead of {form.type}", to_do=_KEPT)
        site_field = metadata.signed.unrecognized_fields.get(SITE_FIELD)
        site = site_field.get("site") if isinstance(site_field, dict) else None
        if site != self._site:
            raise WrongSite(f"{form.type} metadata is for site {site!r}, not for {self._site!r}", to_do=_KEPT)
        return metadata.signed, payload, metadata

    def _verified(self, form: type[S], data: bytes, largest: int) -> S:
        signed, payload, metadata = self._parse(form, data, largest)
        try:
            self._root.verify_delegate(form.type, payload, metadata.signatures)
        except (RepositoryError, ValueError):
            raise BadSignature(
                f"{form.type} metadata isn't signed by the key that the root names", to_do=_KEPT
            ) from None
        return signed

    def _check_bytes(self, role: str, data: bytes, expected: MetaFile) -> None:
        try:
            expected.verify_length_and_hashes(data)
        except LengthOrHashMismatchError:
            raise MixAndMatch(f"{role} metadata does not have the bytes that its parent names", to_do=_KEPT) from None

    def _check_version(self, role: str, version: int, expected: int) -> None:
        if version != expected:
            raise MixAndMatch(f"{role} metadata has version {version}, but its parent names {expected}", to_do=_KEPT)

    def _check_time(self, signed: Timestamp | Snapshot | Targets, now: float) -> None:
        if signed.is_expired(_moment(now)):
            raise Frozen(
                f"{signed.type} metadata expired at {signed.expires:%Y-%m-%d %H:%M} UTC",
                to_do=_KEPT
                + " The hub should have renewed it; if it did, something between hub and edge holds it back.",
            )


def _check_same(role: str, new: MetaFile, old: MetaFile) -> None:
    """Raise OtherContent where the same version of a role is named with other bytes."""
    if new.version == old.version and new.hashes != old.hashes:
        raise OtherContent(f"{role} {new.version} has other bytes than the trusted {role} {old.version}", to_do=_PARTED)


P = TypeVar("P")


def _present(part: P | None, role: str) -> P:
    if part is None:
        raise RuntimeError(f"no {role} metadata is trusted yet: update in the order of the specification")
    return part


def _moment(unix_s: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(unix_s, dt.UTC)


def _hub_endpoints(root: Root) -> HubEndpoints:
    try:
        return HubEndpoints.from_field(root.unrecognized_fields[SITE_FIELD].get(HUB_FIELD))
    except ValueError as fault:
        raise Malformed(f"root metadata can't be read: {fault}", to_do=_KEPT) from None


def _release(site: str, targets: Targets) -> Release:
    number = targets.unrecognized_fields[SITE_FIELD].get("release")
    if not isinstance(number, int) or number < 1:
        raise Malformed("targets metadata has no release number", to_do=_KEPT)
    try:
        files = tuple(_target(name, file) for name, file in sorted(targets.targets.items()))
    except (KeyError, TypeError, ValueError, AttributeError, BadName) as fault:
        raise Malformed(f"targets metadata names a file in an unknown form: {fault}", to_do=_KEPT) from None
    return Release(site, number, files)


def _target(name: str, file: TargetFile) -> Target:
    custom: dict[str, Any] = file.unrecognized_fields["custom"]  # Any: JSON; each value is checked below
    digest, owner, reload = file.hashes["sha256"], custom.get("owner"), custom.get("reload")
    if normalise(name) != name or not is_digest(digest):
        raise ValueError(repr(name))
    if owner is not None and _OWNER.fullmatch(owner) is None:
        raise ValueError(f"{name}: owner {owner!r}")
    if not 0 <= file.length <= LARGEST_TARGET_BYTES:
        raise ValueError(f"{name}: {file.length} bytes")
    return Target(name, Digest(digest), file.length, TargetKind(custom["kind"]), owner, _reload(reload),
                  custom.get("secret") is not False, custom.get("sealed") is True and owner is not None)  # fmt: skip


def _reload(value: dict[str, Any] | None) -> Reload | None:
    """Read how a phone is reloaded; a way that a newer hub knows and we do not is none."""
    if value is None or value["method"] not in get_args(ReloadMethod):
        return None
    port = value["port"]
    if not isinstance(port, int) or not 1 <= port <= 65535:  # noqa: PLR2004 - the ports there are
        raise ValueError(f"reload port {port!r}")
    minute = value.get("minute")
    if minute is not None and not (isinstance(minute, int) and 0 <= minute < MINUTES_A_DAY):
        raise ValueError(f"reload minute {minute!r}")
    return Reload(value["method"], port, minute)


__all__ = ["MetadataRefused", "TrustedMetadata"]
