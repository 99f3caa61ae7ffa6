"""Groups: phones that share settings, whatever their site."""

from fastapi import APIRouter, Response

from ringfence.errors import RingfenceError
from ringfence.hub.fleet import groups
from ringfence.hub.people.forms import NO_FORM, Form, TheForm
from ringfence.hub.store.models import PhoneGroupRow, name_key
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage

router = APIRouter(prefix="/groups")

_CELLS: lists.Cells[tuple[PhoneGroupRow, int]] = {
    "name": lambda found: name_key(found[0].name),
    "phones": lambda found: found[1],
    "created": lambda found: found[0].created_at,
}


@router.get("")
def list_groups(page: TheWebPage) -> PageAnswer:
    """Show the groups."""
    return _list(page)


@router.post("")
def create_group(page: TheWebPage, form: TheForm) -> Response:
    """Create a group."""
    return page.change(
        lambda change: groups.create(change, form.get("name", "")),
        lambda fault: _list(page, fault, form),
        "groups", done="created",
    )  # fmt: skip


@router.get("/{group}/remove")
def ask_to_remove(group: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a group is to be removed."""
    with page.hub.database.reading() as session:
        return page.show("groups/remove.html", group=groups.get(session, group), fault=None)


@router.post("/{group}/remove")
def remove_group(group: str, page: TheFormPage) -> Response:
    """Remove a group that has no phones, and its settings."""
    with page.hub.database.reading() as session:
        row = groups.get(session, group)
    return page.change(
        lambda change: groups.remove(change, group),
        lambda fault: page.refused("groups/remove.html", fault, group=row),
        "groups", done="removed",
    )  # fmt: skip


def _list(page: WebPage, fault: RingfenceError | None = None, form: Form = NO_FORM) -> PageAnswer:
    with page.hub.database.reading() as session:
        found = lists.cut(page, groups.find(session), _CELLS)
    return page.form("groups/list.html", fault, form, rows=found.rows, next=found.next)
