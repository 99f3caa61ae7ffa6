"""What a site requires before it gives a file out."""

from fastapi import APIRouter, Response

from ringfence.errors import BadInput
from ringfence.guard.levels import FileKind, Level
from ringfence.guard.policy import EDGE_LEVELS, FirstContact
from ringfence.hub.fleet import sites
from ringfence.hub.fleet.guard import policy
from ringfence.hub.fleet.guard.policy import EdgeMoves, GatewayUse, SitePolicy
from ringfence.hub.people.forms import NO_FORM, Form, TheForm
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.marks import check_unchanged, mark
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage

router = APIRouter(prefix="/sites/{site}/guard")

_DEFAULT = "default"
CHOICES = (
    ("first_contact", "A phone that asks for the first time", FirstContact),
    ("gateway", "Gateways on the internet may serve it", GatewayUse),
    ("edge_moves", "An edge that connects from a new network", EdgeMoves),
)


@router.get("")
def show_policy(site: str, page: TheWebPage) -> PageAnswer:
    """Show what a site requires, with what each level proves."""
    return _show(page, site)


@router.post("")
def change_policy(site: str, page: TheFormPage, form: TheForm) -> Response:
    """Change what a site requires; its edges apply it within a second."""
    try:
        days = page.number(form, "learned_days", least=0, most=3650)
        parts = policy.PolicyParts(
            needs={kind.value: form.get(f"need_{kind.value}", _DEFAULT) for kind in FileKind},
            networks=tuple(form.get("networks", "").split()),
            first_contact=form.get("first_contact"),
            gateway=form.get("gateway"),
            edge_moves=form.get("edge_moves"),
            learned_days=int(days),
        )
        with page.hub.change(page.caller.name) as change:
            check_unchanged(form, _values(policy.get(change.session, site)))
            policy.change(change, site, parts)
    except BadInput as fault:
        return _show(page, site, fault, form)
    return page.go("sites", site, "guard", done="saved")


def _show(page: WebPage, site: str, fault: BadInput | None = None, form: Form = NO_FORM) -> PageAnswer:
    with page.hub.database.reading() as session:
        row, asked = sites.get(session, site), policy.get(session, site)
    values = {
        "site": row,
        "kinds": [(kind.value, EDGE_LEVELS[kind].name) for kind in FileKind],
        "levels": list(Level),
        "choices": CHOICES,
    }
    shown = _values(asked)
    if fault is not None:
        return page.refused("guard/policy.html", fault, form, mark=mark(shown), **values)
    return page.show("guard/policy.html", fault=None, form=shown, mark=mark(shown), **values)


def _values(asked: SitePolicy) -> Form:
    needs = {f"need_{kind.value}": asked.needs[kind].name if kind in asked.needs else _DEFAULT for kind in FileKind}
    return {
        **needs, "networks": "\n".join(asked.networks), "first_contact": str(asked.first_contact),
        "gateway": str(asked.gateway), "edge_moves": str(asked.edge_moves), "learned_days": str(asked.learned_days),
    }  # fmt: skip
