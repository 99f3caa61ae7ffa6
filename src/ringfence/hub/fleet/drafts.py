"""Drafts: edits under a name that are made together, once somebody has looked at what they would change.

An edit is kept as the request that makes it. A draft is played (``people/draft_requests.py``): its requests are handled
one after another in one transaction, which is undone, or kept when it is published. So a draft can hold whatever the
API can edit, and says what the API would say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.errors import (
    ApprovalMissing,
    BadSelection,
    DraftChanged,
    DraftConflicts,
    LimitReached,
    NameRefused,
    UnknownDraft,
)
from ringfence.hub.fleet import api_tokens
from ringfence.hub.store import touched
from ringfence.hub.store.binding import whose
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.draft_models import DraftEditRow, DraftRow
from ringfence.hub.store.organisation_models import OrganisationRow
from ringfence.phones.settings.types import is_printable
from ringfence.secret import Secret

LONGEST_NAME = 80
MOST_DRAFTS = 200
"""Of one organisation."""
MOST_EDITS = 200
"""Of one draft: all of them are played for each look into it, while others who write wait."""
_LONGEST_AHEAD_S = 366 * 86_400


@dataclass(frozen=True, slots=True)
class DraftReader:
    """Who looks at drafts: one sees one's own and those that are shared; ``sees_all``: everybody's."""

    id: str
    sees_all: bool = False


@dataclass(frozen=True, slots=True)
class NewEdit:
    """A request to keep, and what the hub held where it writes."""

    who: str
    caller_id: str
    address: str
    method: str
    path: str
    body: bytes = field(repr=False)
    found: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DraftConflict:
    """Where somebody else has written since an edit was added to a draft."""

    number: int
    place: str


def create(change: Change, name: str, author_id: str, *, is_shared: bool) -> DraftRow:
    """Create a draft without edits."""
    there = change.session.scalar(select(func.count()).select_from(DraftRow)) or 0
    if there >= MOST_DRAFTS:
        raise LimitReached(f"there are {there} drafts, the most that there may be", to_do="Publish or discard some.")
    draft = DraftRow(
        id=new_id("draft"), name=_checked(name), author=change.who, author_id=author_id, is_shared=is_shared,
        created_at=change.now, changed_at=change.now, version=0, last_edit=0, publish_at=None,
        approved_by="", publish_by="", publish_by_id="", comment="", problem="",
    )  # fmt: skip
    change.session.add(draft)
    change.note("draft.create", draft.id, draft.name)
    return draft


def find(session: Session, reader: DraftReader) -> Sequence[DraftRow]:
    """Return the drafts that somebody may see, the newest first."""
    rows = session.scalars(select(DraftRow).order_by(DraftRow.created_at.desc(), DraftRow.id)).all()
    return [row for row in rows if _may_see(row, reader)]


def get(session: Session, draft_id: str, reader: DraftReader) -> DraftRow:
    """Return a draft; UnknownDraft if there is none, or it is not the reader's to see."""
    draft = session.get(DraftRow, draft_id)
    if draft is None or not _may_see(draft, reader):
        raise UnknownDraft(f"there is no draft {draft_id[:40]!r}", to_do="`ringfence draft list` shows all.")
    return draft


def edits(session: Session, draft_id: str) -> Sequence[DraftEditRow]:
    """Return a draft's edits in their order."""
    chosen = select(DraftEditRow).where(DraftEditRow.draft_id == draft_id).order_by(DraftEditRow.number)
    return session.scalars(chosen).all()


def rename(change: Change, draft: DraftRow, name: str | None, *, is_shared: bool | None) -> None:
    """Change a draft's name, or whether others see it."""
    if name is not None:
        draft.name = _checked(name)
    if is_shared is not None:
        draft.is_shared = is_shared
    draft.changed_at = change.now
    change.note("draft.change", draft.id, f"{draft.name}, {'shared' if draft.is_shared else 'own'}")


