"""CAs for 802.1X: which there are, adding one from a file, and removing one."""

from fastapi import APIRouter, Response

from ringfence.errors import RingfenceError
from ringfence.hub.fleet import port_authorities
from ringfence.hub.people.forms import NO_FORM, TheForm
from ringfence.hub.store.network_models import PortAuthorityRow
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage

router = APIRouter(prefix="/port-authorities")

_LONGEST_SHOWN_AGAIN = 20_000
_CELLS: lists.Cells[PortAuthorityRow] = {
    "subject": lambda row: (row.subject.casefold(), row.id),
    "ends": lambda row: row.ends_at,
    "added": lambda row: row.added_at,
}


@router.get("")
def list_authorities(page: TheWebPage) -> PageAnswer:
    """Show the CAs."""
    with page.hub.database.reading() as session:
        found = lists.cut(page, port_authorities.all_of(session), _CELLS)
    return page.show("port_authorities/list.html", rows=found.rows, next=found.next)


@router.get("/-/new")
def ask_for_certificate(page: TheFormPage) -> PageAnswer:
    """Show the form for a CA's certificate."""
    return page.show("port_authorities/new.html", form=NO_FORM, fault=None)


@router.post("/-/new")
def add_authority(page: TheFormPage, form: TheForm) -> Response:
    """Add a CA from its certificate's file or text."""
    pem = form.get("file", "") or form.get("pem", "")
    return page.change(
        lambda change: port_authorities.add(change, pem),
        lambda fault: page.refused(
            "port_authorities/new.html", fault, {"pem": form.get("pem", "")[:_LONGEST_SHOWN_AGAIN]}
        ),
        "port-authorities", done="saved",
    )  # fmt: skip


@router.get("/{authority}/remove")
def ask_to_remove_authority(authority: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a CA is to be removed."""
    return _ask(page, authority)


@router.post("/{authority}/remove")
def remove_authority(authority: str, page: TheFormPage) -> Response:
    """Remove a CA: what it issued is accepted no more."""
    return page.change(
        lambda change: port_authorities.remove(change, authority),
        lambda fault: _ask(page, authority, fault),
        "port-authorities", done="removed",
    )  # fmt: skip


def _ask(page: WebPage, authority: str, fault: RingfenceError | None = None) -> PageAnswer:
    with page.hub.database.reading() as session:
        row = port_authorities.get(session, authority)
    if fault is not None:
        return page.refused("port_authorities/remove.html", fault, authority=row)
    return page.show("port_authorities/remove.html", authority=row, fault=None)
