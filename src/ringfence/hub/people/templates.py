"""Operators' own templates."""

from fastapi import APIRouter

from ringfence.hub.fleet import templates
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.templates import NewTemplate, TemplateView
from ringfence.hub.publishing import sandboxed_templates
from ringfence.hub.store import pages, setting_models

router = APIRouter()


@router.get("/templates", tags=["templates"])
def list_templates(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[TemplateView]:
    """List your own templates."""
    with hub.database.reading() as session:
        return Items.of(pages.cut(templates.find(session), page).each(_template))


@router.get("/templates/{family}/{name:path}", tags=["templates"])
def show_template(family: str, name: str, hub: TheHub, _caller: TheCaller) -> TemplateView:
    """Show a template of your own."""
    with hub.database.reading() as session:
        return _template(templates.get(session, family, name))


@router.put("/templates/{family}/{name:path}", tags=["templates"])
def put_template(family: str, name: str, body: NewTemplate, hub: TheHub, caller: TheCaller) -> TemplateView:
    """Store a template: for a file of the family, by its key, or for an additional file, by its name."""
    templates.require_fit(family, name, body.source)
    sandboxed_templates.check(family, name, body.source)
    with hub.change(caller.name) as change:
        return _template(templates.put(change, family, name, body.source))


@router.delete("/templates/{family}/{name:path}", status_code=204, tags=["templates"])
def remove_template(family: str, name: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove a template; the built-in one, if any, is used again."""
    with hub.change(caller.name) as change:
        templates.remove(change, family, name)


def _template(row: setting_models.OwnTemplateRow) -> TemplateView:
    return TemplateView(
        family=row.family, name=row.name, source=row.source, changed_at=row.changed_at, changed_by=row.changed_by
    )
