"""The audit log: who did what to what, from where; what was before and after; and whether it is whole."""

from collections.abc import Mapping

from fastapi import APIRouter, Response

from ringfence.errors import BadInput
from ringfence.hub.fleet import audit
from ringfence.hub.fleet.audit import AuditFilter
from ringfence.hub.store import audit_chain
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer, file_answer
from ringfence.hub.web.page import TheWebPage, WebPage

router = APIRouter(prefix="/audit")

_LONGEST = 200
_FORMS: Mapping[str, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


@router.get("")
def list_audit(page: TheWebPage) -> PageAnswer:
    """Show the audit log, newest or oldest first, and its head, which is to be written down elsewhere."""
    with page.hub.database.reading() as session:
        found = audit.find(session, _wanted(page), lists.log_part(page))
        number, digest = audit_chain.head(session, page.hub.organisation_id)
    rows = [audit.shown(row) for row in found.rows]
    return page.show("audit/list.html", rows=rows, next=found.next, head=f"{number}:{digest}" if number else "")


@router.get("/-/csv")
def export_as_csv(page: TheWebPage) -> Response:
    """Return the entries that the list shows, all of them, as a table for a spreadsheet."""
    return _exported(page, "csv")


@router.get("/-/jsonl")
def export_as_json(page: TheWebPage) -> Response:
    """Return the entries that the list shows, all of them, an object a line."""
    return _exported(page, "jsonl")


@router.get("/verify")
def verify_audit(page: TheWebPage) -> PageAnswer:
    """Show whether the log is whole, and whether a head that was written down before is of it."""
    form = {"head": page.query.get("head", "")[:_LONGEST]}
    with page.hub.database.reading() as session:
        try:
            found = audit.verify(session, form["head"].strip())
        except BadInput as fault:
            return page.refused("audit/verify.html", fault, form, found=None)
    return page.form("audit/verify.html", None, form, found=found)


def _exported(page: WebPage, form: str) -> Response:
    is_oldest_first = lists.log_part(page).is_oldest_first
    entries = audit.export(page.hub, _wanted(page), as_csv=form == "csv", is_oldest_first=is_oldest_first)
    return file_answer(f"audit.{form}", _FORMS[form], entries)


def _wanted(page: WebPage) -> AuditFilter:
    texts = {name: page.query.get(name, "")[:_LONGEST].strip() for name in ("who", "action", "object", "address")}
    return AuditFilter(
        texts["who"], texts["action"], texts["object"], texts["address"],
        page.moment(page.query, "since"), page.moment(page.query, "until"),
    )  # fmt: skip
