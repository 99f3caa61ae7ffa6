"""The supervised worker: a real child process, killed, restarted, swapped and stopped."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ringfence.content.release import TargetKind
from ringfence.server.errors import (
    FetchFailed,
    FileRefused,
    PortInUse,
    WorkerFault,
)
from ringfence.server.events import (
    CatalogueActive,
    RequestRefused,
    TransferFinished,
    WorkerDied,
    WorkerEvent,
    WorkerStarted,
)
from ringfence.server.files.catalogue import Offer
from ringfence.server.limits.settings import Limits
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.server.tftp.client import fetch
from ringfence.tftp.options import RequestedOptions
from ringfence.wire.messages import GuardRules, GuardShares
from support.descriptors import open_descriptors

MAC = "001122334455"
NAME = f"SEP{MAC}.cnf.xml"


class Site:
    """A supervisor, what it told, and files that the test made."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.events: list[WorkerEvent] = []
        self.log: list[str] = []
        self.fds: list[int] = []
        self.supervisor = WorkerSupervisor(
            listen=[("127.0.0.1", 0)],
            site="Home office Anna",
            on_event=self.events.append,
            on_log=self.log.append,
            limits=limits or Limits(),
        )
        self.address = self.supervisor.addresses[0]

    def file(self, data: bytes, name: str = NAME, kind: TargetKind = TargetKind.CONFIGURATION) -> Offer:
        fd = os.memfd_create("offer")
        os.write(fd, data)
        self.fds.append(fd)
        return Offer(name, fd, len(data), kind, MAC if kind is TargetKind.CONFIGURATION else None)

    def wait_for(self, condition: Callable[[], object], timeout_s: float = 5.0) -> None:
        until = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < until, (self.events, self.log)
            time.sleep(0.01)

    def told(self, kind: type[WorkerEvent]) -> list[WorkerEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    def close(self) -> None:
        self.supervisor.stop()
        for fd in self.fds:
            os.close(fd)


def has_ended(pid: int) -> bool:
    """Say whether a process is over, be it that nobody has asked yet how it ended."""
    process = Path(f"/proc/{pid}")
    return not process.exists() or "State:\tZ" in (process / "status").read_text()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.supervisor.start()
    yield site
    site.close()


def test_files_are_fetched_with_and_without_options(site: Site) -> None:
    content = bytes(range(256)) * 40
    site.supervisor.offer(1, [site.file(content)])
    assert fetch(site.address, NAME) == content
    assert fetch(site.address, NAME, options=RequestedOptions(1428, transfer_size=True, timeout_s=2)) == content
    assert fetch(site.address, NAME, options=RequestedOptions(65464)) == content
    site.wait_for(lambda: len(site.told(TransferFinished)) == 3)
    event = site.told(TransferFinished)[0]
    assert isinstance(event, TransferFinished)
    assert (event.name, event.owner, event.size_bytes, event.release) == (NAME, MAC, len(content), 1)
    assert abs(event.at - time.time()) < 10
    assert [type(event) for event in site.events[:2]] == [WorkerStarted, CatalogueActive]


def test_netascii_comes_back_as_it_is_stored(site: Site) -> None:
    content = b"line\nreturn\rboth\r\n" * 100
    site.supervisor.offer(1, [site.file(content)])
    assert fetch(site.address, NAME, mode="netascii") == content


def test_a_refusal_is_an_error_1_and_tells_the_guards_sentence(site: Site) -> None:
    site.supervisor.offer(1, [site.file(b"x")])
    with pytest.raises(FileRefused) as caught:
        fetch(site.address, "SEPAABBCCDDEEF0.cnf.xml", source_host="127.0.0.9")
    assert (caught.value.code, caught.value.message) == (1, "File not found")
    site.wait_for(lambda: site.told(RequestRefused))
    event = site.told(RequestRefused)[0]
    assert isinstance(event, RequestRefused)
    assert event.reason == (
        "Refused SEPAABBCCDDEEF0.cnf.xml to 127.0.0.9: no phone of site Home office Anna has that MAC address."
    )


def test_nothing_is_answered_before_there_is_a_catalogue_and_the_request_is_not_lost(site: Site) -> None:
    fetched: list[bytes] = []
    phone = threading.Thread(target=lambda: fetched.append(fetch(site.address, NAME, timeout_s=10)))
    phone.start()
    time.sleep(0.2)
    assert site.told(RequestRefused) == []
    site.supervisor.offer(1, [site.file(b"at last")])
    phone.join(120)
    assert fetched == [b"at last"]


def test_the_next_request_after_an_offer_sees_the_new_bytes(site: Site) -> None:
    for release in range(1, 30):
        site.supervisor.offer(release, [site.file(b"release %d" % release)])
        assert fetch(site.address, NAME) == b"release %d" % release
    assert [event.release for event in site.told(CatalogueActive) if isinstance(event, CatalogueActive)] == [
        *range(1, 30)
    ]


def test_no_phone_ever_gets_a_mix_of_two_releases(site: Site) -> None:
    def release(number: int) -> list[Offer]:
        return [site.file(bytes([number]) * 20_000, f"f{index}", TargetKind.SHARED) for index in range(3)]

    site.supervisor.offer(1, release(1))
    fetched: list[bytes] = []
    is_over, offered = threading.Event(), threading.Semaphore(0)

    def phone() -> None:
        while not is_over.is_set():
            fetched.append(fetch(site.address, f"f{len(fetched) % 3}", timeout_s=10.0))
            offered.release()

    with ThreadPoolExecutor() as threads:
        running = threads.submit(phone)
        try:
            for number in range(2, 40):
                site.supervisor.offer(number, release(number))
                if number % 4 == 0:
                    assert offered.acquire(timeout=30)  # a phone's fetch goes on beside the next offers
        finally:
            is_over.set()
        running.result()
    assert {len(content) for content in fetched} == {20_000}
    assert {len(set(content)) for content in fetched} == {1}


def test_a_catalogue_of_many_files_arrives_whole(site: Site) -> None:
    one = site.file(b"many", "f", TargetKind.FIRMWARE)
    many = [Offer(f"f{index}", one.fd, 4, TargetKind.FIRMWARE, None) for index in range(1500)]
    site.supervisor.offer(1, many)
    assert fetch(site.address, "F1499") == b"many"
    assert site.told(CatalogueActive)[-1] == CatalogueActive(site.told(CatalogueActive)[-1].at, 1, 1500)


def test_a_worker_that_is_killed_serves_again_before_a_phone_asks_twice_and_that_is_told(site: Site) -> None:
    site.supervisor.offer(7, [site.file(b"kept")])
    pid = site.supervisor.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert fetch(site.address, NAME, timeout_s=60.0, retries=0) == b"kept"
    site.wait_for(lambda: len(site.told(CatalogueActive)) == 2)
    (died,) = site.told(WorkerDied)
    assert isinstance(died, WorkerDied)
    assert (died.pid, died.how) == (pid, "killed by SIGKILL")
    assert site.supervisor.worker_pid != pid


def test_offers_go_on_after_a_restart(site: Site) -> None:
    site.supervisor.offer(1, [site.file(b"one")])
    assert site.supervisor.worker_pid is not None
    os.kill(site.supervisor.worker_pid, signal.SIGKILL)
    site.supervisor.offer(2, [site.file(b"two")])
    assert fetch(site.address, NAME, timeout_s=10.0) == b"two"


@pytest.mark.needs("root")  # the launcher may be nobody's
def test_without_the_process_that_starts_workers_there_is_soon_another_and_that_is_told(site: Site) -> None:
    site.supervisor.offer(3, [site.file(b"kept")])
    worker = site.supervisor.worker_pid
    assert worker is not None
    launcher = int((Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2]).split()[1])
    os.kill(launcher, signal.SIGKILL)
    site.wait_for(lambda: site.told(WorkerDied))
    assert fetch(site.address, NAME, timeout_s=10.0) == b"kept"
    (died,) = site.told(WorkerDied)
    assert isinstance(died, WorkerDied)
    assert (died.pid, died.how) == (worker, "it ended together with the launcher, which starts workers")
    assert any("the launcher, which starts workers, died" in line for line in site.log)
    site.wait_for(lambda: has_ended(worker))


