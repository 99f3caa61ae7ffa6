"""Firmware and assets: uploads, loads, how far they are; ring tones, wallpapers, languages."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Request
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from ringfence.content.digests import Digest
from ringfence.hub.fleet import assets, firmware
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.firmware import (
    Asset,
    EdgesWith,
    Firmware,
    FirmwareFile,
    NewAsset,
    NewFirmware,
    Uploaded,
)
from ringfence.hub.publishing import firmware_rollout
from ringfence.hub.store import models
from ringfence.phones.assets.kinds import AssetKind
from ringfence.phones.firmware.bundles import models_of

router = APIRouter(tags=["firmware"])

_Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256")]


@router.get("/uploads/{digest}")
def show_upload(digest: _Digest, hub: TheHub, _caller: TheCaller) -> Uploaded:
    """Say whether a file's bytes are here already."""
    return Uploaded(here=hub.blobs.has(Digest(digest)))


@router.put("/uploads/{digest}", status_code=201)
async def upload(digest: _Digest, request: Request, hub: TheHub, _caller: TheCaller) -> Uploaded:
    """Take a file's bytes, as the body of the request; they must have this digest."""
    with hub.blobs.receive(Digest(digest)) as write:
        async for part in request.stream():
            await run_in_threadpool(write, part)
    return Uploaded(here=True)


@router.post("/firmware", status_code=201)
def add_firmware(body: NewFirmware, hub: TheHub, caller: TheCaller) -> Items[Firmware]:
    """Take the loads of a bundle whose files were uploaded; refused where a file that one names is missing."""
    files = [firmware.UploadedFile(file.name, Digest(file.digest), file.length) for file in body.files]
    with hub.change(caller.name) as change:
        rows = firmware.add(change, hub.blobs, body.source, files)
        change.session.flush()
        listed = firmware.files(change.session, [row.name for row in rows])
        return Items(items=[_firmware(row, listed) for row in rows])


@router.get("/firmware")
def list_firmware(hub: TheHub, _caller: TheCaller) -> Items[Firmware]:
    """List the loads that were imported."""
    with hub.database.reading() as session:
        listed = firmware.files(session)
        return Items(items=[_firmware(row, listed) for row in firmware.find(session)])


@router.delete("/firmware/{load}", status_code=204)
def remove_firmware(load: str, hub: TheHub, caller: TheCaller) -> None:
    """Forget a load that no phone uses."""
    with hub.change(caller.name) as change:
        firmware.remove(change, load)


@router.get("/firmware/{load}/sites")
def show_rollout(load: str, hub: TheHub, _caller: TheCaller) -> Items[EdgesWith]:
    """Show how far a load is at each site whose phones name or await it."""
    with hub.database.reading() as session:
        firmware.get(session, load)
        return Items(items=[_rollout(session, site_id, load) for site_id in firmware.sites_with(session, load)])


@router.post("/assets", status_code=201)
def add_asset(body: NewAsset, hub: TheHub, caller: TheCaller) -> Asset:
    """Keep a ring tone, a wallpaper, a language or tones, of files that were uploaded."""
    files = [assets.UploadedAsset(file.name, Digest(file.digest), file.length, file.variant) for file in body.files]
    with hub.change(caller.name) as change:
        row = assets.add(change, hub.blobs, AssetKind(body.kind), body.name, body.source, files)
        change.session.flush()
        return _asset(row, assets.files(change.session))


@router.get("/assets")
def list_assets(hub: TheHub, _caller: TheCaller) -> Items[Asset]:
    """List the assets."""
    with hub.database.reading() as session:
        listed = assets.files(session)
        return Items(items=[_asset(row, listed) for row in assets.find(session)])


@router.delete("/assets/{asset}", status_code=204)
def remove_asset(asset: str, hub: TheHub, caller: TheCaller) -> None:
    """Forget an asset."""
    with hub.change(caller.name) as change:
        assets.remove(change, asset)


def _asset(row: models.Asset, listed: Mapping[str, Sequence[models.AssetFile]]) -> Asset:
    files = listed.get(row.id, ())
    return Asset(
        id=row.id, kind=row.kind, name=row.name, source=row.source, added_at=row.added_at, added_by=row.added_by,
        size=sum(file.length for file in files), files=[file.name for file in files],
    )  # fmt: skip


def _rollout(session: Session, site_id: str, load: str) -> EdgesWith:
    with_load, edges = firmware_rollout.edges_with(session, site_id, load)
    waiting = select(func.count()).where(models.PreparedTarget.site_id == site_id, models.PreparedTarget.load == load)
    named = select(func.count()).where(models.Phone.site_id == site_id, models.Phone.named_load == load)
    parts = select(func.sum(models.Edge.fetched_bytes), func.sum(models.Edge.fetching_bytes))
    fetched, fetching = session.execute(
        parts.where(models.Edge.site_id == site_id, models.Edge.revoked_at.is_(None))
    ).one()
    return EdgesWith(
        site=site_id, edges=edges, with_load=with_load, fetched_bytes=fetched or 0, fetching_bytes=fetching or 0,
        waiting=session.scalar(waiting) or 0,
        named=session.scalar(named) or 0,
    )  # fmt: skip


def _firmware(row: models.FirmwareLoad, listed: Mapping[str, Sequence[models.FirmwareFile]]) -> Firmware:
    files = listed.get(row.name, ())
    return Firmware(
        name=row.name, models=list(models_of(row.name)), source=row.source, added_at=row.added_at,
        added_by=row.added_by, size=sum(file.length for file in files),
        files=[FirmwareFile(name=file.name, digest=file.digest, length=file.length) for file in files],
    )  # fmt: skip
