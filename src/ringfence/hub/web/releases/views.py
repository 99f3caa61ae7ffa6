"""Releases of a site: the list, one with what it changed, going back to it, and holds."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from ringfence.errors import RingfenceError
from ringfence.hub.fleet import sites
from ringfence.hub.people.forms import TheForm
from ringfence.hub.publishing import edits_since, holds, publish, releases
from ringfence.hub.store.models import SiteRow
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage

router = APIRouter(prefix="/sites/{site}/releases")

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("")
def list_releases(site: str, page: TheWebPage) -> PageAnswer:
    """Show a site's releases, the newest first."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
        found = releases.find(session, row.id, page.rows)
        return page.show("releases/list.html", site=row, rows=found.rows, next=found.next)


@router.get("/hold")
def show_hold(site: str, page: TheFormPage) -> PageAnswer:
    """Show the form that holds a site, or ends its hold."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
    return page.show("releases/hold.html", site=row, form={}, fault=None, **_what_comes(page, row))


@router.post("/hold")
def hold(site: str, page: TheFormPage, form: TheForm) -> Response:
    """Hold a site, or end its hold."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
    try:
        if form.get("do") == "resume":
            publish.resume(page.hub, page.caller.name, row.id)
        else:
            with page.hub.change(page.caller.name) as change:
                holds.put(change, row.id, form.get("reason", ""))
    except RingfenceError as fault:
        return page.refused("releases/hold.html", fault, form, site=row, **_what_comes(page, row))
    return page.go("sites", row.id, done="saved")


def _what_comes(page: WebPage, site: SiteRow) -> dict[str, object]:
    """Return what the next publish brings to a site that is held; nothing of one that is not."""
    if site.held_at is None:
        return {"edits": None, "files": 0, "phones": 0}
    edits = None
    if site.newest_release:
        with page.hub.database.reading() as session:
            edits = edits_since.find(session, site.id, site.newest_release)
    would = publish.publish(page.hub, page.caller.name, site_ids=[site.id], dry_run=True, with_diffs=False).sites
    files, phones = sum(len(each.files) for each in would), sum(each.phones for each in would)
    return {"edits": edits, "files": files, "phones": phones}


@router.get("/{number}")
def show_release(site: str, number: Number, page: TheWebPage) -> PageAnswer:
    """Show a release: its files, and what it changed."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
        release, files = releases.get(session, row.id, number), releases.targets(session, row.id, number)
        before = releases.before(session, row.id, number)  # numbers jump where releases are gone, or after a restore
    changes = publish.differences(page.hub, row.id, number, before)
    return page.show(
        "releases/release.html", site=row, release=release, files=files, changes=changes, before=before, most=MOST_FILES
    )


MOST_FILES = 200
"""How many files one page lists."""


@router.get("/{number}/rollback")
def ask_to_roll_back(site: str, number: Number, page: TheFormPage) -> PageAnswer:
    """Ask whether a site is to go back to a release, and show what that takes away and what comes back."""
    return page.show("releases/rollback.html", fault=None, **_what_goes(page, site, number))


@router.post("/{number}/rollback")
def roll_back(site: str, number: Number, page: TheFormPage) -> Response:
    """Go back to a release, by a new one with its content; the site is held."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
        releases.get(session, row.id, number)
    try:
        publish.rollback(page.hub, page.caller.name, row.id, number)
    except RingfenceError as fault:
        return page.refused("releases/rollback.html", fault, **_what_goes(page, site, number))
    return page.go("sites", row.id, done="rolled-back")


def _what_goes(page: WebPage, site: str, number: int) -> dict[str, object]:
    """Return what a roll-back takes from a site's phones, in files and edits."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
        release, edits = releases.get(session, row.id, number), edits_since.find(session, row.id, number)
    changes = publish.differences(page.hub, row.id, number, row.newest_release)
    return {"site": row, "release": release, "edits": edits, "changes": changes, "most": MOST_FILES}