WITH_NO_RIGHT_TO_GIVE_UP_RIGHTS = """
from ringfence.server.confinement import capabilities
from ringfence.server.errors import WorkerFault
from ringfence.server.processes.supervisor import WorkerSupervisor
capabilities.drop_bounding_set()  # what it starts is root without a capability
supervisor = WorkerSupervisor(listen=[("127.0.0.1", 0)], site="s", on_event=print)
try:
    supervisor.start()
except WorkerFault as fault:
    print(fault)
"""


@pytest.mark.needs("root")
def test_a_worker_that_would_have_to_keep_too_much_is_not_started() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", WITH_NO_RIGHT_TO_GIVE_UP_RIGHTS], capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith(
        "the serving worker did not start (it could not be started: the serving process can't"
    )
    assert "give up the rights that it must not keep (Operation not permitted)" in shown.stdout


def test_the_offered_descriptors_stay_the_callers_and_the_supervisor_closes_its_own(site: Site) -> None:
    site.supervisor.offer(1, [site.file(b"x", f"f{index}", TargetKind.SHARED) for index in range(50)])
    before = open_descriptors()
    pid = site.supervisor.worker_pid
    in_worker = len(list(Path(f"/proc/{pid}/fd").iterdir())) if os.geteuid() == 0 else 0
    for release in range(2, 6):
        offers = [Offer(f"f{index}", site.fds[index], 1, TargetKind.SHARED, None) for index in range(50)]
        site.supervisor.offer(release, offers)
    assert not open_descriptors() - before
    if os.geteuid() == 0:
        assert len(list(Path(f"/proc/{pid}/fd").iterdir())) == in_worker
    assert os.pread(site.fds[0], 1, 0) == b"x"


