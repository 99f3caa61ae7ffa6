"""What edges tell of their jobs: believed as far as it is about their own, and kept as far as there is room."""

from sqlalchemy import delete, func, select

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.fleet import edge_job_alerts, edge_jobs, phone_web
from ringfence.hub.store.change import Change
from ringfence.hub.store.edge_job_models import EdgeJobPartRow, EdgeJobRow
from ringfence.printable import printable
from ringfence.wire.job_messages import LARGEST_PART_BYTES, LARGEST_TEXT, TOLD_BY_EDGES, EdgeJobState, JobKind, JobNews

LEAST_FREE_BYTES = 64 * 2**20
"""A capture does not take the room that the hub itself needs to go on."""
_LONGEST_SENTENCE = 500
_LONGEST_ATTEMPT = 40


def take(change: Change, sealer: Sealer, edge_id: str, news: JobNews, free_bytes: int | None = None) -> bool:
    """Take what an edge tells of a job; return whether it goes on with it.

    What it tells twice, because an answer was lost, is taken once. ``free_bytes`` is the room on the hub's disk; None
    if nobody knows.
    """
    row: EdgeJobRow | None = change.session.get(EdgeJobRow, news.number[:20])
    if row is None or row.edge_id != edge_id or news.state not in TOLD_BY_EDGES or not news.attempt.isalnum():
        return False
    attempt = news.attempt[:_LONGEST_ATTEMPT]
    if row.state == EdgeJobState.QUEUED and row.until > change.now:
        row.state, row.attempt, row.began_at = EdgeJobState.RUNNING, attempt, change.now
    if row.state in TOLD_BY_EDGES and row.attempt == attempt and row.state != EdgeJobState.RUNNING:
        return news.state == row.state  # told again
    if row.state != EdgeJobState.RUNNING or row.attempt != attempt or edge_jobs.is_over(row, change.now):
        return False
    if news.part > row.parts and news.state == EdgeJobState.RUNNING:
        return False
    if news.part == row.parts and not _take_part(change, sealer, row, news, free_bytes):
        return False
    if news.state != EdgeJobState.RUNNING:
        row.state, row.ended_at = news.state, change.now
        row.sentence = printable(news.sentence, _LONGEST_SENTENCE)
        phone_web.forget(change.session, row.id)
        change.note("edge-job.end", row.id, f"{edge_jobs.in_short(row)} at {edge_id}: {row.state}, {row.sentence}")
        if row.state == EdgeJobState.REFUSED:
            edge_job_alerts.tell_of_refused(change, row)
    return True


def _take_part(change: Change, sealer: Sealer, row: EdgeJobRow, news: JobNews, free_bytes: int | None) -> bool:
    """Store a part; return False where it is more than was asked for, or than there is room for."""
    if news.text:
        text = edge_jobs.cleaned(news.text)
        row.result += text[: max(0, LARGEST_TEXT - len(row.result))]
    if news.data:
        is_asked = row.kind == JobKind.CAPTURE and row.size_bytes + len(news.data) <= row.orders["most_bytes"]
        if not is_asked or len(news.data) > LARGEST_PART_BYTES:
            return _fail(change, row, "The edge told more than it was asked for.")
        if free_bytes is not None and free_bytes < LEAST_FREE_BYTES:
            return _fail(change, row, "The hub's disk is full, so the capture ended. What came before is kept.")
        _make_room(change, len(news.data))
        change.session.add(edge_jobs.seal_part(sealer, row, row.parts, news.data))
        row.size_bytes += len(news.data)
    row.parts += 1
    return True


def _fail(change: Change, row: EdgeJobRow, sentence: str) -> bool:
    """End a job that can't go on here; return that it does not."""
    row.state, row.ended_at, row.sentence = EdgeJobState.FAILED, change.now, sentence
    change.note("edge-job.end", row.id, sentence)
    return False


def _make_room(change: Change, needed: int) -> None:
    """Let the oldest captures of the organisation go, so that there is room for one part more."""
    session = change.session
    held = session.scalar(select(func.coalesce(func.sum(EdgeJobRow.size_bytes), 0))) or 0
    while held + needed > edge_jobs.CAPTURES_BYTES:
        chosen = select(EdgeJobRow).where(EdgeJobRow.size_bytes > 0, EdgeJobRow.state != EdgeJobState.RUNNING)
        oldest = session.scalar(chosen.order_by(EdgeJobRow.asked_at, EdgeJobRow.id).limit(1))
        if oldest is None:
            return
        session.execute(delete(EdgeJobPartRow).where(EdgeJobPartRow.job_id == oldest.id))
        held -= oldest.size_bytes
        oldest.size_bytes = 0
