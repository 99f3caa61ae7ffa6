"""What a hub may ask of an edge: once, within the machine's own policy, answered also across a restart."""

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Raw

from ringfence.edge.agent.agent_jobs import box_in_words
from ringfence.edge.errors import DiskFull, HubUnreachable, JobOver, JobRefused
from ringfence.edge.jobs import diagnosis, edge_jobs, kinds, telling
from ringfence.edge.jobs.capture import Capturing
from ringfence.edge.jobs.diagnosis import Diagnosis
from ringfence.edge.jobs.edge_jobs import EdgeJobs
from ringfence.edge.jobs.kinds import JobTools, job_kinds
from ringfence.edge.jobs.policy import FILE, JobPolicy, read_policy
from ringfence.edge.jobs.record import BegunJob, JobRecord
from ringfence.edge.jobs.telling import JobTelling
from ringfence.edge.reporting.recent_log import KEPT_LINES, RecentLog
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage
from ringfence.wire.job_messages import (
    LARGEST_TEXT,
    MOST_ORDERS,
    EdgeJobState,
    JobKind,
    JobNews,
    JobNewsAnswer,
    JobOrder,
    JobOrders,
)
from ringfence.wire.messages import Event, StatePart
from ringfence.wire.network_messages import BoxFinding, BoxStanding, BoxTunnel
from stack import wait_for
from support.running_agent import enrolled_agent
from support.signed_repository import NOW

FOREVER = 4e9


class Hub:
    """What a hub hears of jobs."""

    def __init__(self) -> None:
        self.news: list[JobNews] = []
        self.cancelled: set[str] = set()
        self.away = False

    def __call__(self, news: JobNews) -> JobNewsAnswer:
        if self.away:
            raise HubUnreachable("away")
        self.news.append(news)
        return JobNewsAnswer(news.number not in self.cancelled)

    def end_of(self, number: str) -> JobNews | None:
        return next((each for each in self.news if each.number == number and each.state != EdgeJobState.RUNNING), None)

    def text_of(self, number: str) -> str:
        return "".join(each.text for each in self.news if each.number == number)


class Machine:
    """An edge's jobs on a folder, with a hub that hears of them."""

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        path.mkdir(exist_ok=True)
        self.folder = EdgeFolder(path, disk or Disk())
        self.hub = Hub()
        self.lines: list[str] = []
        self.log = RecentLog(lambda _level, text: self.lines.append(text))
        self.restarts = 0
        self.jobs = self._made()

    def _made(self) -> EdgeJobs:
        tools = JobTools(
            lambda: ["All is well."],
            self.log,
            Diagnosis(lambda: "https://127.0.0.1:1", lambda: 0.0),
            self.again,
            Capturing(None),
        )
        return EdgeJobs(self.folder, job_kinds(tools), self.hub, time.time, self.log)

    def again(self) -> None:
        self.restarts += 1

    def take(self, *orders: JobOrder) -> None:
        self.jobs.take(codec.to_json(JobOrders(orders)))

    def begin_again(self) -> None:
        """Another process begins on the same folder."""
        self.jobs.stop()
        self.jobs = self._made()
        self.jobs.start()

    def ended(self, number: str) -> JobNews:
        wait_for(f"the end of {number}", lambda: self.hub.end_of(number) is not None, 60)
        found = self.hub.end_of(number)
        assert found is not None
        return found


def order(number: str, kind: str = "status", **parts: object) -> JobOrder:
    return JobOrder(number, kind, **{"until": FOREVER, **parts})  # type: ignore[arg-type] # a mapping's fields


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "edge")
    made.jobs.start()
    yield made
    made.jobs.stop()


def test_an_order_is_done_once_and_not_when_it_is_old(machine: Machine) -> None:
    machine.take(order("old", until=time.time() - 1), order("a"))
    assert machine.ended("a").state == EdgeJobState.DONE
    machine.take(order("a"), order("b"))
    assert machine.ended("b").state == EdgeJobState.DONE
    assert machine.hub.text_of("a") == "All is well.\n"
    assert [each.number for each in machine.hub.news if each.state == EdgeJobState.DONE] == ["a", "b"]
    assert machine.hub.end_of("old") is None