def add_edit(change: Change, draft: DraftRow, version: int, edit: NewEdit, sealer: Sealer) -> None:
    """Add an edit to a draft that was at ``version`` when the edit was tried.

    Raises:
        DraftChanged: Somebody else changed the draft meanwhile.
        LimitReached: It has as many edits as there may be.
    """
    if draft.version != version:
        raise DraftChanged(
            f"somebody else changed draft {draft.name!r} at the same moment", to_do="Look at it, and try again."
        )
    there = change.session.scalar(select(func.count()).where(DraftEditRow.draft_id == draft.id)) or 0
    if there >= MOST_EDITS:
        raise LimitReached(f"draft {draft.name!r} has {there} edits, the most that it may have", to_do="Publish it.")
    number = draft.last_edit + 1
    body = sealer.seal(Secret(edit.body.decode()), _record(draft.id, number))
    change.session.add(
        DraftEditRow(
            draft_id=draft.id, number=number, at=change.now, who=edit.who, caller_id=edit.caller_id,
            address=edit.address[:64], method=edit.method, path=edit.path, sealed_body=body, found=dict(edit.found),
        )
    )  # fmt: skip
    draft.last_edit = number
    _has_changed(change, draft)
    change.note("draft.edit", draft.id, f"{draft.name}: {edit.method} {edit.path}")


def drop_edit(change: Change, draft: DraftRow, number: int) -> None:
    """Take an edit out of a draft."""
    edit = change.session.get(DraftEditRow, (draft.id, number))
    if edit is None:
        raise UnknownDraft(
            f"draft {draft.name!r} has no edit {number}", to_do=f"`ringfence draft show {draft.id}` shows all."
        )
    change.session.delete(edit)
    _has_changed(change, draft)
    change.note("draft.drop", draft.id, f"{draft.name}: {edit.method} {edit.path}")


def body_of(edit: DraftEditRow, sealer: Sealer) -> bytes:
    """Return the body of an edit's request."""
    return sealer.open(edit.sealed_body, _record(edit.draft_id, edit.number)).reveal().encode()


def conflicts(session: Session, edits_: Sequence[DraftEditRow]) -> list[DraftConflict]:
    """Return where somebody else has written since; each place once, at the first edit that writes there."""
    found: dict[str, DraftConflict] = {}
    for edit in edits_:
        for place in touched.changed_since(session, edit.found):
            found.setdefault(place, DraftConflict(edit.number, touched.in_words(place)))
    return list(found.values())


def check_conflicts(session: Session, draft: DraftRow, edits_: Sequence[DraftEditRow]) -> None:
    """Raise DraftConflicts where somebody else has written what a draft edits."""
    if there := conflicts(session, edits_):
        places = "; ".join(f"{each.place} (edit {each.number})" for each in there[:5])
        more = f", and {len(there) - 5} more" if len(there) > 5 else ""  # noqa: PLR2004 - as many as are named
        raise DraftConflicts(
            f"since draft {draft.name!r} was edited, somebody else changed {places}{more}",
            to_do=f"Look: ringfence draft show {draft.id}. Then drop those edits, or publish --despite-conflicts.",
        )


def approve(change: Change, draft: DraftRow, caller_id: str, version: int, site_edits: Mapping[str, int]) -> None:
    """Approve a draft's edits as they are.

    Args:
        change: The change that it is part of.
        draft: The draft.
        caller_id: Who approves.
        version: The draft's version that they have looked at.
        site_edits: How often each site that it changes has been edited: what else is due there is approved, too.

    Raises:
        ApprovalMissing: They wrote one of its edits, or are a token of somebody who did.
        DraftChanged: It was edited since they looked.
    """
    authors = {draft.author_id, *(edit.caller_id for edit in edits(change.session, draft.id))}
    if not authors.isdisjoint(api_tokens.with_creators(change.session, caller_id)):
        raise ApprovalMissing(
            "who edits a draft can't approve it", to_do="Ask somebody else who may publish to look at it."
        )
    if draft.version != version:
        raise DraftChanged(
            f"somebody has edited draft {draft.name!r} since you looked", to_do="Look at it again, and approve that."
        )
    draft.approved_by, draft.approved_edits = change.who, dict(site_edits)
    change.note("draft.approve", draft.id, draft.name)


def needs_approval(session: Session) -> bool:
    """Return whether the organisation's drafts need a second person's approval."""
    row = session.get(OrganisationRow, whose(session))
    return row is not None and row.drafts_need_approval


