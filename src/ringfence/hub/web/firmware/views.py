"""Firmware: the imported loads, and how far each is."""

from fastapi import APIRouter, Request, Response

from ringfence.archives import members_of
from ringfence.errors import RingfenceError
from ringfence.hub.fleet import firmware
from ringfence.hub.people import uploaded_files
from ringfence.hub.people.firmware import rollout_view
from ringfence.hub.people.forms import NO_FORM
from ringfence.hub.store.release_models import FirmwareLoadRow
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.imports.time_limits import WorkTime
from ringfence.hub.web.own_requests import OwnRequests
from ringfence.hub.web.page import TheFormPage, TheWebPage
from ringfence.imports.bundle_import import bring_members, check_whole, collect, wanted_of
from ringfence.phones.firmware.bundles import examine, models_of

router = APIRouter(prefix="/firmware")

_LARGEST_BYTES = uploaded_files.LARGEST_OF["/firmware/-/import"]
_CELLS: lists.Cells[FirmwareLoadRow] = {
    "load": lambda row: row.name,
    "source": lambda row: row.source,
    "imported": lambda row: row.added_at,
}


@router.get("")
def list_firmware(page: TheWebPage) -> PageAnswer:
    """Show the imported loads."""
    with page.hub.database.reading() as session:
        found = lists.cut(page, firmware.find(session), _CELLS)
        files = firmware.files(session, [row.name for row in found.rows])
    loads = [(row, models_of(row.name), sum(file.length for file in files.get(row.name, ()))) for row in found.rows]
    return page.show("firmware/list.html", rows=loads, next=found.next)


@router.get("/-/import")
def show_import(page: TheFormPage) -> PageAnswer:
    """Show the form for a bundle."""
    return page.form("firmware/import.html", None, NO_FORM, most=_LARGEST_BYTES)


@router.post("/-/import")
def import_firmware(page: TheFormPage, request: Request) -> PageAnswer:
    """Import the loads of a bundle."""
    skipped: list[str] = []
    time = WorkTime()
    beside = None if page.hub.folder is None else page.hub.folder.path
    try:
        sent = uploaded_files.file_of(request)
        sizes, lists_of = collect(time.within(members_of(sent.file, sent.name, skipped, beside=beside)), sent.name)
        bundle = examine(sizes, lists_of.__getitem__)
        check_whole(bundle, sent.name)
        client = OwnRequests(request, page.hub, page.caller)
        again = time.within(members_of(sent.file, sent.name, [], beside=beside))
        files = bring_members(client, again, wanted_of(bundle, lists_of))
        rows = client.post("/firmware", {"source": sent.name, "files": files})["items"]
    except RingfenceError as fault:
        return page.refused("firmware/import.html", fault, most=_LARGEST_BYTES)
    return page.show("firmware/imported.html", rows=rows, skipped=skipped)


@router.get("/{load}")
def show_rollout(load: str, page: TheWebPage) -> PageAnswer:
    """Show how far a load is at each site whose phones name it or wait for it."""
    with page.hub.database.reading() as session:
        row = firmware.get(session, load)
        found = lists.cut(page, firmware.sites_with(session, row.name))
        sites = [rollout_view(page.hub, session, site_id, row.name) for site_id in found.rows]
        files = firmware.files(session, [row.name]).get(row.name, ())
    return page.show("firmware/load.html", load=row, sites=sites, next=found.next, files=files)


@router.get("/{load}/remove")
def ask_to_remove(load: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a load is to be deleted."""
    with page.hub.database.reading() as session:
        return page.show("firmware/remove.html", load=firmware.get(session, load), fault=None)


@router.post("/{load}/remove")
def remove_firmware(load: str, page: TheFormPage) -> Response:
    """Delete a load that no phone uses."""
    with page.hub.database.reading() as session:
        row = firmware.get(session, load)
    return page.change(
        lambda change: firmware.remove(change, row.name),
        lambda fault: page.refused("firmware/remove.html", fault, load=row),
        "firmware", done="removed",
    )  # fmt: skip