def test_what_is_no_list_of_orders_is_refused_and_more_than_a_few_are_not_queued(machine: Machine) -> None:
    with pytest.raises(BadMessage):
        machine.jobs.take(b"[]")
    machine.jobs.stop()
    machine.take(*(order(f"n{number}") for number in range(3 * MOST_ORDERS)))


def test_a_restart_is_done_once_and_answered_by_the_next_process(machine: Machine) -> None:
    machine.take(order("r", "restart"))
    wait_for("the restart", lambda: machine.restarts == 1, 60)
    assert machine.hub.end_of("r") is None
    machine.begin_again()
    assert "started again" in machine.ended("r").sentence
    machine.take(order("r", "restart"))
    machine.take(order("after"))
    machine.ended("after")
    assert machine.restarts == 1
    assert machine.ended("r").attempt == machine.hub.news[0].attempt


def test_no_hub_has_an_edge_restart_or_its_machine_reboot_all_the_time(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_jobs, "RESTART_EVERY_S", 1e9)
    monkeypatch.setattr(edge_jobs, "REBOOT_EVERY_S", 1e9)
    (machine.folder.path / FILE).write_text("reboot = true\nreboot_command = ['true']\n")
    machine.take(order("first", "restart"))
    wait_for("the restart", lambda: machine.restarts == 1, 60)
    machine.begin_again()
    machine.take(order("second", "restart"), order("third", "reboot"))
    for number, said in (("second", "restarts once"), ("third", "reboots once")):
        assert machine.ended(number).state == EdgeJobState.REFUSED
        assert said in machine.ended(number).sentence
    assert machine.restarts == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "2002:7f00:1::", "::", "fe80::1%lo", "ff02::1"])
def test_no_diagnosis_tries_this_machine_itself_whatever_its_address_is_written_like(address: str) -> None:
    assert "no address of a PBX" in diagnosis._in_own_network(address)


def test_a_restart_that_could_not_be_noted_is_not_done(tmp_path: Path) -> None:
    class Full(Disk):
        def replace(self, _path: Path, _data: bytes) -> None:
            raise DiskFull("the disk is full")

    machine = Machine(tmp_path / "edge", Full())
    machine.jobs.start()
    machine.take(order("r", "restart"), order("s"))
    assert machine.ended("r").state == EdgeJobState.FAILED
    assert "full" in machine.ended("r").sentence
    assert machine.ended("s").state == EdgeJobState.DONE
    assert machine.restarts == 0
    machine.jobs.stop()


def test_a_reboot_is_answered_by_the_next_boot(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    record = JobRecord(machine.folder)
    record.begin(BegunJob("yes", "reboot", "a1", time.time(), "another boot", 0.0))
    record.begin(BegunJob("no", "reboot", "a2", time.time(), edge_jobs.boot_id(), 0.0))
    record.begin(BegunJob("cut", "diagnose", "a3", time.time(), "", 0.0))
    machine.begin_again()
    assert machine.ended("yes").state == EdgeJobState.DONE
    assert machine.ended("no").state == EdgeJobState.FAILED
    assert machine.ended("cut").sentence.endswith("while it was at it")
    monkeypatch.setattr(kinds, "REBOOT_WITHIN_S", 5.0)  # the command may take that long, on a busy machine
    monkeypatch.setattr(edge_jobs, "REBOOT_EVERY_S", 0.0)
    ran = machine.folder.path / "ran"
    (machine.folder.path / FILE).write_text(f'reboot = true\nreboot_command = ["touch", "{ran}"]\n')
    machine.take(order("do", "reboot"))
    wait_for("the command", ran.exists, 60)
    (machine.folder.path / FILE).write_text('reboot = true\nreboot_command = ["false"]\n')
    machine.take(order("fails", "reboot"))
    assert "status 1" in machine.ended("fails").sentence


@pytest.mark.parametrize("kind", ["capture", "reboot", "shell", "status; reboot", ""])
def test_what_the_policy_does_not_allow_is_refused_with_a_reason(machine: Machine, kind: str) -> None:
    (machine.folder.path / FILE).write_text("capture = false\n")
    machine.take(order("x", kind, seconds=1, most_bytes=1))
    ended = machine.ended("x")
    assert ended.state == EdgeJobState.REFUSED
    assert ended.sentence


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("status = 1\n", 0o600, "status"),
        ("statsu = true\n", 0o600, "statsu"),
        ("status =\n", 0o600, "TOML"),
        ("\udc80", 0o600, "TOML"),
        ("x = " + "[" * 2000, 0o600, "TOML"),
        ("#" * 70_000, 0o600, "64 KiB"),
        ("", 0o620, "can be changed by others"),
        ("", 0o602, "can be changed by others"),
    ],
)
def test_a_policy_file_that_can_not_be_used_allows_nothing(tmp_path: Path, text: str, mode: int, said: str) -> None:
    path = tmp_path / FILE
    path.write_text(text, errors="surrogateescape")
    path.chmod(mode)
    with pytest.raises(JobRefused, match=said):
        read_policy(tmp_path)


