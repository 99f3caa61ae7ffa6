"""Kinds of phones: models, groups, and templates of the operator's own."""

from fastapi import APIRouter

from ringfence.hub.fleet import groups, own_templates
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.kinds import (
    FamilyFileView,
    GroupView,
    ModelView,
    NewGroup,
    NewTemplate,
    TemplateView,
)
from ringfence.hub.store import models
from ringfence.phones.families import families, family_or_model
from ringfence.phones.family import Fact
from ringfence.phones.family import Model as PhoneModel
from ringfence.phones.rendering.sandbox import built_in_template

router = APIRouter()

_FACTS = ("line_keys", "transports", "tls_ceiling", "http_provisioning", "load_pattern")


@router.get("/models", tags=["phones"])
def list_models(_caller: TheCaller, family: str | None = None) -> Items[ModelView]:
    """List the models of phones that there are, with what is known of each and how well."""
    chosen = [family_or_model(family)[0]] if family else list(families().values())
    return Items(items=[_model(model, of.id) for of in chosen for model in of.models.values()])


@router.get("/groups", tags=["groups"])
def list_groups(hub: TheHub, _caller: TheCaller) -> Items[GroupView]:
    """List the groups of phones."""
    with hub.database.reading() as session:
        return Items(items=[_group(row, count) for row, count in groups.find(session)])


@router.post("/groups", status_code=201, tags=["groups"])
def create_group(body: NewGroup, hub: TheHub, caller: TheCaller) -> GroupView:
    """Make a group of phones."""
    with hub.change(caller.name) as change:
        return _group(groups.create(change, body.name), 0)


@router.delete("/groups/{group}", status_code=204, tags=["groups"])
def remove_group(group: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove a group without phones, and its settings."""
    with hub.change(caller.name) as change:
        groups.remove(change, group)


@router.get("/templates", tags=["templates"])
def list_templates(hub: TheHub, _caller: TheCaller) -> Items[TemplateView]:
    """List the templates of the operator's own."""
    with hub.database.reading() as session:
        return Items(items=[_template(row) for row in own_templates.find(session)])


@router.get("/families/{family}/files", tags=["templates"])
def list_files(family: str, _caller: TheCaller) -> Items[FamilyFileView]:
    """List the files that a family's phones get, with their built-in templates: where one's own can begin."""
    of, _model = family_or_model(family)
    return Items(
        items=[
            FamilyFileView(
                family=of.id, key=file.key, name=file.name, kind=str(file.kind),
                source=built_in_template(file.package, file.template),
            )
            for file in of.files
        ]
    )  # fmt: skip


@router.get("/templates/{family}/{name:path}", tags=["templates"])
def show_template(family: str, name: str, hub: TheHub, _caller: TheCaller) -> TemplateView:
    """Show a template of the operator's own."""
    with hub.database.reading() as session:
        return _template(own_templates.get(session, family, name))


@router.put("/templates/{family}/{name:path}", tags=["templates"])
def put_template(family: str, name: str, body: NewTemplate, hub: TheHub, caller: TheCaller) -> TemplateView:
    """Keep a template: for a file of the family, by its key, or for a further file, by its name."""
    with hub.change(caller.name) as change:
        return _template(own_templates.put(change, family, name, body.source))


@router.delete("/templates/{family}/{name:path}", status_code=204, tags=["templates"])
def remove_template(family: str, name: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove a template; the family's own takes its place again."""
    with hub.change(caller.name) as change:
        own_templates.remove(change, family, name)


def _model(model: PhoneModel, family_id: str) -> ModelView:
    facts: dict[str, Fact[object]] = {name: getattr(model, name) for name in _FACTS}
    return ModelView(
        name=model.name, title=model.title, family=family_id, line_keys=model.line_keys.value,
        transports=list(model.transports.value), tls_ceiling=model.tls_ceiling.value,
        http_first=model.http_provisioning.value, features=sorted(model.features),
        facts={name: f"{fact.mark}: {fact.source}" for name, fact in facts.items()},
    )  # fmt: skip


def _group(row: models.PhoneGroupRow, phones: int) -> GroupView:
    return GroupView(id=row.id, name=row.name, created_at=row.created_at, phones=phones)


def _template(row: models.OwnTemplateRow) -> TemplateView:
    return TemplateView(
        family=row.family, name=row.name, source=row.source, changed_at=row.changed_at, changed_by=row.changed_by
    )
