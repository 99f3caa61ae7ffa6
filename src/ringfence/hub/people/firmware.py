"""Firmware: the imported loads and their rollout."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.content.digests import Digest
from ringfence.hub.core import Hub
from ringfence.hub.fleet import firmware
from ringfence.hub.fleet.edges import is_connected
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.firmware import (
    EdgeLackingView,
    FirmwareFileView,
    FirmwareRolloutView,
    FirmwareView,
    NewFirmware,
)
from ringfence.hub.publishing import firmware_rollout
from ringfence.hub.publishing.shared_files import require_no_secret
from ringfence.hub.store import models, pages, release_models
from ringfence.phones.firmware.bundles import models_of

router = APIRouter(tags=["firmware"])


@router.post("/firmware", status_code=201)
def add_firmware(body: NewFirmware, hub: TheHub, caller: TheCaller) -> Items[FirmwareView]:
    """Import the loads of a bundle whose files were uploaded; refused if a file that one names is missing."""
    files = [firmware.UploadedFile(file.name, Digest(file.digest), file.length) for file in body.files]
    with hub.change(caller.name) as change:
        rows = firmware.add(change, hub.blobs, body.source, files)
        found = ((file.name, file.digest) for file in files)
        require_no_secret(change.session, hub.sealer, hub.blobs, found)
        change.session.flush()
        listed = firmware.files(change.session, [row.name for row in rows])
        return Items(items=[_firmware(row, listed) for row in rows])


@router.get("/firmware")
def list_firmware(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[FirmwareView]:
    """List the imported loads."""
    with hub.database.reading() as session:
        listed = firmware.files(session)
        return Items.of(pages.cut(firmware.find(session), page).each(lambda row: _firmware(row, listed)))


@router.delete("/firmware/{load}", status_code=204)
def remove_firmware(load: str, hub: TheHub, caller: TheCaller) -> None:
    """Delete a load that no phone uses."""
    with hub.change(caller.name) as change:
        firmware.remove(change, load)


@router.get("/firmware/{load}/sites")
def show_rollout(load: str, hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[FirmwareRolloutView]:
    """Show a load's rollout at each site whose phones name it or wait for it."""
    with hub.database.reading() as session:
        firmware.get(session, load)
        return Items.of(
            pages.cut(firmware.sites_with(session, load), page).each(
                lambda site_id: rollout_view(hub, session, site_id, load)
            )
        )


def rollout_view(hub: Hub, session: Session, site_id: str, load: str) -> FirmwareRolloutView:
    """Return how far a load is at a site, in the API's form."""
    now = hub.clock()
    edges = firmware_rollout.edges_with(session, site_id, load)
    waiting = select(func.count()).where(
        release_models.PreparedTargetRow.site_id == site_id, release_models.PreparedTargetRow.load == load
    )
    named = select(func.count()).where(models.PhoneRow.site_id == site_id, models.PhoneRow.named_load == load)
    parts = select(func.sum(models.EdgeRow.fetched_bytes), func.sum(models.EdgeRow.fetching_bytes))
    fetched, fetching = session.execute(
        parts.where(models.EdgeRow.site_id == site_id, models.EdgeRow.revoked_at.is_(None))
    ).one()
    return FirmwareRolloutView(
        site=site_id, edges=len(edges), with_load=sum(has_it for _each, has_it in edges),
        fetched_bytes=fetched or 0, fetching_bytes=fetching or 0,
        waiting=session.scalar(waiting) or 0,
        named=session.scalar(named) or 0,
        lacking=[
            EdgeLackingView(
                edge=each.edge.id, hostname=each.edge.hostname, last_seen=each.edge.last_seen_at,
                connected=is_connected(each.edge, now), counts_until=each.counts_until, counts=each.counts(now),
            )
            for each, has_it in edges
            if not has_it
        ],
    )  # fmt: skip


def _firmware(
    row: release_models.FirmwareLoadRow, listed: Mapping[str, Sequence[release_models.FirmwareFileRow]]
) -> FirmwareView:
    files = listed.get(row.name, ())
    return FirmwareView(
        name=row.name, models=list(models_of(row.name)), source=row.source, added_at=row.added_at,
        added_by=row.added_by, size=sum(file.length for file in files),
        files=[FirmwareFileView(name=file.name, digest=file.digest, length=file.length) for file in files],
    )  # fmt: skip