def require_approval(change: Change, needed: bool) -> None:
    """Set whether drafts need a second person's approval, and nothing else is published."""
    row = change.session.get(OrganisationRow, whose(change.session))
    if row is not None:
        row.drafts_need_approval = needed
    change.note("draft.approval", "organisation", "needed" if needed else "not needed")


def check_approved(session: Session, draft: DraftRow) -> None:
    """Raise ApprovalMissing where a draft lacks the approval that it needs."""
    if not draft.approved_by and needs_approval(session):
        raise ApprovalMissing(
            f"draft {draft.name!r} is not approved",
            to_do=f"Ask somebody else who may publish: ringfence draft approve {draft.id}",
        )


def check_as_approved(session: Session, draft: DraftRow, site_edits: Mapping[str, int]) -> None:
    """Raise ApprovalMissing where a draft would publish what nobody has approved.

    Args:
        session: A session for its organisation.
        draft: The draft.
        site_edits: How often each site that it changes had been edited before.
    """
    check_approved(session, draft)
    if not needs_approval(session):
        return
    approved = draft.approved_edits or {}
    if other := sorted(site_id for site_id, count in site_edits.items() if approved.get(site_id) != count):
        more = f", and {len(other) - 5} more" if len(other) > 5 else ""  # noqa: PLR2004 - as many as are named
        raise ApprovalMissing(
            f"since draft {draft.name!r} was approved, somebody edited outside of it what it publishes: "
            f"{', '.join(other[:5])}{more}",
            to_do=f"Look again at what it changes, and have that approved: ringfence draft approve {draft.id}",
        )


def check_may_go_without(session: Session) -> None:
    """Raise ApprovalMissing where nothing is to be published that a second person has not approved."""
    if needs_approval(session):
        raise ApprovalMissing(
            "this organisation publishes what a second person has approved",
            to_do="Edit in a draft (ringfence draft create NAME), and have it approved; an owner may publish without.",
        )


def schedule(change: Change, draft: DraftRow, at: float | None, caller_id: str, comment: str) -> None:
    """Have a draft published at a time; None: not by itself."""
    if at is not None and not change.now < at <= change.now + _LONGEST_AHEAD_S:
        raise BadSelection("the time must be in the future, and within a year", to_do="Give a later time.")
    draft.publish_at, draft.publish_by, draft.publish_by_id = at, change.who, caller_id
    draft.comment, draft.problem = comment[:500], ""
    change.note("draft.schedule", draft.id, f"{draft.name}: " + ("not by itself" if at is None else f"at {at:.0f}"))


def due(session: Session, now: float) -> Sequence[DraftRow]:
    """Return the drafts whose time has come."""
    return session.scalars(select(DraftRow).where(DraftRow.publish_at <= now).order_by(DraftRow.publish_at)).all()


def note_failure(change: Change, draft: DraftRow, problem: str) -> None:
    """Keep why a draft could not be published when its time had come; it is not tried again by itself."""
    draft.publish_at, draft.problem = None, problem[:500]
    change.note("draft.not-published", draft.id, f"{draft.name}: {problem}")


def end(change: Change, draft: DraftRow, action: str) -> None:
    """Remove a draft, as it is published or discarded."""
    change.note(action, draft.id, draft.name)
    change.session.execute(delete(DraftEditRow).where(DraftEditRow.draft_id == draft.id))
    change.session.delete(draft)


def _has_changed(change: Change, draft: DraftRow) -> None:
    """What was approved was what it was before; what was to be published at a time, too."""
    draft.version += 1
    draft.changed_at = change.now
    draft.approved_by, draft.approved_edits, draft.publish_at = "", None, None


def _may_see(draft: DraftRow, reader: DraftReader) -> bool:
    return draft.is_shared or reader.sees_all or draft.author_id == reader.id


def _checked(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not is_printable(name):
        raise NameRefused(f"a draft's name must have 1 to {LONGEST_NAME} characters, without control characters")
    return name


def _record(draft_id: str, number: int) -> str:
    return f"draft-edit:{draft_id}:{number}"
