"""A site's releases: list, show, compare, roll back."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query

from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.releases import (
    EditorView,
    EditSinceView,
    EditsSinceView,
    FileChangeView,
    HoldOrder,
    HoldView,
    ReleaseDetailsView,
    ReleaseDifferenceView,
    ReleaseFileView,
    ReleaseView,
    ResumedView,
)
from ringfence.hub.publishing import diffs, edits_since, holds, publish, releases
from ringfence.hub.store import models, release_models

router = APIRouter()

Number = Annotated[int, Path(ge=1, description="The release's number")]


@router.get("/sites/{site}/releases", tags=["releases"])
def list_releases(site: str, hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[ReleaseView]:
    """List a site's releases, the newest first."""
    with hub.database.reading() as session:
        return Items.of(releases.find(session, site, page).each(lambda found: _release(*found)))


@router.get("/sites/{site}/releases/{number}", tags=["releases"])
def show_release(site: str, number: Number, hub: TheHub, _caller: TheCaller) -> ReleaseDetailsView:
    """Show a release with its files."""
    with hub.database.reading() as session:
        row = releases.get(session, site, number)
        files = [
            ReleaseFileView(
                name=target.name, length=target.length, digest=target.digest, kind=str(target.kind), owner=target.owner
            )
            for target in releases.targets(session, site, number)
        ]
    return ReleaseDetailsView(**_release(row, len(files)).model_dump(), files=files)


@router.get("/sites/{site}/releases/{number}/diff", tags=["releases"])
def show_difference(
    site: str,
    number: Number,
    hub: TheHub,
    _caller: TheCaller,
    against: Annotated[
        int | None, Query(ge=0, description="The release to compare with; by default the one before that is kept")
    ] = None,
) -> ReleaseDifferenceView:
    """Show what a release changed, with secrets masked."""
    other = against
    if other is None:
        with hub.database.reading() as session:
            other = releases.before(session, site, number)
    files = publish.differences(hub, site, number, other)
    return ReleaseDifferenceView(site=site, number=number, against=other, files=file_change_views(files))


@router.get("/sites/{site}/releases/{number}/edits", tags=["releases"])
def show_edits_since(site: str, number: Number, hub: TheHub, _caller: TheCaller) -> EditsSinceView:
    """Show what was edited since a release: what a roll-back takes away, and what comes back with the next publish."""
    with hub.database.reading() as session:
        found = edits_since.find(session, site, number)
    return EditsSinceView(
        site=found.site_id, number=found.number, newest=found.newest, since=found.since, count=found.count,
        published=found.published, kinds=dict(found.kinds), is_all=found.is_all,
        editors=[EditorView(**asdict(each)) for each in found.editors],
        edits=[EditSinceView(**asdict(each)) for each in found.edits],
    )  # fmt: skip


@router.post("/sites/{site}/releases/{number}/rollback", status_code=201, tags=["releases"])
def rollback(site: str, number: Number, hub: TheHub, caller: TheCaller) -> ReleaseDetailsView:
    """Create a new release with the content of this one; settings stay as they are, and the site is held."""
    made = publish.rollback(hub, caller.name, site, number)
    return show_release(site, made, hub, caller)


@router.put("/sites/{site}/releases/hold", tags=["releases"])
def hold(site: str, body: HoldOrder, hub: TheHub, caller: TheCaller) -> HoldView:
    """Hold a site: publishing leaves it out until somebody decides."""
    with hub.change(caller.name) as change:
        return hold_view(holds.put(change, site, body.reason))


@router.delete("/sites/{site}/releases/hold", tags=["releases"])
def resume(site: str, hub: TheHub, caller: TheCaller) -> ResumedView:
    """End a site's hold: the next publish brings what was edited meanwhile.

    Where the hub was in doubt of the site, because it was restored from a copy, it goes on with what it has: a new
    release repeats that, with a number above all that the site's edges have.
    """
    return ResumedView(site=site, release=publish.resume(hub, caller.name, site))


def hold_view(site: models.SiteRow) -> HoldView:
    """Return a site's hold in the API's form."""
    return HoldView(
        site=site.id, release=site.newest_release, since=site.held_at or 0.0, by=site.held_by, reason=site.held_why
    )


def file_change_views(files: Sequence[diffs.FileChange]) -> list[FileChangeView]:
    """Return changes of files in the API's form."""
    return [FileChangeView(name=file.name, change=file.change, diff=file.diff) for file in files]


def _release(row: release_models.ReleaseRow, count: int) -> ReleaseView:
    return ReleaseView(
        site=row.site_id, number=row.number, created_at=row.made_at, author=row.made_by, comment=row.comment,
        rolled_back_to=row.rolled_back_to, file_count=count,
    )  # fmt: skip
