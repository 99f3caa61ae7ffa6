"""What requests ask of the database, without what the hub does beside them."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event

from ringfence.hub.store import change
from support.running_hub import RunningHub

Statement = tuple[str, object]
"""SQL, and its parameters."""


@contextmanager
def asked_statements() -> Iterator[list[Statement]]:
    """Note the statements of requests in the block, each after its caller is known."""
    asked: list[Statement] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_others: object) -> None:
        if change._CALLED_BY.get().caller_id:
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert asked


def asked_by(running: RunningHub, path: str) -> list[Statement]:
    """Return the statements of a page, which must be there."""
    with asked_statements() as asked:
        answer = running.raw("GET", path)
    assert answer.status == 200, (path, answer.data)
    return asked
