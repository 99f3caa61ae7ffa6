"""Releases of a site: the list, one with what it changed, going back to it, and holds."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from ringfence.errors import RingfenceError
from ringfence.hub.fleet import sites
from ringfence.hub.people.forms import TheForm
from ringfence.hub.publishing import holds, publish, releases
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage

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
        return page.show("releases/hold.html", site=sites.get(session, site), form={}, fault=None)


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
        return page.refused("releases/hold.html", fault, form, site=row)
    return page.go("sites", row.id, done="saved")


@router.get("/{number}")
def show_release(site: str, number: Number, page: TheWebPage) -> PageAnswer:
    """Show a release: its files, and what it changed."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
        release, files = releases.get(session, row.id, number), releases.targets(session, row.id, number)
        before = number - 1 if number > 1 else 0
        try:
            if before:
                releases.get(session, row.id, before)
        except RingfenceError:  # numbers may jump where the hub was restored
            before = 0
    changes = publish.differences(page.hub, row.id, number, before)
    return page.show(
        "releases/release.html", site=row, release=release, files=files, changes=changes, before=before, most=MOST_FILES
    )


MOST_FILES = 200
"""How many files one page lists."""


@router.get("/{number}/rollback")
def ask_to_roll_back(site: str, number: Number, page: TheFormPage) -> PageAnswer:
    """Ask whether a site is to go back to a release, and show what that changes."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
        release = releases.get(session, row.id, number)
    changes = publish.differences(page.hub, row.id, number, row.newest_release)
    return page.show("releases/rollback.html", site=row, release=release, changes=changes, fault=None)


@router.post("/{number}/rollback")
def roll_back(site: str, number: Number, page: TheFormPage) -> Response:
    """Go back to a release, by a new one with its content; the site is held."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
        release = releases.get(session, row.id, number)
    try:
        publish.rollback(page.hub, page.caller.name, row.id, number)
    except RingfenceError as fault:
        return page.refused("releases/rollback.html", fault, site=row, release=release, changes=())
    return page.go("sites", row.id, done="rolled-back")
