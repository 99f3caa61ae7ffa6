"""Templates: the list, and an editor that says what a template would change for a phone."""

from collections.abc import Sequence

from fastapi import APIRouter, Response

from ringfence.errors import BadInput
from ringfence.hub.errors import ApprovalMissing, UnknownTemplate
from ringfence.hub.fleet import templates
from ringfence.hub.people.forms import Form, TheForm
from ringfence.hub.publishing import sandboxed_templates
from ringfence.hub.publishing.template_preview import preview
from ringfence.hub.store.setting_models import OwnTemplateRow
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.marks import check_unchanged, mark
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage
from ringfence.phones.families import families
from ringfence.phones.families import family as family_of
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.sandbox import built_in_template

router = APIRouter(prefix="/templates")

_CELLS: lists.Cells[OwnTemplateRow] = {
    "file": lambda row: row.name,
    "family": lambda row: row.family,
    "changed": lambda row: row.changed_at,
    "by": lambda row: row.changed_by,
}


@router.get("")
def list_templates(page: TheWebPage) -> PageAnswer:
    """Show one's own templates, and the families' files that one may have a template for."""
    with page.hub.database.reading() as session:
        found = lists.cut(page, templates.find(session), _CELLS)
    return page.show("own_templates/list.html", rows=found.rows, next=found.next, families=list(families().values()))


@router.get("/{family}/{name:path}/remove")
def ask_to_remove(family: str, name: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a template is to be removed."""
    with page.hub.database.reading() as session:
        return page.show("own_templates/remove.html", template=templates.get(session, family, name))


@router.post("/{family}/{name:path}/remove")
def remove_template(family: str, name: str, page: TheFormPage) -> Response:
    """Remove a template; the built-in one, if any, is used again."""
    with page.hub.change(page.caller.name) as change:
        templates.remove(change, family, name)
    return page.go("templates", done="removed")


@router.get("/{family}/{name:path}")
def show_template(family: str, name: str, page: TheWebPage) -> PageAnswer:
    """Show the editor with one's own template for a file, or with the built-in one as a beginning."""
    with page.hub.database.reading() as session:
        try:
            source = templates.get(session, family, name).source
        except UnknownTemplate:
            source = _built_in(family, name)
    form = {"source": source, "phone": page.query.get("phone", "")}
    return page.show("own_templates/editor.html", fault=None, form=form, changes=None, **_about(page, family, name))


@router.post("/{family}/{name:path}")
def put_template(family: str, name: str, page: TheFormPage, form: TheForm) -> Response:
    """Store a template, or say what it would change for a phone."""
    source = form.get("source", "")
    try:
        templates.require_fit(family, name, source)
        sandboxed_templates.check(family, name, source)
        if form.get("do") == "preview":
            changes = preview(page.hub, Mac.parse(form.get("phone", "")), family_of(family).id, name, source)
            about = _about(page, family, name)
            return page.show("own_templates/editor.html", fault=None, form=form, changes=changes, **about)
        with page.hub.change(page.caller.name) as change:
            check_unchanged(form, _values(templates.find(change.session), family, name))
            templates.put(change, family, name, source)
    except (BadInput, ApprovalMissing) as fault:
        return page.refused("own_templates/editor.html", fault, form, changes=None, **_about(page, family, name))
    return page.go("templates", done="template-stored")


def _about(page: WebPage, family: str, name: str) -> dict[str, object]:
    with page.hub.database.reading() as session:
        rows = templates.find(session)
    own = next((row for row in rows if (row.family, row.name) == (family_of(family).id, name)), None)
    return {"family": family_of(family), "name": name, "own": own, "mark": mark(_values(rows, family, name))}


def _values(rows: Sequence[OwnTemplateRow], family: str, name: str) -> Form:
    """Return what is stored for a file; nothing where nothing is."""
    found = [row.source for row in rows if (row.family, row.name) == (family_of(family).id, name)]
    return {"source": found[0]} if found else {}


def _built_in(family: str, name: str) -> str:
    """Return the built-in template of one of a family's files; empty for a file that it does not have."""
    file = next((file for file in family_of(family).files if file.key == name), None)
    return "" if file is None else built_in_template(file.package, file.template)
