"""Ring tones, wallpapers, languages, tones, and files that phones name."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter

from ringfence.content.digests import Digest
from ringfence.hub.fleet import assets
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.assets import AssetView, NewAsset
from ringfence.hub.publishing.shared_files import require_no_secret
from ringfence.hub.store import pages, release_models
from ringfence.phones.assets.kinds import AssetKind

router = APIRouter(tags=["firmware"])


@router.post("/assets", status_code=201)
def add_asset(body: NewAsset, hub: TheHub, caller: TheCaller) -> AssetView:
    """Create an asset, such as a ring tone or a dial plan, from uploaded files."""
    files = [assets.UploadedAsset(file.name, Digest(file.digest), file.length, file.variant) for file in body.files]
    with hub.change(caller.name) as change:
        row = assets.add(change, hub.blobs, AssetKind(body.kind), body.name, body.source, files)
        found = ((file.name, file.digest) for file in files)
        require_no_secret(change.session, hub.sealer, hub.blobs, found)
        change.session.flush()
        return _asset(row, assets.files(change.session))


@router.get("/assets")
def list_assets(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[AssetView]:
    """List the assets."""
    with hub.database.reading() as session:
        listed = assets.files(session)
        return Items.of(pages.cut(assets.find(session), page).each(lambda row: _asset(row, listed)))


@router.delete("/assets/{asset}", status_code=204)
def remove_asset(asset: str, hub: TheHub, caller: TheCaller) -> None:
    """Delete an asset."""
    with hub.change(caller.name) as change:
        assets.remove(change, asset)


def _asset(row: release_models.AssetRow, listed: Mapping[str, Sequence[release_models.AssetFileRow]]) -> AssetView:
    files = listed.get(row.id, ())
    return AssetView(
        id=row.id, kind=row.kind, name=row.name, source=row.source, added_at=row.added_at, added_by=row.added_by,
        size=sum(file.length for file in files), files=[file.name for file in files],
    )  # fmt: skip