def test_a_policy_that_is_no_file_of_its_own_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(JobRefused):
        read_policy(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).symlink_to("/etc/hostname")
    with pytest.raises(JobRefused):
        read_policy(tmp_path)


def test_the_defaults_let_read_and_neither_reboot_nor_show_secrets(tmp_path: Path) -> None:
    assert read_policy(tmp_path) == JobPolicy()
    assert JobPolicy().allowed() == ("status", "logs", "diagnose", "capture", "restart", "phone-web")
    with pytest.raises(JobRefused):
        JobPolicy().check(order("x", "capture", seconds=1, most_bytes=1, with_secrets=True))
    for seconds, size in ((0, 1), (301, 1), (1, 0), (1, 1 << 30)):
        with pytest.raises(JobRefused):
            JobPolicy().check(order("x", "capture", seconds=seconds, most_bytes=size))


def test_a_log_is_followed_and_what_is_told_is_bounded(machine: Machine) -> None:
    machine.log("info", "before")
    machine.take(order("follow", "logs", lines=1, seconds=600))
    wait_for("the first line", lambda: "before" in machine.hub.text_of("follow") or machine.hub.news, 60)
    for _ in range(400):
        machine.log("info", "x" * 2000)
    wait_for("the room's end", lambda: len(machine.hub.text_of("follow")) >= LARGEST_TEXT, 60)
    machine.hub.cancelled.add("follow")
    machine.take(order("next", "logs", lines=1, seconds=1))
    assert machine.ended("next").state == EdgeJobState.DONE
    assert len(machine.hub.text_of("follow")) == LARGEST_TEXT
    assert machine.hub.end_of("follow") is None


def test_the_newest_lines_are_kept_and_no_more() -> None:
    log = RecentLog(lambda *_said: None)
    assert log.newest == -1
    for number in range(KEPT_LINES + 10):
        log("info", f"line {number}")
    assert [line.number for line in log.last(2)] == [KEPT_LINES + 8, KEPT_LINES + 9]
    assert log.last(0) == []
    assert len(log.after(-1, 0)) == KEPT_LINES
    assert log.after(log.newest, 0.01) == []


def test_news_are_told_again_until_the_hub_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "_FIRST_PAUSE_S", 0.01)
    hub, stopping = Hub(), threading.Event()
    hub.away = True
    threading.Timer(0.2, lambda: setattr(hub, "away", False)).start()
    told = JobTelling("a", "b", hub, stopping)
    told.take()
    told.text("\udcff")
    assert [(each.part, each.text) for each in hub.news] == [(0, ""), (1, "?")]
    hub.away = True
    stopping.set()
    with pytest.raises(JobOver):
        told.look()


