"""Refusals are told once for each source and name, then counted."""

from ringfence.server.access.refusal_log import (
    NAMES_PER_SOURCE,
    OTHER_NAMES,
    SOURCES,
    RefusalLog,
)
from ringfence.server.events import RequestRefused


def refused(name: str = "a", host: str = "192.0.2.7", at: float = 100.0) -> RequestRefused:
    return RequestRefused(at, host, 50000, name, f"Refused {name}.")


def test_the_first_is_told_at_once_and_the_rest_as_a_count_after_the_window() -> None:
    log = RefusalLog()
    assert log.note(refused()) == refused()
    for second in range(9):
        assert log.note(refused(at=101.0 + second)) is None
    assert log.flush(159.0) == []
    (told,) = log.flush(160.0)
    assert (told.name, told.count, told.at) == ("a", 9, 160.0)
    assert log.flush(999.0) == []
    assert log.note(refused(at=161.0)) is not None


def test_a_source_that_asks_for_many_names_is_one_line_beyond_a_limit() -> None:
    log = RefusalLog()
    told = [log.note(refused(f"SEP{index:012X}.cnf.xml")) for index in range(1000)]
    assert sum(one is not None for one in told) == NAMES_PER_SOURCE + 1
    assert {one.name for one in log.flush(200.0)} == {OTHER_NAMES}


def test_many_sources_do_not_grow_the_log_without_end() -> None:
    log = RefusalLog()
    told = [log.note(refused(host=f"10.0.{index // 250}.{index % 250}")) for index in range(5000)]
    assert sum(one is not None for one in told) == SOURCES + 1
