"""The two fields of a form that say which sites and groups somebody is limited to."""

import re
from collections.abc import Mapping, Sequence

from ringfence.hub.people.forms import Form
from ringfence.hub.people.schemas import NewAccessScope

_BETWEEN = re.compile(r"[\s,]+")


def typed_scope(form: Form) -> NewAccessScope | None:
    """Return the scope that was typed; None where both fields are empty."""
    sites, groups = ([each for each in _BETWEEN.split(form.get(name, "")) if each] for name in ("sites", "groups"))
    return NewAccessScope(sites=sites, groups=groups) if sites or groups else None


def scope_in_form(limited_to: Mapping[str, Sequence[str]] | None) -> dict[str, str]:
    """Return what the two fields show of a scope."""
    return {name: " ".join(ids) for name, ids in (limited_to or {}).items()}