def test_a_diagnosis_says_what_there_is_and_what_can_not_be_reached(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as pbx:
        place = f"127.0.0.1:{pbx.getsockname()[1]}"
        machine.take(order("d", "diagnose", reach=(place, "nonsense", "no.such.name.invalid:5060")))
        ended = machine.ended("d")
        text = machine.hub.text_of("d")
        assert ended.state == EdgeJobState.DONE
        assert {line for line in text.splitlines() if not line.startswith(" ")} == {
            "Time", "Links", "Routes", "Neighbours", "Leases", "Hub", "PBXes",
        }  # fmt: skip
        assert "! 127.0.0.1 port 1 refuses connections" in text
        assert "is not tried: it is no address of a PBX" in text
        assert "! 'nonsense' is no HOST:PORT" in text
        assert "! no.such.name.invalid has no address" in text
        (machine.folder.path / FILE).write_text("reach_own_networks = true\n")
        machine.take(order("e", "diagnose", reach=(place,)))
        machine.ended("e")
        assert f"127.0.0.1 port {place.rpartition(':')[2]} answers" in machine.hub.text_of("e")


def test_a_box_tells_of_its_tunnels_handshakes() -> None:
    class Box:
        def in_words(self) -> list[str]:
            return ["The phone's port is eth0.", "It collides."]

        def standing(self) -> BoxStanding:
            here = BoxTunnel("here", 1000.0, 5, 7, is_used=True)
            tunnels = (here, BoxTunnel("there", 100.0, is_used=True), BoxTunnel("new"))
            return BoxStanding(0.0, findings=(BoxFinding("collision", "It collides."),), tunnels=tunnels)

    assert box_in_words(Box(), 1010.0) == [  # type: ignore[arg-type]  # what is asked of it
        "The phone's port is eth0.",
        "! It collides.",
        "tunnel to here, in use: last handshake 10 s ago, 5 B out, 7 B in",
        "! tunnel to there, in use: last handshake 910 s ago, 0 B out, 0 B in",
        "! tunnel to new: no handshake yet",
    ]
    assert box_in_words(None, 0.0) == ()


def test_an_agent_does_jobs_and_tells_what_its_machine_allows(tmp_path: Path) -> None:
    with enrolled_agent(tmp_path / "edge") as running:
        running.start()
        wait_for("the hub hears what is allowed", lambda: running.hub.healths, 60)
        assert running.hub.healths[-1].jobs == JobPolicy().allowed()
        orders = JobOrders((order("s"), order("l", "logs"), order("r", "restart")))
        running.hub.other_parts[StatePart.JOBS] = Raw(codec.to_json(orders))
        running.hub.hints.put(Event("state", NOW))
        wait_for(
            "the jobs",
            lambda: {e.number for e in running.hub.job_news if e.state in {"done", "refused"}} == {"s", "l", "r"},
            60,
        )
        by_number = {each.number: each for each in running.hub.job_news if each.state != "running"}
        assert by_number["r"].state == EdgeJobState.REFUSED  # nothing would start the threads of a test again
        assert any("Enrolled as edge e1" in each.text for each in running.hub.job_news)
        (running.folder.path / FILE).write_text("nonsense")
        wait_for("the hub hears that it is broken", lambda: running.hub.healths[-1].jobs_problem, 60)


def test_the_record_of_jobs_is_the_edges_users_alone_and_a_broken_one_does_no_harm(tmp_path: Path) -> None:
    folder = EdgeFolder(tmp_path, Disk())
    record = JobRecord(folder)
    for number in range(300):
        record.begin(BegunJob(str(number), "status", "a", 0.0, "", 0.0))
    assert stat.S_IMODE(folder.jobs_file.stat().st_mode) == 0o600
    assert len(json.loads(folder.jobs_file.read_text())["jobs"]) == 200
    again = JobRecord(folder)
    assert (again.knows("299"), again.knows("0")) == (True, False)
    folder.jobs_file.write_bytes(b"\0")
    assert not JobRecord(folder).knows("299")


def test_every_kind_has_a_field_in_the_policy() -> None:
    assert {kind.replace("-", "_") for kind in JobKind} <= set(JobPolicy.__struct_fields__)