@pytest.mark.needs("root")  # nobody else may look into a process that can't be dumped
def test_hundreds_of_transfers_leave_no_descriptor_in_the_worker(site: Site) -> None:
    site.supervisor.offer(1, [site.file(b"y" * 700)])
    fetch(site.address, NAME)
    site.wait_for(lambda: site.told(TransferFinished))
    fds = Path(f"/proc/{site.supervisor.worker_pid}/fd")
    before = len(list(fds.iterdir()))
    for _ in range(300):
        fetch(site.address, NAME)
    site.wait_for(lambda: len(list(fds.iterdir())) == before)


def test_a_listener_that_fails_does_not_stop_the_service() -> None:
    log: list[str] = []

    def fail(event: WorkerEvent) -> None:
        raise RuntimeError(type(event).__name__)

    supervisor = WorkerSupervisor(listen=[("127.0.0.1", 0)], site="s", on_event=fail, on_log=log.append)
    fd = os.memfd_create("offer")
    os.write(fd, b"x")
    supervisor.start()
    try:
        supervisor.offer(1, [Offer("f", fd, 1, TargetKind.SHARED, None)])
        assert fetch(supervisor.addresses[0], "f") == b"x"
    finally:
        supervisor.stop()
        os.close(fd)
    assert any("RuntimeError: WorkerStarted" in line for line in log)


def test_the_port_is_in_use_while_a_supervisor_has_it_and_free_after_it_stopped(site: Site) -> None:
    with pytest.raises(PortInUse):
        WorkerSupervisor(listen=[("127.0.0.1", 0), site.address], site="other", on_event=lambda _event: None)
    pid = site.supervisor.worker_pid
    site.supervisor.stop()
    site.supervisor.stop()
    assert not Path(f"/proc/{pid}").exists()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(site.address)
    with pytest.raises(WorkerFault):
        site.supervisor.offer(1, [])


def test_stop_before_start_frees_the_port() -> None:
    supervisor = WorkerSupervisor(listen=[("127.0.0.1", 0)], site="s", on_event=lambda _event: None)
    supervisor.stop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(supervisor.addresses[0])


@pytest.mark.unmeasured
def test_the_worker_holds_no_key_library_and_is_small(site: Site) -> None:
    site.supervisor.offer(1, [site.file(b"x" * 100_000)])
    fetch(site.address, NAME)
    process = Path(f"/proc/{site.supervisor.worker_pid}")
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
    assert int(status["VmRSS"].split()[0]) < 20_000
    assert status["NoNewPrivs"] == "1"
    assert (process / "cmdline").read_bytes().split(b"\0")[1:4] == [
        b"-I",
        b"-m",
        b"ringfence.server.processes.launcher",
    ]
    if os.geteuid() == 0:
        maps = (process / "maps").read_text()
        assert "libcrypto" not in maps
        assert "libssl" not in maps


@pytest.mark.unmeasured
def test_what_the_worker_imports_knows_no_network_library_beyond_sockets() -> None:
    script = "import ringfence.server.processes.worker, sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    modules = set(shown.stdout.split())
    heavy = {
        "urllib",
        "asyncio",
        "logging",
        "cryptography",
        "multiprocessing",
        "subprocess",
        "ssl",
        "tempfile",
    }
    assert modules & (heavy | {"http", "email", "threading", "pathlib", "lxml", "jinja2"}) == set()


def refusals_told(site: Site, phones: int) -> int:
    """How many of so many guesses from one address are answered."""
    with contextlib.ExitStack() as undo:
        guessing = [undo.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(phones)]
        for number, each in enumerate(guessing):
            each.sendto(b"\0\1SEP00112234%04X.cnf.xml\0octet\0" % number, site.address)
            if number % 20 == 19:  # the worker's socket holds no more at a time
                assert fetch(site.address, "shared") == b"shared"
        with pytest.raises(FileRefused):  # refusals come late, but in order
            fetch(site.address, "nothing")
        return len(select.select(guessing, [], [], 0)[0])


def test_what_one_address_may_cost_is_set_with_a_sites_rules_while_it_serves(site: Site) -> None:
    site.supervisor.offer(1, [site.file(b"shared", "shared", TargetKind.SHARED)])
    site.supervisor.rule(GuardRules(1, shares=GuardShares(refusals=1)))
    assert 0 < refusals_told(site, 110) < 110
    site.supervisor.rule(GuardRules(2, shares=GuardShares(refusals=1000)))
    assert refusals_told(site, 110) == 110


PARENT = """
import os, sys, time
from ringfence.server.processes.supervisor import WorkerSupervisor
s = WorkerSupervisor(listen=[("127.0.0.1", 0)], site="s", on_event=lambda e: None)
s.start()
print(s.worker_pid, flush=True)
time.sleep(60)
"""


def test_the_worker_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        worker = Path("/proc") / parent.stdout.readline().strip()
        assert worker.exists()
        parent.kill()
        parent.wait()
    until = time.monotonic() + 60
    while not has_ended(int(worker.name)):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_server_that_is_not_there_is_a_clean_failure() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(FetchFailed) as caught:
            fetch(nobody.getsockname(), NAME, timeout_s=0.05, retries=2)
    assert "does not answer" in str(caught.value)
