"""Phones: the list, what they do, and one of them."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from sqlalchemy import Select
from sqlalchemy.orm import Session
from starlette.responses import StreamingResponse

from ringfence.hub.errors import NothingRecorded
from ringfence.hub.fleet import due_orders, groups, observations, phone_certificates, phones, reports
from ringfence.hub.fleet.guard import decision_log
from ringfence.hub.people.callers import ThePhone
from ringfence.hub.people.phone_https import phone_https_view
from ringfence.hub.people.phone_trust import phone_trust_view
from ringfence.hub.publishing import releases
from ringfence.hub.store import models, pages
from ringfence.hub.store.pages import Page
from ringfence.hub.web import lists, templates
from ringfence.hub.web.answers import PageAnswer, csv_answer
from ringfence.hub.web.live import LivePart, live_answer
from ringfence.hub.web.page import TheWebPage, WebPage
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.trust.refusals import SENTENCES, CertificateRefusal

router = APIRouter(prefix="/phones")

_COLUMNS: lists.Columns = {
    word: (*columns, models.PhoneRow.mac)
    for word, columns in {
        "phone": (),
        "description": (models.PhoneRow.description,),
        "model": (models.PhoneRow.model,),
        "site": (models.PhoneRow.site_id,),
        "firmware": (models.PhoneRow.running_load,),
    }.items()
}
_HEADING = ("mac", "site", "model", "group", "description", "lines", "firmware", "blocked")
_OBSERVED = 20
"""How many phones one page says what they do of: much is read for each."""
_LATEST = Page(20)


@router.get("")
def list_phones(page: TheWebPage) -> PageAnswer:
    """Show the phones."""
    with page.hub.database.reading() as session:
        found = lists.read(page, session, _chosen(session, page), _COLUMNS)
        return page.show("phones/list.html", rows=found.rows, next=found.next, groups=groups.find(session))


@router.get("/-/csv")
def export_phones(page: TheWebPage) -> Response:
    """Return the phones that the list shows, all of them, as a table for a spreadsheet."""
    with page.hub.database.reading() as session:
        _chosen(session, page), lists.order(page, _COLUMNS)  # what can't be is refused before the table begins
    return csv_answer("phones.csv", _HEADING, _table(page))


@router.get("/status")
def show_what_they_do(page: TheWebPage) -> PageAnswer:
    """Show what phones do, by address, or those that something is wrong with."""
    only_problems = page.query.get("problems", "") == "yes"
    with page.hub.database.reading() as session:
        chosen = _chosen(session, page)
        found = pages.read(session, chosen, Page(_OBSERVED, page.rows.cursor), models.PhoneRow.mac)
        observed = observations.observe_all(page.hub, session, found.rows)
    kept = [each for each in observed if not only_problems or each.is_problem]
    return page.show("phones/status.html", observed=kept, looked_at=len(found.rows), next=found.next)


@router.get("/orders")
def show_orders(page: TheWebPage) -> PageAnswer:
    """Show which phones without an edge are told of their newest release through their PBX."""
    only_waiting, site = page.query.get("waiting", "") == "yes", page.query.get("site", "")[:40] or None
    with page.hub.database.reading() as session:
        found = due_orders.find(session, page.rows, site=site, only_waiting=only_waiting)
        return page.show("phones/orders.html", rows=found.rows, next=found.next)


@router.get("/{mac}")
def show_phone(mac: ThePhone, page: TheWebPage) -> PageAnswer:
    """Show a phone: what it does, its lines, its files, and why the guard decided as it did."""
    with page.hub.database.reading() as session:
        phone = phones.get(session, mac)
        site = session.get_one(models.SiteRow, phone.site_id)
        number = site.newest_release
        files = releases.targets_of(session, site.id, number, mac) if number else ()
        try:
            explained = decision_log.explain(session, mac, page.now)
        except NothingRecorded:
            explained = None
        order = phone_certificates.waiting(session, mac, page.now)
        due = due_orders.of_phones(session, [phone.mac]).get(phone.mac)
        values = {
            "phone": phone,
            "told": None if due is None else due_orders.with_fetch(session, due, site.id),
            "site": site,
            "family": model_of(phone.model)[0],
            "group": groups.get(session, phone.group_id) if phone.group_id else None,
            "files": files,
            "explained": explained,
            "certificates": phone_certificates.of_phone(session, mac),
            "order": order,
            "trust": phone_trust_view(session, mac),
            "https": phone_https_view(page.hub, session, mac),
            "refusal": SENTENCES[CertificateRefusal(order.refusal)] if order is not None and order.refusal else "",
        }
    return page.show("phones/phone.html", address=mac, **_activity(page, mac), **values)


@router.get("/{mac}/live")
async def watch_phone(mac: ThePhone, page: TheWebPage) -> StreamingResponse:
    """Tell what a phone does, as it happens."""

    def look() -> LivePart:
        return LivePart(templates.render("phones/activity.html", now=page.hub.clock(), **_activity(page, mac)))

    return await live_answer(page, look)


def _activity(page: WebPage, mac: Mac) -> dict[str, object]:
    """Return what there is to say about a phone, and what its edge reported; its PBX is not asked."""
    observed = observations.observe_one(page.hub, mac, registered=None)
    with page.hub.database.reading() as session:
        told = reports.find(session, site_id=None, phone=mac, page=_LATEST).rows
    return {"sentences": observed.sentences, "reports": told}


def _chosen(session: Session, page: WebPage) -> Select[models.PhoneRow]:
    """Return the query for the phones that the filters in the address ask for."""
    asked = {name: page.query.get(name, "")[:100] or None for name in ("site", "group", "search")}
    return phones.choose(session, asked["site"], asked["group"], asked["search"])


def _table(page: WebPage) -> Iterator[tuple[object, ...]]:
    for _session, rows in lists.parts(page, lambda session: _chosen(session, page), _COLUMNS):
        for phone in rows:
            labels = ", ".join(line.label or line.name for line in phone.lines)
            yield (
                Mac(phone.mac), phone.site_id, phone.model, phone.group_id or "", phone.description, labels,
                phone.running_load, "yes" if phone.blocked else "no",
            )  # fmt: skip
