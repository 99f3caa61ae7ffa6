"""Assets: ring tones, wallpapers, languages and other files for phones, imported from files that people send."""

from fastapi import APIRouter, Request, Response

from ringfence.archives import members_of
from ringfence.errors import RingfenceError
from ringfence.hub.fleet import assets
from ringfence.hub.people import uploaded_files
from ringfence.hub.people.forms import NO_FORM
from ringfence.hub.store.release_models import AssetRow
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.imports.time_limits import WorkTime
from ringfence.hub.web.own_requests import OwnRequests
from ringfence.hub.web.page import TheFormPage, TheWebPage
from ringfence.imports.asset_import import nothing_found, recognised
from ringfence.imports.asset_uploads import bring
from ringfence.phones.assets.kinds import Asset, models_for

router = APIRouter(prefix="/assets")

_LARGEST_BYTES = uploaded_files.LARGEST_OF["/assets/-/import"]
_CELLS: lists.Cells[AssetRow] = {
    "kind": lambda row: (row.kind, row.name),
    "name": lambda row: row.name,
    "source": lambda row: row.source,
    "imported": lambda row: row.added_at,
}


@router.get("")
def list_assets(page: TheWebPage) -> PageAnswer:
    """Show the assets."""
    with page.hub.database.reading() as session:
        found = lists.cut(page, assets.find(session), _CELLS)
        files = assets.files(session)
    rows = [(row, sum(file.length for file in files.get(row.id, ()))) for row in found.rows]
    return page.show("assets/list.html", rows=rows, next=found.next)


@router.get("/-/import")
def show_import(page: TheFormPage) -> PageAnswer:
    """Show the form for a file."""
    return page.form("assets/import.html", None, NO_FORM, most=_LARGEST_BYTES, found=[])


@router.post("/-/import")
def import_assets(page: TheFormPage, request: Request) -> PageAnswer:
    """Import the assets of a file: each for itself, until one can't be used."""
    found: list[tuple[Asset, list[str]]] = []
    skipped: list[str] = []
    try:
        sent = uploaded_files.file_of(request)
        client = OwnRequests(request, page.hub, page.caller)
        beside = None if page.hub.folder is None else page.hub.folder.path
        listed = WorkTime().within(members_of(sent.file, sent.name, skipped, beside=beside))
        for asset in recognised(listed, sent.name):
            bring(client, asset, sent.name)
            # Its files are the hub's now; a package of languages need not stay in memory as a whole.
            found.append((Asset(asset.kind, asset.name, (), asset.notes), models_for(asset)))
        if not found:
            raise nothing_found(sent.name)
    except RingfenceError as fault:
        return page.refused("assets/import.html", fault, most=_LARGEST_BYTES, found=found)
    return page.show("assets/imported.html", found=found, skipped=skipped)


@router.get("/{asset}/remove")
def ask_to_remove(asset: str, page: TheFormPage) -> PageAnswer:
    """Ask whether an asset is to be deleted."""
    with page.hub.database.reading() as session:
        return page.show("assets/remove.html", row=assets.get(session, asset))


@router.post("/{asset}/remove")
def remove_asset(asset: str, page: TheFormPage) -> Response:
    """Delete an asset."""
    with page.hub.change(page.caller.name) as change:
        assets.remove(change, asset)
    return page.go("assets", done="removed")
