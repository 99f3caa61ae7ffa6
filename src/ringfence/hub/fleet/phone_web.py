"""A phone's own web page through its edge: what a person's program asks, and what the edge brings back.

A session is a job of the kind phone-web, and belongs to whoever started it. Requests and answers wait in the database,
sealed, so that any replica of the hub can hand them on; each is gone once somebody has it, and all of them once the
session is over.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.errors import BadSelection, LimitReached, NothingRecorded, NothingToEnd, ScopeExceeded
from ringfence.hub.fleet import edge_jobs, phones, settings
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.store.change import Change
from ringfence.hub.store.edge_job_models import EdgeJobRow
from ringfence.hub.store.models import EdgeRow, PhoneRow
from ringfence.hub.store.phone_web_models import PhoneWebExchangeRow
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.resolve_settings import BUILT_IN
from ringfence.phones.settings.types import Scope
from ringfence.secret import Secret
from ringfence.wire import codec
from ringfence.wire.job_messages import EdgeJobState, JobKind
from ringfence.wire.phone_web_messages import (
    LARGEST_SESSION_BYTES,
    LONGEST_S,
    MOST_AT_ONCE,
    MOST_REQUESTS,
    MOST_WAITING,
    READING,
    PhoneWebAnswer,
    PhoneWebNews,
    PhoneWebOrders,
    PhoneWebRequest,
    is_answer,
    why_not_asked,
)

ENDS_WITHIN_S: Final = 60.0
"""How long after its time a session's edge may still tell how it ended."""
KEPT_S: Final = LONGEST_S + ENDS_WITHIN_S
_NOT_AN_ANSWER = "the edge told what is no answer of a phone"
_WEB_ACCESS = "web_access"
_ALWAYS_WRITTEN = "webAccess"
"""Where enterprise phones have it, whose files say it always; of the others, what nobody has set is the phone's own."""


def phone_at(session: Session, mac: Mac, edge: EdgeRow) -> PhoneRow:
    """Return a phone whose page an edge can open.

    Raises:
        UnknownPhone: There is no such phone.
        BadSelection: It is another site's, or its file turns its web page off.
    """
    phone = phones.get(session, mac)
    if phone.site_id != edge.site_id:
        raise BadSelection(
            f"phone {mac} is at site {phone.site_id}, but edge {edge.id} is at {edge.site_id}",
            to_do="Leave the edge out, or name one of the phone's site.",
        )
    said = {each.setting.name: each for each in settings.effective(session, SettingPlace(Scope.PHONE, mac.bare))}
    access = said.get(_WEB_ACCESS)
    is_written = access is not None and (access.scope != BUILT_IN or access.setting.element == _ALWAYS_WRITTEN)
    if access is not None and is_written and access.value == "off":
        raise BadSelection(
            f"phone {mac} has no web page: {_WEB_ACCESS} is off ({access.scope})",
            to_do=f"Set it: ringfence set phone {mac} {_WEB_ACCESS}=read-only; then publish, and reload the phone.",
        )
    return phone


def ask(change: Change, sealer: Sealer, job_id: str, who_id: str, asked: PhoneWebRequest) -> int:
    """Queue a request for a session's edge, and return its number.

    Raises:
        UnknownEdgeJob, ScopeExceeded: There is no such session of this person or token.
        NothingToEnd: It is over, or has not begun.
        BadSelection: It is no request that this session may make.
        LimitReached: Too many wait, or were made.
    """
    session, row = change.session, _own(change.session, job_id, who_id)
    if not _is_open(row, change.now):
        raise NothingToEnd(f"the page of job {row.id} is not open: it is {edge_jobs.state_of(row, change.now)}")
    if why := why_not_asked(asked, with_changes=row.with_changes):
        raise BadSelection(why)
    waiting = session.scalar(select(func.count()).select_from(PhoneWebExchangeRow).where(_of(row))) or 0
    if waiting >= MOST_WAITING or row.web_requests >= MOST_REQUESTS:
        raise LimitReached(
            f"{waiting} requests of this page wait, and {row.web_requests} were made",
            to_do=f"At most {MOST_WAITING} wait at a time, and {MOST_REQUESTS} are made in one session.",
        )
    row.web_requests += 1
    number = row.web_requests
    sealed = _seal(sealer, row, number, PhoneWebRequest(
        number, asked.method, asked.target, asked.headers, asked.body, asked.is_tls
    ))  # fmt: skip
    session.add(
        PhoneWebExchangeRow(
            job_id=row.id, number=number, edge_id=row.edge_id, asked_at=change.now, sealed_request=sealed
        )
    )
    if asked.method not in READING:
        path = asked.target.partition("?")[0]
        change.note("edge-job.phone-web", row.id, f"{asked.method} {path} at phone {Mac(row.mac)}")
    return number


