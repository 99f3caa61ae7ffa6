"""Three processes of one hub: each is killed while it does something, and nothing is lost or doubled.

A process is caught at work by a lock of the test's own, for which it waits in the database; then it is killed, and the
lock is given back.
"""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import create_engine, func, select, text, update

from ringfence.hub import within
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process.init import init
from ringfence.hub.store import dialect
from ringfence.hub.store.models import EdgeReportRow, EdgeRow
from ringfence.hub.store.release_models import PublicationLeaseRow, ReleaseRow
from ringfence.secret import Secret
from ringfence.wire import codec, paths
from ringfence.wire.messages import EnrolResponse, Report, ReportBatch
from stack import wait_for
from support.postgresql_server import PostgresqlServer
from support.running_hub import Answer, Clock, EdgeInHand, RunningHub

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.slow]

WITHIN_S = 120
PROCESSES = 3
PROGRAM = """
import sys
from pathlib import Path
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process.run import run
run(DataFolder(Path(sys.argv[1])))
"""
MAC = "001B54C2D0{:02X}"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'advisory'"
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"


@dataclass
class Processes:
    """One hub in three processes, whose data folders differ in nothing but where they are."""

    url: str
    server: PostgresqlServer
    folders: list[DataFolder]
    token: Secret
    hub: Hub
    """The same hub in the test's process, to look what is there."""
    running: list["subprocess.Popen[bytes] | None"] = field(default_factory=lambda: [None] * PROCESSES)

    def start(self, number: int) -> None:
        folder = self.folders[number]
        folder.clear_run()
        with (folder.path / "log").open("wb") as log:
            self.running[number] = subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder.path)], stderr=log)
        wait_for("a process of the hub", (folder.path / "run.json").exists, WITHIN_S)

    def at(self, number: int) -> RunningHub:
        return RunningHub(self.folders[number], self.hub, self.token, Clock())

    def end(self, number: int, how: signal.Signals) -> int:
        process, self.running[number] = self.running[number], None
        assert process is not None
        process.send_signal(how)
        return process.wait(WITHIN_S)

    @contextmanager
    def writers_wait(self) -> Iterator[None]:
        """Nobody can write in the block."""
        engine = create_engine(dialect.driver_url(self.url))
        try:
            with engine.connect() as connection, connection.begin():
                connection.execute(text(f"SELECT pg_advisory_xact_lock({dialect._POSTGRESQL_WRITERS})"))
                yield
        finally:
            engine.dispose()

    def someone_waits(self) -> bool:
        engine = create_engine(dialect.driver_url(self.url))
        try:
            with engine.connect() as connection:
                return bool(connection.scalar(text(WAITING)))
        finally:
            engine.dispose()

    def count(self, table: type[ReleaseRow | EdgeReportRow | EdgeRow | PublicationLeaseRow]) -> int:
        with within.everywhere(self.hub).database.reading() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def kill_at_work(self, number: int, work: Callable[[], object]) -> None:
        """Let a process begin something that writes, and kill it before it has written."""
        outcome: list[object] = []

        def try_it() -> None:
            try:
                outcome.append(work())
            except urllib3.exceptions.HTTPError as fault:
                outcome.append(fault)

        trying = threading.Thread(target=try_it)
        with self.writers_wait():
            trying.start()
            wait_for("what writes", self.someone_waits, WITHIN_S)
            self.end(number, signal.SIGKILL)
        trying.join(WITHIN_S)
        assert isinstance(outcome[0], urllib3.exceptions.HTTPError), outcome
        self.start(number)


@pytest.fixture(scope="module")
def three(server: PostgresqlServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    url, place = server.url(server.new_database()), tmp_path_factory.mktemp("three")
    token = init(
        place / "hub-0",
        make_config(address="127.0.0.1", listen="127.0.0.1", people_port=0, device_port=0, database_url=url),
    )
    folders = [DataFolder(place / "hub-0")]
    for number in range(1, PROCESSES):
        other = Path(shutil.copytree(place / "hub-0", place / f"hub-{number}"))
        (other / "blobs").rmdir()
        (other / "blobs").symlink_to(place / "hub-0" / "blobs")
        folders.append(DataFolder(other))
    with ExitStack() as stack:
        hub = stack.enter_context(closing(open_hub(folders[0])))
        made = Processes(url, server, folders, token, hub)
        for number in range(PROCESSES):
            made.start(number)
            stack.callback(_end, made, number)
        made.at(0).do("PUT", "/settings/organisation/sip_server", {"value": "sip.example.org"})
        yield made


def _end(made: Processes, number: int) -> None:
    if made.running[number] is not None:
        made.end(number, signal.SIGKILL)


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
    hanging = three.running[heir]
    assert hanging is not None
    hanging.send_signal(signal.SIGSTOP)
    (last,) = [number for number in others if number != heir]
    wait_for("the last process that does the jobs", lambda: does_jobs(last), WITHIN_S)
    hanging.send_signal(signal.SIGCONT)
    wait_for("who hung learns it", lambda: not does_jobs(heir), WITHIN_S)
    three.start(holder)
