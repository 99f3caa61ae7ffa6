"""The audit log: found by who, what, when and from where; handed out; and checked to be whole."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from ringfence.csv_text import to_text
from ringfence.hub.core import Hub
from ringfence.hub.errors import BadSelection
from ringfence.hub.store import audit_chain, pages
from ringfence.hub.store.binding import whose
from ringfence.hub.store.dialect import contains_in_any_case
from ringfence.hub.store.models import AuditEntryRow
from ringfence.hub.store.pages import Page, Paged

MOST_EXPORTED = 1_000_000
"""Entries that one export holds; who wants more says until when."""
_EXPORTED_AT_ONCE = 1000
_COLUMNS = ("id", "at", "who", "token", "address", "action", "object", "detail", "rows", "more_rows", "chain")


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; all of it must fit.

    ``who`` is a name or the id of a token; ``action`` all of it, or its beginning up to a dot, such as ``phone.``;
    ``subject`` a part of what it was done to. Times are Unix seconds; ``until`` itself is not included.
    """

    who: str = ""
    action: str = ""
    subject: str = ""
    address: str = ""
    since: float | None = None
    until: float | None = None

    @property
    def is_in_time(self) -> bool:
        """Whether it says when, so that the entries are found and sorted by their time."""
        return self.since is not None or self.until is not None

    def criteria(self) -> Iterator[ColumnElement[bool]]:
        """Yield what each entry must fit."""
        if self.who:
            yield or_(AuditEntryRow.actor == self.who, AuditEntryRow.actor_id == self.who)
        if self.action.endswith("."):
            # A range, which uses the index whatever the database's collation makes of LIKE.
            yield AuditEntryRow.action.between(self.action, self.action + "~")
        elif self.action:
            yield AuditEntryRow.action == self.action
        if self.subject:
            yield contains_in_any_case(AuditEntryRow.subject, self.subject)
        if self.address:
            yield AuditEntryRow.address == self.address
        if self.since is not None:
            yield AuditEntryRow.at >= self.since
        if self.until is not None:
            yield AuditEntryRow.at < self.until


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Whether a log is whole. The head is to be written down elsewhere: what is cut from the end is found by it."""

    entries: int
    head: str
    """The newest entry's number and digest, ``NUMBER:DIGEST``; empty where there is none."""
    broken: int | None = None
    """The number of the first entry that does not fit; None where all do."""
    why: str = ""
    """What that means; of a log that is whole, what the head that was written down does not show any more."""


def find(session: Session, wanted: AuditFilter, page: Page) -> Paged[AuditEntryRow]:
    """Return a page of the entries that fit, the newest or the oldest first as the page says."""
    keys = (AuditEntryRow.at, AuditEntryRow.id) if wanted.is_in_time else (AuditEntryRow.id,)
    chosen = select(AuditEntryRow).where(*wanted.criteria())
    return pages.read(session, chosen, page, *keys, newest_first=not page.is_oldest_first)


def export(hub: Hub, wanted: AuditFilter, *, as_csv: bool, is_oldest_first: bool = False) -> Iterator[str]:
    """Yield the entries that fit, the newest first by default, as CSV with a heading or as JSON, an object a line.

    It is read page by page, so that no transaction lasts as long as somebody takes to fetch it.
    """
    if as_csv:
        yield to_text([_COLUMNS])
    cursor: str | None = ""
    left = MOST_EXPORTED
    while cursor is not None and left > 0:
        with hub.database.reading() as session:
            part = find(session, wanted, Page(min(left, _EXPORTED_AT_ONCE), cursor, is_oldest_first))
        left, cursor = left - len(part.rows), part.next
        yield "".join(_line(row, as_csv=as_csv) for row in part.rows)


def verify(session: Session, written_down: str = "") -> AuditCheck:
    """Check every entry against its digest and the one before it, and a head that was written down against the log.

    Where entries were removed as they were old (``retention/old_audit.py``), it begins with the last of those.

    Raises:
        BadSelection: ``written_down`` is not ``NUMBER:DIGEST``.
    """
    number, expected = _parsed(written_down) if written_down else (0, "")
    head, count = audit_chain.head(session, whose(session)), 0
    removed, last = audit_chain.cut(session)
    if (oldest := session.scalar(select(func.min(AuditEntryRow.id)))) is not None and oldest <= removed:
        return AuditCheck(0, _shown(head), oldest, _BROKEN)
    is_there, why = not written_down or number <= removed, ""
    if 0 < number <= removed:
        if number == removed and expected != last:
            return AuditCheck(0, _shown(head), number, _ANOTHER)
        why = "" if number == removed else _OLDER
    for entry, chain, due in audit_chain.entries(session, (removed, last)):
        if chain != due:
            return AuditCheck(count, _shown(head), entry, _BROKEN)
        if entry == number:
            if chain != expected:
                return AuditCheck(count, _shown(head), entry, _ANOTHER)
            is_there = True
        count += 1
    return AuditCheck(count, _shown(head), why=why) if is_there else AuditCheck(count, _shown(head), number, _CUT)


_BROKEN = (
    "It does not fit the one before it: it was altered, or entries before it were altered, taken out or put in. "
    "All before it are as they were written."
)
_ANOTHER = (
    "It is another one than when its digest was written down: the log was written anew from some entry on, or the hub "
    "goes on from an older copy."
)
_OLDER = (
    "It was removed with all that were as old, as the log says: whether its digest was this one is not known any more."
)
_CUT = (
    "It was there when its digest was written down, and is not now: entries were cut from the end, or the hub goes on "
    "from an older copy; restoring one is an entry itself."
)


def _parsed(head: str) -> tuple[int, str]:
    number, colon, digest = head.strip().partition(":")
    is_one = number.isascii() and number.isdecimal() and len(number) < 19  # noqa: PLR2004 - more is no number of ours
    if not colon or not is_one or len(digest) != 64 or set(digest) - set("0123456789abcdef"):  # noqa: PLR2004 - SHA-256
        raise BadSelection(
            f"{head[:80]!r} is no head of an audit log", to_do="Write it as it was printed, NUMBER:DIGEST."
        )
    return int(number), digest


def _shown(head: tuple[int, str]) -> str:
    number, digest = head
    return f"{number}:{digest}" if number else ""


def shown(row: AuditEntryRow) -> dict[str, Any]:
    """Return an entry as the API and exports have it. Any: JSON."""
    changes: dict[str, Any] = json.loads(row.changes) if row.changes else {"rows": [], "more": 0}
    return {
        "id": row.id, "at": row.at, "who": row.actor, "token": row.actor_id, "address": row.address,
        "action": row.action, "object": row.subject, "detail": row.detail,
        "rows": [{"diff": {}, **each} for each in changes["rows"]],
        "more_rows": changes["more"], "chain": row.chain,
    }  # fmt: skip


def _line(row: AuditEntryRow, *, as_csv: bool) -> str:
    values = shown(row)
    if not as_csv:
        return json.dumps(values, ensure_ascii=False) + "\n"
    rows = json.dumps(values["rows"], ensure_ascii=False) if values["rows"] else ""
    return to_text([[{**values, "rows": rows}[name] for name in _COLUMNS]])
