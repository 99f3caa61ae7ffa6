"""What was edited since a release, by the audit log: what a roll-back to it takes away, and what comes back afterwards.

A roll-back changes a site's files and leaves the settings as they are. So each edit that the release does not have yet
comes back with the next publish, unless somebody undoes it. Which edits a release has is exact: it keeps the number of
the newest entry of the log when it was made (``ReleaseRow.entries_through``). One of an earlier version of the hub
keeps none; then its time counts.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Row, or_, select
from sqlalchemy.orm import Session

from ringfence.hub.fleet import sites
from ringfence.hub.publishing import releases
from ringfence.hub.store import audit_chain
from ringfence.hub.store.models import AuditEntryRow, PhoneRow, SiteRow
from ringfence.hub.store.phone_book_models import PhoneBookRow, PhoneBookSiteRow
from ringfence.hub.store.release_models import ReleaseRow, ReleaseTargetRow
from ringfence.phones.mac import Mac

MOST_TOLD = 200
"""Edits that are told one by one; all are counted."""
MOST_LOOKED_AT = 20_000
"""Entries of the log that are looked at, the newest ones."""

PASSWORD: Final = "password"  # noqa: S105 - a kind of edit
_KINDS: Final = (
    ("setting.", "setting"),
    ("line.password", PASSWORD), ("line.rotate", PASSWORD), ("sip.rotate.done", PASSWORD), ("line.", "line"),
    ("phone.", "phone"), ("template.", "template"), ("asset.", "asset"), ("firmware.", "firmware load"),
    ("phone-book.", "phone book"), ("guard.credential", "credential"),
)  # fmt: skip
"""How an action begins, and the kind of edit that it is; the first one counts. An import names each of its edits."""
_NO_EDITS = frozenset({"line.reveal", "phone.reload"})
_TOLD_OF = ("setting", "line", "template", "asset", "firmware load")
"""Kinds whose entries say no more than what people who see the site may know: a phone's move names another site."""
_MAC = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}")
_PLACE = re.compile(r"(site|group) ([a-z0-9.-]+):")
_Found = Row[int, float, str, str, str, str]


@dataclass(frozen=True, slots=True)
class EditSince:
    """One edit: when, who, of which kind, what it was done to, and what it says."""

    at: float
    who: str
    kind: str
    action: str
    subject: str
    detail: str
    is_published: bool
    """Whether the site's newest release has it, so that phones lose it by a roll-back."""


@dataclass(frozen=True, slots=True)
class Editor:
    """Somebody who edited, how often, and when last."""

    who: str
    edits: int
    last_at: float


@dataclass(frozen=True, slots=True)
class EditsSince:
    """What was edited since a release: in numbers, and the newest edits one by one."""

    site_id: str
    number: int
    newest: int
    since: float
    """When the release was made."""
    count: int
    published: int
    """How many of them phones have now."""
    kinds: Mapping[str, int]
    editors: Sequence[Editor]
    """The latest first."""
    edits: Sequence[EditSince]
    """The newest first, ``MOST_TOLD`` at most."""
    is_all: bool
    """Whether the log was looked at back to the release."""


def find(session: Session, site_id: str, number: int) -> EditsSince:
    """Return what was edited of a site's phones, groups and of what all phones share since a release.

    Raises:
        UnknownSite, UnknownRelease: There is no such one.
    """
    site, release = sites.get(session, site_id), releases.get(session, site_id, number)
    newest = session.get(ReleaseRow, (site.id, site.newest_release)) or release
    entry = AuditEntryRow
    chosen = (
        select(entry.id, entry.at, entry.actor, entry.action, entry.subject, entry.detail)
        .where(is_edit(), _is_after(release))
        .order_by(entry.id.desc())
        .limit(MOST_LOOKED_AT + 1)
    )
    rows = session.execute(chosen).all()
    of_others = _of_others(session, site, rows[:MOST_LOOKED_AT])
    found = [_edit(row, newest) for row in rows[:MOST_LOOKED_AT] if row.id not in of_others]
    by_editor = Counter(edit.who for edit in found)
    last = {edit.who: edit.at for edit in reversed(found)}
    return EditsSince(
        site_id=site.id,
        number=number,
        newest=site.newest_release,
        since=release.made_at,
        count=len(found),
        published=sum(edit.is_published for edit in found),
        kinds=dict(Counter(edit.kind for edit in found).most_common()),
        editors=[Editor(who, by_editor[who], last[who]) for who in sorted(last, key=lambda who: -last[who])],
        edits=found[:MOST_TOLD],
        is_all=len(rows) <= MOST_LOOKED_AT and _is_kept_since(session, release),
    )


def _is_kept_since(session: Session, release: ReleaseRow) -> bool:
    """Return whether the audit log still goes back to a release."""
    number, _digest = audit_chain.cut(session)
    return number <= (release.entries_through or 0) or not number


def is_edit() -> ColumnElement[bool]:
    """Return which entries of the log are edits of what files are made from."""
    action = AuditEntryRow.action
    of_a_kind = or_(*(action.startswith(beginning, autoescape=True) for beginning, _kind in _KINDS))
    return of_a_kind & action.not_in(_NO_EDITS)


def whose(subject: str) -> str:
    """Return what an entry is about: a phone, ``site ID`` or ``group ID``; empty for what is everybody's."""
    if mac := _MAC.search(subject):
        return mac[0]
    place = _PLACE.match(subject)
    return f"{place[1]} {place[2]}" if place else ""


def _is_after(release: ReleaseRow) -> ColumnElement[bool]:
    if release.entries_through is None:
        return AuditEntryRow.at >= release.made_at
    return AuditEntryRow.id > release.entries_through


def _edit(row: _Found, newest: ReleaseRow) -> EditSince:
    kind = next(kind for beginning, kind in _KINDS if row.action.startswith(beginning))
    detail = row.detail if kind in _TOLD_OF else ""
    is_published = not releases.is_without(newest, row.id, row.at)
    return EditSince(row.at, row.actor, kind, row.action, row.subject, detail, is_published)


def _of_others(session: Session, site: SiteRow, rows: Sequence[_Found]) -> set[int]:
    """Return which entries are of other sites' phones, groups or books alone."""
    macs, groups = _phones_and_groups(session, site)
    mine = {f"site {site.id}", *(f"group {group}" for group in groups)}
    of_book = (PhoneBookSiteRow.book_id == PhoneBookRow.id) & (PhoneBookSiteRow.site_id == site.id)
    elsewhere = (
        select(PhoneBookRow.id).where(PhoneBookRow.is_everywhere.is_(False)).outerjoin(PhoneBookSiteRow, of_book)
    )
    books = set(session.scalars(elsewhere.where(PhoneBookSiteRow.book_id.is_(None))))
    mine |= macs
    found = set()
    for row in rows:
        of = whose(row.subject)
        is_other_book = row.action.startswith("phone-book.") and row.subject in books
        if is_other_book if not of else of not in mine:
            found.add(row.id)
    return found


def _phones_and_groups(session: Session, site: SiteRow) -> tuple[set[str], set[str]]:
    """Return the phones that stand at a site or have a file in a release of it, and the groups of those there now."""
    now = session.execute(select(PhoneRow.mac, PhoneRow.group_id).where(PhoneRow.site_id == site.id)).all()
    of = ReleaseTargetRow
    before = session.scalars(select(of.owner).where(of.site_id == site.id, of.owner.is_not(None)).distinct())
    macs = {mac for mac, _group in now} | {mac for mac in before if mac is not None}
    return {str(Mac(mac)) for mac in macs}, {group for _mac, group in now if group}
