"""One hub in several processes on one PostgreSQL, and ways to stop each at its work."""

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import urllib3
from sqlalchemy import create_engine, func, select, text

from ringfence.hub import within
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process.init import init
from ringfence.hub.store import dialect
from ringfence.hub.store.models import EdgeReportRow, EdgeRow
from ringfence.hub.store.release_models import PublicationLeaseRow, ReleaseRow
from ringfence.secret import Secret
from stack import wait_for
from support.postgresql_server import PostgresqlServer
from support.running_hub import Clock, RunningHub

WITHIN_S = 120
PROCESSES = 3
PROGRAM = """
import sys
from pathlib import Path
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process.run import run
run(DataFolder(Path(sys.argv[1])))
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'advisory'"


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

    def process(self, number: int) -> "subprocess.Popen[bytes]":
        process = self.running[number]
        assert process is not None
        return process

    def at(self, number: int) -> RunningHub:
        return RunningHub(self.folders[number], self.hub, self.token, Clock())

    def end(self, number: int, how: signal.Signals) -> int:
        process, self.running[number] = self.process(number), None
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


@contextmanager
def processes(server: PostgresqlServer, place: Path) -> Iterator[Processes]:
    """Make a hub, and run it in three processes for the length of the block."""
    url = server.url(server.new_database())
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
