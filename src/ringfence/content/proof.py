"""What a party proves to have had, by metadata that the hub itself signed."""

from collections.abc import Sequence
from dataclasses import dataclass

from ringfence.content.digests import Digest
from ringfence.content.errors import BadSignature
from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.content.repository import Versions
from ringfence.content.trust import TrustedMetadata

_WHENEVER = 0.0
"""A time at which nothing has expired: what is proven is that it was signed, however long ago."""


@dataclass(frozen=True, slots=True)
class ProvenMetadata:
    """The versions that signed metadata proves, and the digest of the targets that it names."""

    versions: Versions
    targets_digest: Digest


def prove(site: str, roots: Sequence[bytes], timestamp: bytes, snapshot: bytes) -> ProvenMetadata:
    """Verify a timestamp and the snapshot that it names by any of a site's roots.

    Args:
        site: The site's id, which both must name.
        roots: The site's roots, any of which may have named the keys.
        timestamp: As signed.
        snapshot: As signed.

    Raises:
        MetadataRefused: None of the roots' keys signed them, or they are not metadata of this site.
    """
    refused = BadSignature("no root of this site names the key that signed this")
    for root in roots:
        trusted = TrustedMetadata(site, root)
        try:
            trusted.update_timestamp(timestamp, _WHENEVER)
            trusted.update_snapshot(snapshot, _WHENEVER)
        except BadSignature as fault:
            refused = fault
            continue
        return ProvenMetadata(trusted.versions, Digest((trusted.targets_meta.hashes or {}).get("sha256", "")))
    raise refused


@dataclass(frozen=True, slots=True)
class ProvenRoot:
    """The version of a root, and where it says that the hub is."""

    version: int
    hub: HubEndpoints


def prove_root(site: str, ours: bytes, told: bytes) -> ProvenRoot:
    """Verify a root that one of a site's edges trusts, by the root key that the hub has now.

    Args:
        site: The site's id, which both must name.
        ours: The hub's newest root.
        told: What the edge trusts, which may be older or newer.

    Raises:
        MetadataRefused: The hub's root key didn't sign it, or it is not a root of this site.
    """
    proven = TrustedMetadata(site, ours).verify_root(told)
    return ProvenRoot(proven.root_version, proven.hub)
