"""Families of phones: their models and files."""

from fastapi import APIRouter

from ringfence.hub.people.callers import TheCaller
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.families import FamilyFileView, ModelView
from ringfence.phones.families import families, family_or_model
from ringfence.phones.family import Fact
from ringfence.phones.family import Model as PhoneModel
from ringfence.phones.rendering.sandbox import built_in_template

router = APIRouter()

_FACTS = ("line_keys", "transports", "tls_ceiling", "http_provisioning", "load_pattern")


@router.get("/models", tags=["phones"])
def list_models(_caller: TheCaller, family: str | None = None) -> Items[ModelView]:
    """List the known models of phones, with what is known about each, and how well."""
    chosen = [family_or_model(family)[0]] if family else list(families().values())
    return Items(items=[_model(model, of.id) for of in chosen for model in of.models.values()])


@router.get("/families/{family}/files", tags=["templates"])
def list_files(family: str, _caller: TheCaller) -> Items[FamilyFileView]:
    """List the files that a family's phones get, with their built-in templates as starting points for your own."""
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


def _model(model: PhoneModel, family_id: str) -> ModelView:
    facts: dict[str, Fact[object]] = {name: getattr(model, name) for name in _FACTS}
    return ModelView(
        name=model.name, title=model.title, family=family_id, line_keys=model.line_keys.value,
        transports=list(model.transports.value), tls_ceiling=model.tls_ceiling.value,
        http_first=model.http_provisioning.value, features=sorted(model.features),
        facts={name: f"{fact.mark}: {fact.source}" for name, fact in facts.items()},
    )  # fmt: skip
