"""Operators' own templates, by family and file."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.errors import NameRefused, UnknownTemplate
from ringfence.hub.store.change import Change
from ringfence.hub.store.setting_models import OwnTemplateRow
from ringfence.phones.families import family as family_of
from ringfence.phones.rendering.own_templates import OwnTemplates, check_name

LARGEST_CHARACTERS = 256 * 1024


def require_fit(family_id: str, name: str, source: str) -> None:
    """Check all that is known of a template without reading it: its text is read in a process of its own alone.

    Raises:
        UnknownFamily: There is no such family.
        BadTemplateName: Its phones can't ask for such a file.
        NameRefused: It is too long.
    """
    check_name(family_of(family_id), name)
    if len(source) > LARGEST_CHARACTERS:
        raise NameRefused(f"the template has {len(source)} characters; at most {LARGEST_CHARACTERS} are allowed")


def put(change: Change, family_id: str, name: str, source: str) -> OwnTemplateRow:
    """Store a template for a file of a family, which somebody has tried to compile; as ``require_fit``."""
    require_fit(family_id, name, source)
    family = family_of(family_id)
    row = change.session.get(OwnTemplateRow, (family.id, name))
    if row is None:
        row = OwnTemplateRow(family=family.id, name=name)
        change.session.add(row)
    row.source, row.changed_at, row.changed_by = source, change.now, change.who
    change.note("template.put", f"{family.id} {name}", f"{len(source)} characters")
    return row


def get(session: Session, family_id: str, name: str) -> OwnTemplateRow:
    """Return a template; UnknownTemplate if there is none."""
    row = session.get(OwnTemplateRow, (family_of(family_id).id, name))
    if row is None:
        raise UnknownTemplate(
            f"you have no template for {name[:80]!r} of {family_id}",
            to_do="`ringfence template list` shows your templates.",
        )
    return row


def remove(change: Change, family_id: str, name: str) -> None:
    """Remove a template; the family's built-in one, if any, is used again."""
    change.session.delete(get(change.session, family_id, name))
    change.note("template.remove", f"{family_id} {name}")


def find(session: Session) -> Sequence[OwnTemplateRow]:
    """Return all templates, by family and name."""
    return session.scalars(select(OwnTemplateRow).order_by(OwnTemplateRow.family, OwnTemplateRow.name)).all()


def all_of(session: Session) -> OwnTemplates:
    """Return all templates in the renderer's form."""
    sources: dict[str, dict[str, str]] = {}
    for row in find(session):
        sources.setdefault(row.family, {})[row.name] = row.source
    return OwnTemplates(sources)
