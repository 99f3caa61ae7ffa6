"""Sites: the list, and one of them."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from sqlalchemy import Select
from sqlalchemy.orm import Session

from ringfence.errors import BadInput
from ringfence.guard.levels import FileKind
from ringfence.hub.fleet import edge_addresses, edges, phones, reports, site_states, sites
from ringfence.hub.fleet.guard import alerts, policy
from ringfence.hub.people.forms import Form, TheForm
from ringfence.hub.people.phone_https import site_https_views
from ringfence.hub.publishing import releases
from ringfence.hub.store import models
from ringfence.hub.store.pages import Page
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer, csv_answer
from ringfence.hub.web.marks import check_unchanged, mark
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage

router = APIRouter()

_LATEST = Page(10)
_COLUMNS: lists.Columns = {
    "name": (models.SiteRow.name_key,),
    "id": (models.SiteRow.id,),
    "release": (models.SiteRow.newest_release, models.SiteRow.id),
    "created": (models.SiteRow.created_at, models.SiteRow.id),
}
_OF_PHONES: lists.Columns = {"phone": (models.PhoneRow.mac,), "model": (models.PhoneRow.model, models.PhoneRow.mac)}
_HEADING = ("site", "name", "state", "phones", "edges", "release")


@router.get("/sites")
def list_sites(page: TheWebPage) -> PageAnswer:
    """Show the sites."""
    with page.hub.database.reading() as session:
        found = lists.read(page, session, _chosen(page), _COLUMNS)
        rows = sites.with_counts(session, found.rows)
        states = site_states.of_sites(session, [row.id for row in found.rows], page.now)
    return page.show("sites/list.html", rows=rows, states=states, next=found.next, filters=site_states.FILTERS)


@router.get("/sites/-/csv")
def export_sites(page: TheWebPage) -> Response:
    """Return the sites that the list shows, all of them, as a table for a spreadsheet."""
    _chosen(page), lists.order(page, _COLUMNS)  # what can't be is refused before the table begins
    return csv_answer("sites.csv", _HEADING, _table(page))


@router.get("/sites/-/new")
def show_new_site(page: TheFormPage) -> PageAnswer:
    """Show the form for a new site."""
    return page.show("sites/new.html", form={}, fault=None)


@router.post("/sites/-/new")
def create_site(page: TheFormPage, form: TheForm) -> Response:
    """Create a site and lead on to where its edge joins."""
    try:
        with page.hub.change(page.caller.name) as change:
            site = sites.create(change, page.hub.signers, form.get("name", ""), "", page.hub.endpoints)
            site_id = site.id
    except BadInput as fault:
        return page.refused("sites/new.html", fault, form)
    return page.go("sites", site_id, "tokens", done="site-created")


@router.get("/sites/{site}")
def show_site(site: str, page: TheWebPage) -> PageAnswer:
    """Show a site: its edges, phones, releases, and what happened there."""
    with page.hub.database.reading() as session:
        (found,) = sites.with_counts(session, [sites.get(session, site)])
        site_id = found.site.id
        asked = policy.get(session, site_id)
        return page.show(
            "sites/site.html",
            site=found.site,
            phones=found.phones,
            state=site_states.of_sites(session, [site_id], page.now)[site_id],
            edges=edges.find(session, site_id),
            suggested=_suggested(session, site_id),
            is_connected=edges.is_connected,
            addresses_of=edge_addresses.addresses,
            needs=[(kind.value, asked.level(kind).name) for kind in FileKind],
            alerts=alerts.find(session, _LATEST, site_id=site_id).rows,
            releases=releases.find(session, site_id, Page(5)).rows,
            reports=reports.find(session, site_id=site_id, phone=None, page=_LATEST).rows,
        )


@router.get("/sites/{site}/https")
def show_https(site: str, page: TheWebPage) -> PageAnswer:
    """Show how the phones of a site come to the hub by HTTPS."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
        found = lists.read(page, session, phones.choose(session, row.id), _OF_PHONES)
        views = site_https_views(page.hub, session, found.rows)
    return page.show("sites/https.html", site=row, rows=views, next=found.next)


@router.get("/sites/{site}/change")
def show_change(site: str, page: TheFormPage) -> PageAnswer:
    """Show the form that changes a site."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
    form = _values(row)
    return page.show("sites/change.html", site=row, form=form, mark=mark(form), fault=None)


@router.post("/sites/{site}/change")
def change_site(site: str, page: TheFormPage, form: TheForm) -> Response:
    """Rename a site, or change for how long firmware waits for its edges."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
    try:
        with page.hub.change(page.caller.name) as change:
            check_unchanged(form, _values(sites.get(change.session, row.id)))
            sites.rename(change, row.id, form.get("name", ""))
            seconds = page.number(form, "hours", least=0, most=366 * 24) * 3600
            if seconds != row.firmware_waits_s:
                sites.wait_for_edges(change, row.id, seconds)
    except BadInput as fault:
        with page.hub.database.reading() as session:
            now = _values(sites.get(session, row.id))
        return page.refused("sites/change.html", fault, form, site=row, mark=mark(now))
    return page.go("sites", row.id, done="saved")


@router.get("/sites/{site}/remove")
def ask_to_remove(site: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a site is to be removed."""
    with page.hub.database.reading() as session:
        return page.show("sites/remove.html", site=sites.get(session, site), fault=None)


@router.post("/sites/{site}/remove")
def remove_site(site: str, page: TheFormPage) -> Response:
    """Remove a site that has no phones and no edges."""
    with page.hub.database.reading() as session:
        row = sites.get(session, site)
    return page.change(
        lambda change: sites.remove(change, row.id),
        lambda fault: page.refused("sites/remove.html", fault, site=row),
        "sites", done="removed",
    )  # fmt: skip


def _suggested(session: Session, site_id: str) -> list[str] | None:
    """Return which values of edge_url a site's edges suggest, if phone books need one here that is not set."""
    if not edge_addresses.misses_books(session, site_id):
        return None
    return edge_addresses.suggested(session, [site_id])[site_id]


def _values(row: models.SiteRow) -> Form:
    return {"name": row.name, "hours": f"{row.firmware_waits_s / 3600:g}"}


def _chosen(page: WebPage) -> Select[models.SiteRow]:
    """Return the query for the sites that the filters in the address ask for."""
    chosen = sites.choose(page.query.get("search", "")[:100])
    state = page.query.get("state", "")
    return site_states.choose(chosen, state, page.now) if state else chosen


def _table(page: WebPage) -> Iterator[tuple[object, ...]]:
    for session, rows in lists.parts(page, lambda _session: _chosen(page), _COLUMNS):
        states = site_states.of_sites(session, [row.id for row in rows], page.now)
        for each in sites.with_counts(session, rows):
            site = each.site
            yield site.id, site.name, states[site.id], each.phones, each.edges, site.newest_release
