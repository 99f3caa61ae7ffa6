"""Activation codes: a phone is prepared without its MAC address, and adopted by whoever tells the code, once.

What is here prepares phones; ``activation_use.py`` adopts them.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, selectinload

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.errors import BadSelection, LimitReached, UnknownActivation
from ringfence.hub.fleet import groups, lines, phones, sites
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.store import pages
from ringfence.hub.store.activation_models import ActivationLineRow, ActivationRow
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.pages import Page, Paged
from ringfence.identity.activation_codes import ALPHABET, RANDOM_CHARACTERS, ActivationCode
from ringfence.phones.families import model as model_of
from ringfence.secret import Secret

GOOD_FOR_S = 7 * 86_400
MOST_OPEN = 10_000
"""Codes of one organisation that are good at the same time: a guess meets none of them by chance."""
MOST_LINES = 100
_RECORD = "activation code"


class ActivationState(StrEnum):
    """What became of a code."""

    OPEN = "open"
    USED = "used"
    REVOKED = "revoked"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class PreparedPhone:
    """What a phone will be; empty stands for any site, any model, and no group."""

    site_id: str = ""
    model: str = ""
    description: str = ""
    group_id: str = ""
    lines: Mapping[int, LineParts] = field(default_factory=dict)


def create(change: Change, sealer: Sealer, prepared: PreparedPhone) -> tuple[ActivationRow, ActivationCode]:
    """Prepare a phone; its code is returned only here.

    Raises:
        UnknownSite, UnknownGroup, UnknownModel, NameRefused, LimitExceeded: There can be no such phone.
        LimitReached: The organisation has as many open codes as there may be.
    """
    session = change.session
    still_open = session.scalar(select(func.count()).select_from(ActivationRow).where(is_open(change.now))) or 0
    if still_open >= MOST_OPEN:
        raise LimitReached(f"there are {still_open} open codes, the most that there may be", to_do="Revoke some.")
    model = model_of(prepared.model)[1] if prepared.model else None
    if len(prepared.lines) > MOST_LINES:
        raise BadSelection(f"a phone can be prepared with {MOST_LINES} lines at most")
    for index, given in prepared.lines.items():
        parts = given.without_blanks()
        lines.check(index, parts, model, "the prepared phone")
        if not parts.name:
            raise BadSelection(f"line {index} needs a name", to_do="Give the SIP user, such as 201.")
    code = ActivationCode.of([secrets.randbelow(len(ALPHABET)) for _ in range(RANDOM_CHARACTERS)])
    row = ActivationRow(
        id=new_id("activation"), code_hash=sealer.fingerprints(code.secret, _RECORD)[0], ending=code.ending,
        site_id=sites.get(session, prepared.site_id).id if prepared.site_id else None,
        model=model.name if model is not None else "", description=phones.described(prepared.description),
        group_id=groups.get(session, prepared.group_id).id if prepared.group_id else None,
        created_at=change.now, created_by=change.who, ends_at=change.now + GOOD_FOR_S, used_at=None, revoked_at=None,
    )  # fmt: skip
    row.lines = [_line(sealer, row.id, index, parts) for index, parts in prepared.lines.items()]
    session.add(row)
    change.note("activation.create", row.id, f"{row.model or 'any model'} at {row.site_id or 'any site'}")
    return row, code


def get(session: Session, activation_id: str) -> ActivationRow:
    """Return a prepared phone; UnknownActivation where there is none."""
    row = session.get(ActivationRow, activation_id, options=[selectinload(ActivationRow.lines)])
    if row is None:
        raise UnknownActivation(
            f"there is no activation code {activation_id[:40]!r}", to_do="`ringfence activation list --all` shows all."
        )
    return row


def find(session: Session, page: Page, now: float, *, ended_too: bool, site_id: str | None) -> Paged[ActivationRow]:
    """Return a page of prepared phones, the newest first: those whose codes are good, or all."""
    chosen = choose(now, ended_too=ended_too)
    if site_id is not None:
        of_site = ActivationRow.site_id == sites.get(session, site_id).id
        chosen = chosen.where(or_(of_site, ActivationRow.site_id.is_(None)))
    return pages.read(session, chosen, page, ActivationRow.created_at, ActivationRow.id, newest_first=True)


def choose(now: float, *, ended_too: bool) -> Select[ActivationRow]:
    """Return the query for the prepared phones, with their lines: those whose codes are good, or all."""
    chosen = select(ActivationRow).options(selectinload(ActivationRow.lines))
    return chosen if ended_too else chosen.where(is_open(now))


def state_of(row: ActivationRow, now: float) -> ActivationState:
    """Return what became of a code."""
    if row.used_at is not None:
        return ActivationState.USED
    if row.revoked_at is not None:
        return ActivationState.REVOKED
    return ActivationState.OPEN if now < row.ends_at else ActivationState.ENDED


def revoke(change: Change, activation_id: str) -> ActivationRow:
    """Revoke a code, with what was prepared; once it has been used this has no effect."""
    row = get(change.session, activation_id)
    if row.used_at is None and row.revoked_at is None:
        row.revoked_at = change.now
        row.lines = []
        change.note("activation.revoke", row.id)
    return row


def of_code(session: Session, sealer: Sealer, code: ActivationCode) -> ActivationRow | None:
    """Return the prepared phone that a code stands for; None if the organisation has none."""
    fingerprints = sealer.fingerprints(code.secret, _RECORD)
    chosen = select(ActivationRow).where(ActivationRow.code_hash.in_(fingerprints))
    return session.scalar(chosen.options(selectinload(ActivationRow.lines)))


def parts_of(sealer: Sealer, line: ActivationLineRow) -> LineParts:
    """Return a prepared line's parts; what was left out is left to the phone."""
    sealed = line.sealed_password
    return LineParts(
        line.label or None, line.name, line.display_name or None, line.auth_name or None,
        sealer.open(sealed, _record(line.activation_id, line.index)) if sealed else None,
    )  # fmt: skip


def _line(sealer: Sealer, activation_id: str, index: int, parts: LineParts) -> ActivationLineRow:
    parts = parts.without_blanks()
    password = parts.password or Secret("")
    return ActivationLineRow(
        activation_id=activation_id, index=index, name=parts.name, label=parts.label or "",
        display_name=parts.display_name or "", auth_name=parts.auth_name or "",
        sealed_password=sealer.seal(password, _record(activation_id, index)) if password else b"",
    )  # fmt: skip


def _record(activation_id: str, index: int) -> str:
    return f"activation:{activation_id}:{index}"


def is_open(now: float) -> ColumnElement[bool]:
    """Return the criterion of codes that are good."""
    return ActivationRow.used_at.is_(None) & ActivationRow.revoked_at.is_(None) & (ActivationRow.ends_at > now)
