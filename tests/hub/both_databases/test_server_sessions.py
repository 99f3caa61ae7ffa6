"""Several processes of a hub on one PostgreSQL: one has the turn, and what one tells the others hear."""

import os
import queue
import resource
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import make_url

from ringfence.hub.data_errors import DatabaseUnavailable
from ringfence.hub.event_streams import SITES, Wakeups
from ringfence.hub.job_states import JobStates
from ringfence.hub.store import server_sessions
from ringfence.hub.store.dialect import driver_url
from ringfence.hub.store.server_sessions import JobsTurn, ProcessHints
from stack import wait_for
from support.postgresql_server import PostgresqlServer

needs_server = [pytest.mark.needs("postgresql"), pytest.mark.slow]
WITHIN_S = 60
END_LOCKS = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
END_LISTENERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'"

Heard = queue.SimpleQueue[tuple[str, list[str]]]


@contextmanager
def turns(url: str, number: int = 2) -> Iterator[list[JobsTurn]]:
    made = [JobsTurn(driver_url(url)) for _ in range(number)]
    try:
        yield made
    finally:
        for turn in made:
            turn.let_go()


@contextmanager
def listening(url: str, number: int = 2) -> Iterator[list[tuple[ProcessHints, Heard]]]:
    made = []
    with ExitStack() as stack:
        for _ in range(number):
            heard = Heard()

            def take(of: str, names: Sequence[str], heard: Heard = heard) -> None:
                heard.put((of, list(names)))

            hints = ProcessHints(driver_url(url), take)
            hints.start()
            stack.callback(hints.close)
            made.append((hints, heard))
        for hints, _heard in made:
            assert hints.listening.wait(WITHIN_S)
        yield made


def is_ours(turn: JobsTurn) -> bool:
    return turn.is_ours


def looked(turn: JobsTurn) -> bool:
    turn.look()
    return turn.is_ours


def test_a_hub_with_a_file_is_alone() -> None:
    turn = JobsTurn(make_url("sqlite:////nowhere/hub.sqlite"))
    assert (turn.is_shared, turn.is_ours) == (False, True)
    turn.let_go()
    assert turn.is_ours


def test_a_job_that_should_have_ended_long_ago_is_stuck_where_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = JobStates()
    jobs.begin("Do it", 1.0)
    seen = [jobs.is_stuck]
    monkeypatch.setattr("ringfence.hub.job_states._LATE_S", -2.0)
    seen.append(jobs.is_stuck)
    jobs.give("Do it", is_elsewhere=True)
    seen.append(jobs.is_stuck)
    assert seen == [False, True, False]


class TestOnAServer:
    pytestmark = needs_server

    @pytest.fixture
    def url(self, server: PostgresqlServer) -> str:
        return server.url(server.new_database())

    def test_one_of_three_has_the_turn_and_another_gets_it_when_it_lets_go(self, url: str) -> None:
        with turns(url, 3) as (one, two, three):
            assert [looked(turn) for turn in (one, two, three)] == [True, False, False]
            assert [looked(turn) for turn in (three, two, one)] == [False, False, True]
            one.look(wanted=False)  # its jobs hang
            assert not is_ours(one)
            assert [looked(turn) for turn in (two, three, one)] == [True, False, False]

    def test_who_loses_its_connection_loses_the_turn_and_learns_it(self, server: PostgresqlServer, url: str) -> None:
        with turns(url) as (one, two):
            assert [looked(turn) for turn in (one, two)] == [True, False]
            server.do(END_LOCKS)
            wait_for("the other one's turn", lambda: looked(two), WITHIN_S)
            with pytest.raises(DatabaseUnavailable, match="does not answer"):
                one.look()
            assert not is_ours(one)
            assert not looked(one), "it is connected again, and waits"

    def test_who_hangs_has_it_no_more_before_another_one_does(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server_sessions, "HELD_FOR_S", 2.0)
        with turns(url) as (hanging, other):
            assert looked(hanging)
            wait_for("the other one's turn", lambda: looked(other), WITHIN_S)
            assert not is_ours(hanging)

    def test_others_hear_what_one_tells_and_it_does_not_hear_itself(self, url: str) -> None:
        with listening(url, 3) as ((one, own), (_two, second), (_three, third)):
            one.tell(SITES, {"anna", "ben"})
            assert second.get(timeout=WITHIN_S) == third.get(timeout=WITHIN_S) == (SITES, ["anna", "ben"])
            many = [f"site-{number:04}" for number in range(3000)]
            one.tell(SITES, many)
            heard: list[str] = []
            while len(heard) < len(many):
                heard += second.get(timeout=WITHIN_S)[1]
            assert heard == many
            assert own.empty()

    def test_they_are_heard_in_a_process_with_thousands_of_connections(self, url: str) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
        try:
            with ExitStack() as stack:
                for _ in range(1200):
                    stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
                with listening(url) as ((one, _own), (_two, heard)):
                    one.tell(SITES, {"anna"})
                    assert heard.get(timeout=WITHIN_S) == (SITES, ["anna"])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_what_others_send_on_the_channel_harms_nobody_and_a_lost_link_is_made_again(
        self, server: PostgresqlServer, url: str
    ) -> None:
        with listening(url) as ((one, _own), (two, heard)):
            for hints in (one, two):
                hints.tell("x", ['"', "\N{SNOWMAN}"])
            assert heard.get(timeout=WITHIN_S)[0] == "x"
            for junk in ("", "[", "7", "[]", "[1]", "{}", "null", '["sites", 1]', '{"sites": 1}'):
                two._take(junk)
            assert heard.empty()
            server.do(END_LISTENERS)

            def told() -> bool:
                one.tell(SITES, ["anna"])
                try:
                    return heard.get(timeout=0.2) == (SITES, ["anna"])
                except queue.Empty:
                    return False

            wait_for("hints after the link was cut", told, WITHIN_S)


def test_a_process_wakes_its_own_streams_and_tells_the_others() -> None:
    told: list[tuple[str, list[str]]] = []
    wakeups = Wakeups()
    wakeups.tell_others = lambda of, names: told.append((of, sorted(names)))
    wakeups.wake_sites({"anna"})
    wakeups.wake_edges({"e1", "e2"})
    wakeups.wake_tunnels(None)
    wakeups.wake_tunnels({"main"})
    wakeups.wake_edges(set())
    wakeups.wake_edges_here({"e3"})
    for of in ("sites", "edges", "tunnels", "of a later version"):
        wakeups.hear(of, ["anna"])
    assert told == [("sites", ["anna"]), ("edges", ["e1", "e2"]), ("tunnels", ["*"]), ("tunnels", ["main"])]
