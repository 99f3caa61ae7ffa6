"""Three processes of one hub: each is killed while it does something, and nothing is lost or doubled.

A process is caught at work by a lock of the test's own, for which it waits in the database; then it is killed, and the
lock is given back.
"""

import contextlib
import json
import signal
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, update

from ringfence.hub import within
from ringfence.hub.store.models import EdgeReportRow
from ringfence.hub.store.release_models import PublicationLeaseRow, ReleaseRow
from ringfence.wire import codec, paths
from ringfence.wire.messages import EnrolResponse, Report, ReportBatch
from stack import wait_for
from support.hub_processes import PROCESSES, WITHIN_S, Processes, processes
from support.postgresql_server import PostgresqlServer
from support.running_hub import Answer, EdgeInHand

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.slow]

MAC = "001B54C2D0{:02X}"
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"


@pytest.fixture(scope="module")
def three(server: PostgresqlServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with processes(server, tmp_path_factory.mktemp("three")) as made:
        yield made


def published(three: Processes, number: int, **order: object) -> Answer:
    """Publish at a process; a lease that a dead one left ends by itself."""
    answers: list[Answer] = []

    def is_done() -> bool:
        answers.append(three.at(number).ask("POST", "/publish", {"dry_run": False, **order}))
        return answers[-1].json.get("kind") != "publish-running"

    wait_for("the right to publish", is_done, WITHIN_S)
    return answers[-1]


def enrolled(three: Processes, number: int, site: str, folder: Path) -> EdgeInHand:
    folder.mkdir()
    return three.at(number).enrol(site, folder)


def elsewhere(three: Processes, edge: EdgeInHand, number: int) -> EdgeInHand:
    """The same edge, calling another process."""
    return EdgeInHand(three.at(number), edge.key, edge.response, edge.folder)


def reports_of(three: Processes, site: str) -> list[int]:
    with within.everywhere(three.hub).database.reading() as session:
        chosen = select(EdgeReportRow.seq).where(EdgeReportRow.site_id == site).order_by(EdgeReportRow.seq)
        return list(session.scalars(chosen))


def releases_of(three: Processes, site: str) -> list[int]:
    with within.everywhere(three.hub).database.reading() as session:
        return list(
            session.scalars(select(ReleaseRow.number).where(ReleaseRow.site_id == site).order_by(ReleaseRow.number))
        )


def test_an_edge_hears_of_a_publish_at_another_process(three: Processes, tmp_path: Path) -> None:
    site = three.at(0).site("Hears")
    three.at(0).phone(site, MAC.format(1))
    edge = enrolled(three, 1, site, tmp_path / "edge")
    with edge.events() as events:
        assert next(events).kind == "greeting"
        assert published(three, 0, sites=[site]).status == 200
        assert next(each for each in events if each.kind == "release").release == 1


def test_nothing_is_lost_or_doubled_when_each_process_is_killed_at_work(three: Processes, tmp_path: Path) -> None:
    site, folder = three.at(0).site("Killed"), tmp_path / "edge"
    three.at(0).phone(site, MAC.format(10))
    folder.mkdir()
    # in mid-enrolment: the token is still good, and then used
    token, key = three.at(0).token_for(site), ec.generate_private_key(ec.SECP256R1())
    three.kill_at_work(0, partial(three.at(0).ask_to_enrol, token.secret, key))
    answer = three.at(1).ask_to_enrol(token.secret, key)
    assert answer.status == 200, answer.data
    edge = EdgeInHand(three.at(1), key, codec.from_json(EnrolResponse, answer.data), folder)
    assert three.at(2).ask_to_enrol(token.secret).status != 200
    # in mid-report: what was not acknowledged is sent again, elsewhere, and where it was sent before
    first = ReportBatch((Report(1, 1.0, "worker-died", "One."),), 0)
    both = ReportBatch((*first.reports, Report(2, 2.0, "worker-died", "Two.")), 0)
    assert edge.post(paths.REPORTS, first).status == 200
    three.kill_at_work(1, partial(edge.post, paths.REPORTS, both))
    assert elsewhere(three, edge, 2).post(paths.REPORTS, both).status == 200
    edge = elsewhere(three, edge, 1)
    assert edge.post(paths.REPORTS, both).status == 200
    assert reports_of(three, site) == [1, 2]
    # in mid-publish, before anything of it is written
    three.kill_at_work(2, partial(three.at(2).publish, sites=[site]))
    assert releases_of(three, site) == []
    assert published(three, 0, sites=[site]).status == 200
    assert releases_of(three, site) == [1]
    timestamps = {elsewhere(three, edge, each).get(paths.METADATA + "timestamp.json").data for each in range(3)}
    assert len(timestamps) == 1


def dies_with_the_right(three: Processes, site: str, attempt: int) -> bool:
    """Edit and publish at the last process; kill it where it has the right to publish and has not yet published."""
    three.at(0).do("PUT", f"/phones/{MAC.format(40)}/lines/1", {"name": "201", "label": f"Attempt {attempt}"})
    before = releases_of(three, site)

    def publish() -> None:
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            three.at(2).publish(sites=[site])

    trying = threading.Thread(target=publish)
    trying.start()
    wait_for("the lease", lambda: three.count(PublicationLeaseRow) or not trying.is_alive(), WITHIN_S)
    with three.writers_wait():
        is_between = bool(three.count(PublicationLeaseRow)) and releases_of(three, site) == before
        if is_between:
            three.end(2, signal.SIGKILL)
    trying.join(WITHIN_S)
    return is_between


def test_who_dies_between_its_right_to_publish_and_its_release_leaves_the_old_one(
    three: Processes, tmp_path: Path
) -> None:
    site = three.at(0).site("Between")
    three.at(0).phone(site, MAC.format(40))
    assert published(three, 0, sites=[site]).status == 200
    edge = enrolled(three, 1, site, tmp_path / "edge")
    before = edge.get(paths.METADATA + "timestamp.json").data

    attempts = 0
    while not dies_with_the_right(three, site, attempts):
        attempts += 1
        assert attempts < 20, "it was never caught between the two"
        before = edge.get(paths.METADATA + "timestamp.json").data
    three.start(2)
    assert edge.get(paths.METADATA + "timestamp.json").data == before
    assert three.at(1).ask("POST", "/publish", {"dry_run": False}).json["kind"] == "publish-running"
    with within.everywhere(three.hub).database.writing() as session:
        session.execute(update(PublicationLeaseRow).values(ends_at=0.0))  # as if its minute were over
    assert published(three, 1, sites=[site]).status == 200
    numbers = releases_of(three, site)
    assert numbers == list(range(1, len(numbers) + 1))
    assert three.at(2).ask("POST", "/publish", {"dry_run": True, "sites": [site]}).json["sites"] == []


def test_a_link_to_the_database_that_is_cut_is_made_again(three: Processes, tmp_path: Path) -> None:
    site = three.at(0).site("Cut")
    three.at(0).phone(site, MAC.format(50))
    edge = enrolled(three, 0, site, tmp_path / "edge")
    three.server.do(OTHERS.format(three.url.split("/")[-1].split("?")[0]))
    wait_for("each process", lambda: all(three.at(each).ask("GET", "/sites").status == 200 for each in range(3)), 60)
    report = ReportBatch((Report(1, 1.0, "worker-died", "One."),), 0)
    wait_for("reporting", lambda: edge.post(paths.REPORTS, report).status == 200, WITHIN_S)
    assert reports_of(three, site) == [1]
    assert published(three, 1, sites=[site]).status == 200
    assert releases_of(three, site) == [1]


def test_who_is_stopped_gives_its_jobs_to_another_at_once_and_ends_its_streams(
    three: Processes, tmp_path: Path
) -> None:
    site = three.at(1).site("Stopped")

    def does_jobs(number: int) -> bool:
        page = [json.loads(line)["event"] for line in (three.folders[number].path / "log").read_text().splitlines()]
        told = [line for line in page if line.startswith("this process does the hub's jobs")]
        return bool(told) and told[-1].endswith("from now on")

    wait_for("a process that does the jobs", lambda: any(map(does_jobs, range(PROCESSES))), WITHIN_S)
    (holder,) = [number for number in range(PROCESSES) if does_jobs(number)]
    edge = enrolled(three, holder, site, tmp_path / "edge")
    with edge.events() as events:
        assert next(events).kind == "greeting"
        assert three.end(holder, signal.SIGTERM) == 0
        assert list(events) == []
    others = [number for number in range(PROCESSES) if number != holder]
    wait_for("another process that does the jobs", lambda: any(map(does_jobs, others)), WITHIN_S)
    assert not does_jobs(holder)
    (heir,) = [number for number in others if does_jobs(number)]
    hanging = three.process(heir)
    hanging.send_signal(signal.SIGSTOP)
    (last,) = [number for number in others if number != heir]
    wait_for("the last process that does the jobs", lambda: does_jobs(last), WITHIN_S)
    hanging.send_signal(signal.SIGCONT)
    wait_for("who hung learns it", lambda: not does_jobs(heir), WITHIN_S)
    three.start(holder)
