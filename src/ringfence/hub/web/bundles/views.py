"""Portable bundles: which there are, making and downloading one, and revoking one."""

from fastapi import APIRouter, Response

from ringfence.errors import RingfenceError
from ringfence.hub.fleet import bundles
from ringfence.hub.people import bundles as people_bundles
from ringfence.hub.people.bundles import MadeBundle
from ringfence.hub.people.forms import Form, TheForm
from ringfence.hub.people.schemas.bundles import NewBundle
from ringfence.hub.publishing import bundle_content
from ringfence.hub.store.bundle_models import BundleRow
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage
from ringfence.hub.web.phones.changes import find_site
from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac

router = APIRouter(prefix="/bundles")

_COLUMNS: lists.Columns = {
    "site": (BundleRow.site_id, BundleRow.made_at, BundleRow.id),
    "made": (BundleRow.made_at, BundleRow.id),
    "ends": (BundleRow.expires_at, BundleRow.id),
}
_NEWEST = "-made"


@router.get("")
def list_bundles(page: TheWebPage) -> PageAnswer:
    """Show the lines of bundles, the newest first unless a heading asks for another order."""
    site = page.query.get("site") or None
    with page.hub.database.reading() as session:
        found = lists.read(page, session, bundles.choose(session, site), _COLUMNS, _NEWEST)
    return page.show("bundles/list.html", rows=found.rows, next=found.next, site=site)


@router.get("/-/new")
def show_new_bundle(page: TheFormPage) -> PageAnswer:
    """Show the form that makes a bundle."""
    form = {"subject": page.query.get("site", ""), "days": "30"}
    return page.show("bundles/new.html", form=form, fault=None)


@router.post("/-/new")
def make_bundle(page: TheFormPage, form: TheForm) -> PageAnswer:
    """Make a bundle, and show what opens it, this once."""
    try:
        made = _make(page, form)
    except RingfenceError as fault:
        return page.refused("bundles/new.html", fault, {**form, "passphrase": ""})
    url = page.hub.people_url + bundle_content.DOWNLOAD_PATH
    return page.show("bundles/made.html", made=made, url=url, file=bundle_content.file_name(made.row))


@router.post("/{bundle}/file")
def download_bundle(bundle: str, page: TheFormPage, _form: TheForm) -> Response:
    """Download the newest bundle of a line, encrypted."""
    return people_bundles.written(page.hub, page.caller.name, bundle)


@router.get("/{bundle}/revoke")
def ask_to_revoke_bundle(bundle: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a line is to be revoked."""
    with page.hub.database.reading() as session:
        row = bundles.get(session, bundle)
    return page.show("bundles/revoke.html", row=row)


@router.post("/{bundle}/revoke")
def revoke_bundle(bundle: str, page: TheFormPage) -> Response:
    """Make no newer bundle of a line."""
    with page.hub.change(page.caller.name) as change:
        bundles.revoke(change, bundle)
    return page.go("bundles", done="revoked")


def _make(page: WebPage, form: Form) -> MadeBundle:
    days = page.number(form, "days", least=1, most=bundles.MOST_DAYS)
    order = NewBundle(
        name=form.get("name", "").strip()[: bundles.LONGEST_NAME],
        passphrase=form.get("passphrase", "")[: bundles.MOST_PASSPHRASE_BYTES + 1],
        recipient=form.get("recipient", "").strip()[:200], days=int(days),
        leave_out_firmware=bool(form.get("without_firmware")), **_subject(page, form.get("subject", "").strip()),
    )  # fmt: skip
    return people_bundles.make(page.hub, page.caller.name, order)


def _subject(page: WebPage, text: str) -> dict[str, str]:
    """Return which phone or site somebody means: an address is a phone's."""
    try:
        return {"mac": str(Mac.parse(text))}
    except BadMac:
        with page.hub.database.reading() as session:
            return {"site": find_site(session, text[:200])}
