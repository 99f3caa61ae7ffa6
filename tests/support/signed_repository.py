"""A site's repository in memory, as the hub would make it."""

from dataclasses import dataclass, field

from securesystemslib.signer import CryptoSigner

from ringfence.content.digests import sha256_hex
from ringfence.content.release import (
    Release,
    Reload,
    Target,
    TargetKind,
)
from ringfence.content.repository import Versions
from ringfence.content.signing import (
    SiteSigners,
    first_root,
    next_root,
    renew_timestamp,
    sign_release,
)
from ringfence.content.trust import TrustedMetadata

NOW = 1_800_000_000.0


def signers() -> SiteSigners:
    return SiteSigners(*(CryptoSigner.generate_ed25519() for _ in range(4)))


PHONES_OWN = Reload("sip-notify", 5060)


def target(
    name: str, data: bytes, owner: str | None = None, way: Reload = PHONES_OWN, *, secret: bool = True
) -> Target:
    kind = TargetKind.SHARED if owner is None else TargetKind.CONFIGURATION
    kind = TargetKind.FIRMWARE if name.endswith(".loads") else kind
    reload = None if owner is None else way
    return Target(name, sha256_hex(data), len(data), kind, owner, reload, secret)


@dataclass
class Repository:
    """What a hub serves of one site, by file name; publishing changes it."""

    site: str = "anna"
    keys: SiteSigners = field(default_factory=signers)
    files: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    versions: Versions = field(default_factory=Versions)
    root_version: int = 1

    def __post_init__(self) -> None:
        self.files["1.root.json"] = first_root(self.site, self.keys, NOW)

    def publish(self, number: int, contents: dict[str, bytes], now: float = NOW, way: Reload = PHONES_OWN) -> Release:
        files = sorted(contents.items())
        targets = tuple(
            target(name, data, _owner(name), way, secret=not name.startswith("stub/")) for name, data in files
        )
        release = Release(self.site, number, targets)
        signed = sign_release(release, self.versions, self.keys, now)
        self.versions = signed.versions
        self.files[f"{signed.versions.targets}.targets.json"] = signed.targets
        self.files[f"{signed.versions.snapshot}.snapshot.json"] = signed.snapshot
        self.files["timestamp.json"] = signed.timestamp
        self.blobs |= {sha256_hex(data): data for data in contents.values()}
        return release

    def renew(self, now: float) -> None:
        self.files["timestamp.json"] = renew_timestamp(self.files["timestamp.json"], self.keys.timestamp, now)
        self.versions = Versions(self.versions.targets, self.versions.snapshot, self.versions.timestamp + 1)

    def rotate(self, keys: SiteSigners) -> None:
        old = self.files[f"{self.root_version}.root.json"]
        self.root_version += 1
        self.files[f"{self.root_version}.root.json"] = next_root(old, self.site, keys, self.keys.root, NOW)
        self.keys = keys

    def timestamp(self) -> bytes:
        return self.files["timestamp.json"]

    def snapshot(self) -> bytes:
        return self.files[f"{self.versions.snapshot}.snapshot.json"]

    def targets(self) -> bytes:
        return self.files[f"{self.versions.targets}.targets.json"]

    def trust_root(self) -> TrustedMetadata:
        return TrustedMetadata(self.site, self.files["1.root.json"])

    def trust_all(self, now: float = NOW) -> TrustedMetadata:
        trusted = self.trust_root()
        follow(trusted, self, now)
        return trusted


def follow(trusted: TrustedMetadata, repository: Repository, now: float = NOW) -> Release:
    trusted.update_timestamp(repository.timestamp(), now)
    trusted.update_snapshot(repository.snapshot(), now)
    return trusted.update_targets(repository.targets(), now)


def _owner(name: str) -> str | None:
    return name.removeprefix("stub/")[3:15] if "SEP" in name else None
