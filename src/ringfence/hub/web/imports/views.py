"""A table of phones: looked at first, with every error by row and column, and then imported whole or not at all."""

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from ringfence.errors import BadInput
from ringfence.hub.people import bulk as bulk_of_api
from ringfence.hub.people.forms import FILE_NAME, NO_FORM, Form, TheForm
from ringfence.hub.people.schemas.bulk import BulkOrder, BulkOutcomeView, BulkRefusalView
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.imports.kept_tables import KeptTable, KeptTables
from ringfence.hub.web.page import FieldRefused, TheFormPage, WebPage
from ringfence.phones.importing import phone_table
from ringfence.phones.importing.phone_table import COLUMNS

router = APIRouter(prefix="/phones/-/import")

_LONGEST_SHOWN_AGAIN = 100_000
"""What was pasted comes back for correction up to so many characters; a file is on its sender's disk."""
_MOST_ROWS = 200


@router.get("")
def show_import(page: TheFormPage) -> PageAnswer:
    """Show the form for a table."""
    return page.form("imports/table.html", None, NO_FORM, columns=COLUMNS)


@router.post("")
def look_at_table(page: TheFormPage, form: TheForm, request: Request) -> PageAnswer:
    """Show what a table would create and change, and change nothing."""
    kept: KeptTables = request.app.state.kept_tables
    text, name = form.get("file", "") or form.get("table", ""), form.get("file" + FILE_NAME, "") or "the table"
    make_sites = form.get("make_sites", "") == "yes"
    try:
        if not text.strip():
            raise FieldRefused("table", "there is no table", to_do="Choose a file, or paste its text.")
        done = _taken(page, name, text, make_sites=make_sites, dry_run=True)
    except BadInput as fault:
        shown = {**form, "table": form.get("table", "")[:_LONGEST_SHOWN_AGAIN]}
        return page.refused("imports/table.html", fault, shown, columns=COLUMNS)
    table = None if done.refusals else kept.keep(_whose(page), name, text, make_sites=make_sites)
    return _show(page, done, table, form)


@router.post("/do")
def import_table(page: TheFormPage, form: TheForm, request: Request) -> Response:
    """Import the table that was just looked at: all of it, or nothing."""
    kept: KeptTables = request.app.state.kept_tables
    try:
        table = kept.take(_whose(page), form.get("table", ""))
        done = _taken(page, table.name, table.text, make_sites=table.make_sites, dry_run=False)
    except BadInput as fault:
        return page.refused("imports/table.html", fault, NO_FORM, columns=COLUMNS)
    return _show(page, done, None, NO_FORM)


def _taken(page: WebPage, name: str, text: str, *, make_sites: bool, dry_run: bool) -> BulkOutcomeView:
    """Return what the hub makes of a table, with what can't be used by row."""
    table = phone_table.read(text, name)
    order = {"phones": table.phones, "dry_run": dry_run or bool(table.refused), "make_sites": make_sites}
    try:
        done = bulk_of_api.take_many(BulkOrder.model_validate(order), page.hub, page.caller)
    except ValidationError as fault:
        first = fault.errors()[0]
        raise FieldRefused("table", f"it can't be used: {first['msg']}", to_do="Import it in parts.") from None
    refused = [BulkRefusalView(row=each.row, column=each.column, what=each.what, where="", to_do="")
               for each in table.refused]  # fmt: skip
    refused = sorted([*refused, *done.refusals], key=lambda each: each.row)
    return done.model_copy(update={"refusals": refused})


def _show(page: WebPage, done: BulkOutcomeView, table: KeptTable | None, form: Form) -> PageAnswer:
    pasted = form.get("table", "")
    again = {**form, "table": pasted if len(pasted) <= _LONGEST_SHOWN_AGAIN else ""}
    status = 422 if done.refusals else 200
    return page.show(
        "imports/outcome.html", status, done=done, table=table, form=again, columns=COLUMNS, most=_MOST_ROWS
    )


def _whose(page: WebPage) -> tuple[str, str]:
    return page.caller.id, page.caller.organisation_id
