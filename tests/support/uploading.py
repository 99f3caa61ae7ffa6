"""Bytes that an organisation has uploaded, as tests bring them."""

from collections.abc import Mapping

from ringfence.content.digests import Digest
from ringfence.hub.core import Hub
from ringfence.hub.fleet import uploads


def upload(hub: Hub, blobs: Mapping[Digest, bytes]) -> None:
    """Bring blobs to a hub, outside of any change."""
    hub.blobs.put(blobs)
    with hub.change("test") as change:
        for digest, data in blobs.items():
            uploads.note(change, digest, len(data))