def answer_of(change: Change, sealer: Sealer, job_id: str, who_id: str, number: int) -> PhoneWebAnswer | None:
    """Return the answer to a request, which is kept no longer then; None while there is none.

    Raises:
        UnknownEdgeJob, ScopeExceeded: There is no such session of this person or token.
        NothingRecorded: There is no such request, or its answer was given already.
    """
    row = _own(change.session, job_id, who_id)
    found = change.session.get(PhoneWebExchangeRow, (row.id, number))
    if found is None:
        raise NothingRecorded(f"job {row.id} has no request {number} that waits for an answer")
    if found.sealed_answer is None:
        return None
    answer = codec.from_json(PhoneWebAnswer, _opened(sealer, row, number, found.sealed_answer, "answer"))
    change.session.delete(found)
    return answer


def exchange(change: Change, sealer: Sealer, edge_id: str, news: PhoneWebNews) -> PhoneWebOrders:
    """Take an answer that an edge brings, and return what it is to ask next."""
    session = change.session
    row: EdgeJobRow | None = session.get(EdgeJobRow, news.number[:20])
    is_its = row is not None and row.edge_id == edge_id and row.kind == JobKind.PHONE_WEB
    if row is None or not is_its or row.state != EdgeJobState.RUNNING or row.attempt != news.attempt:
        return PhoneWebOrders(goes_on=False)
    if _ends_at(row) + ENDS_WITHIN_S <= change.now:
        return PhoneWebOrders(goes_on=False)
    if news.answer is not None and not _take(change, sealer, row, news.answer):
        return PhoneWebOrders(goes_on=False)
    return PhoneWebOrders(goes_on=True, requests=tuple(_next(change, sealer, row)))


def forget(session: Session, job_id: str) -> None:
    """Delete what waits of a session."""
    session.execute(delete(PhoneWebExchangeRow).where(PhoneWebExchangeRow.job_id == job_id))


def forget_old(session: Session, now: float) -> int:
    """Delete what nobody came back for; return how many."""
    old = PhoneWebExchangeRow.asked_at < now - KEPT_S
    found = session.scalar(select(func.count()).select_from(PhoneWebExchangeRow).where(old)) or 0
    if found:
        session.execute(delete(PhoneWebExchangeRow).where(old))
    return found


def _take(change: Change, sealer: Sealer, row: EdgeJobRow, answer: PhoneWebAnswer) -> bool:
    found = change.session.get(PhoneWebExchangeRow, (row.id, answer.number))
    if found is None or found.taken_at is None or found.sealed_answer is not None:
        return True  # told twice, or nobody waits for it
    row.web_bytes += len(answer.body)
    if row.web_bytes > LARGEST_SESSION_BYTES:
        row.state, row.ended_at = EdgeJobState.FAILED, change.now
        row.sentence = "The phone's page told more than a session may hold."
        change.note("edge-job.end", row.id, row.sentence)
        forget(change.session, row.id)
        return False
    kept = answer if is_answer(answer) else PhoneWebAnswer(answer.number, problem=_NOT_AN_ANSWER)
    found.sealed_answer = _seal(sealer, row, answer.number, kept)
    return True


def _next(change: Change, sealer: Sealer, row: EdgeJobRow) -> Sequence[PhoneWebRequest]:
    if _ends_at(row) <= change.now:
        return ()
    chosen = select(PhoneWebExchangeRow).where(_of(row), PhoneWebExchangeRow.taken_at.is_(None))
    due = change.session.scalars(chosen.order_by(PhoneWebExchangeRow.number).limit(MOST_AT_ONCE)).all()
    for each in due:
        each.taken_at = change.now
    return [
        codec.from_json(PhoneWebRequest, _opened(sealer, row, each.number, each.sealed_request, "request"))
        for each in due
    ]


def _own(session: Session, job_id: str, who_id: str) -> EdgeJobRow:
    row = edge_jobs.get(session, job_id)
    if row.kind != JobKind.PHONE_WEB or not who_id or row.asked_by_id != who_id:
        raise ScopeExceeded(
            f"job {row.id} opens no phone's page for you",
            to_do="Open one yourself: ringfence phone web MAC --why TEXT.",
        )
    return row


def _is_open(row: EdgeJobRow, now: float) -> bool:
    return row.state == EdgeJobState.RUNNING and now < _ends_at(row)


def _ends_at(row: EdgeJobRow) -> float:
    return (row.began_at or 0.0) + float(row.orders["seconds"])


def _of(row: EdgeJobRow) -> ColumnElement[bool]:
    return PhoneWebExchangeRow.job_id == row.id


def _seal(sealer: Sealer, row: EdgeJobRow, number: int, said: PhoneWebRequest | PhoneWebAnswer) -> bytes:
    what = "request" if isinstance(said, PhoneWebRequest) else "answer"
    return sealer.seal(Secret(codec.to_json(said).decode()), _record(row, number, what))


def _opened(sealer: Sealer, row: EdgeJobRow, number: int, sealed: bytes, what: str) -> bytes:
    return sealer.open(sealed, _record(row, number, what)).reveal().encode()


def _record(row: EdgeJobRow, number: int, what: str) -> str:
    return f"phone web:{row.id}:{number}:{what}"
