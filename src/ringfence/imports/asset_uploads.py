"""Bringing an asset to the hub: the files that it lacks, then what they are."""

import hashlib

from ringfence.imports.hub_requests import HubRequests
from ringfence.phones.assets.kinds import Asset


def bring(client: HubRequests, asset: Asset, source: str) -> None:
    """Upload the files of an asset that the hub lacks, and store it as ``source``'s."""
    files = []
    for file in asset.files:
        digest = hashlib.sha256(file.data).hexdigest()
        if not client.get(f"/uploads/{digest}")["here"]:
            client.upload(f"/uploads/{digest}", iter([file.data]))
        files.append({"name": file.name, "digest": digest, "length": len(file.data), "variant": file.variant})
    client.post("/assets", {"kind": str(asset.kind), "name": asset.name, "source": source, "files": files})
