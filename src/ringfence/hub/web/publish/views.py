"""Publishing: what would change, first in numbers and then in full, and the button."""

from fastapi import APIRouter

from ringfence.errors import RingfenceError
from ringfence.hub.people.forms import Form, TheForm
from ringfence.hub.people.publish import check_may_publish
from ringfence.hub.publishing import publish as publishing
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, WebPage

router = APIRouter()

MOST_SITES = 50
"""How many sites a page shows the files of."""


@router.get("/publish")
def show_changes(page: TheFormPage) -> PageAnswer:
    """Show what a publish would change; the address may name one site, which may be held."""
    site = page.query.get("site", "")
    done = publishing.publish(page.hub, page.caller.name, site_ids=[site] if site else None, dry_run=True)
    return _show(page, done, site, {})


@router.post("/publish")
def publish(page: TheFormPage, form: TheForm) -> PageAnswer:
    """Publish, and show what was done."""
    site, hub = form.get("site", ""), page.hub
    asked = [site] if site else None
    try:
        check_may_publish(hub, page.caller)
        done = publishing.publish(
            hub, page.caller.name, site_ids=asked, comment=form.get("comment", ""), with_diffs=False
        )
    except RingfenceError as fault:
        done = publishing.publish(hub, page.caller.name, site_ids=asked, dry_run=True)
        return _show(page, done, site, form, fault)
    return _show(page, done, site, {})


def _show(
    page: WebPage, done: publishing.Publication, site: str, form: Form, fault: RingfenceError | None = None
) -> PageAnswer:
    values = {
        "done": done,
        "site": site,
        "shown": done.sites[:MOST_SITES],
        "files": sum(len(each.files) for each in done.sites),
        "phones": sum(each.phones for each in done.sites),
    }
    if fault is not None:
        return page.refused("publish/publish.html", fault, form, **values)
    return page.show("publish/publish.html", form=form, fault=None, **values)
