"""The attacks that an operator can run, against a supervised worker; and that they find what there is to be found."""

import math
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ringfence.server.events import (
    RequestRefused,
    TransferFailed,
    WorkerDied,
    printable,
)
from ringfence.server.limits.settings import Limits
from ringfence.sim.attacks import (
    flooding,
    forging,
    holding,
    names,
)
from ringfence.sim.attacks.every import ATTACKS, run
from ringfence.sim.attacks.target import (
    AttackTarget,
    Fairness,
    check_is_ours,
    fairness,
)
from ringfence.sim.attacks.verdict import AttackOutcome, AttackVerdict
from ringfence.sim.errors import NothingToFetch, NotOurs
from support.naive_tftp import NaiveTftp
from support.namespaces import Wire, entered
from support.tftp_servers import EngineInThread, ServerUnderTest, SupervisedWorker

# The attackers and their victims have addresses of loopback that are always the same.
pytestmark = pytest.mark.xdist_group("attacks on loopback")

CONTENT = bytes(index * 31 % 253 for index in range(200_000))
NAME = "SEP001B54C29A10.cnf.xml"
FILES = {"f": CONTENT, NAME: CONTENT[:5000]}


@pytest.fixture
def worker() -> Iterator[SupervisedWorker]:
    with SupervisedWorker(FILES) as served:
        yield served
        assert served.told(WorkerDied) == []


@pytest.fixture
def target(worker: SupervisedWorker) -> AttackTarget:
    return AttackTarget(worker.address, "f")


def holds(verdict: AttackVerdict) -> None:
    assert verdict.outcome is AttackOutcome.HOLDS, verdict


def served_the_others(verdict: AttackVerdict) -> None:
    """Each boot brought its file. How many times as long it took is a figure only: others may use the machine, too."""
    times = [verdict.figures[f"{name}_ms"] for name in ("boot_before", "boot_during", "boot_after", "longest_boot")]
    assert all(float(time) < math.inf for time in times), verdict


def test_no_trick_with_a_name_gets_an_octet_or_a_path(target: AttackTarget) -> None:
    verdict = names.path_tricks(target)
    holds(verdict)
    assert verdict.figures["given"] == verdict.figures["unanswered"] == 0


@pytest.mark.slow
def test_nothing_is_written(target: AttackTarget) -> None:
    holds(names.writing(target))


def test_a_request_to_everybody_is_left_unanswered() -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - only so does a server hear a broadcast
    with SupervisedWorker(FILES, listen=[(everywhere, 0)]) as served:
        holds(forging.broadcast(AttackTarget(("127.0.0.1", served.address[1]), "f")))


@pytest.mark.slow
@pytest.mark.parametrize("single_port", [False, True])
def test_no_stranger_ends_or_moves_a_transfer(single_port: bool) -> None:
    with EngineInThread(FILES, single_port=True) if single_port else SupervisedWorker(FILES) as served:
        verdict = forging.blind_injection(AttackTarget(served.address, "f"))
    holds(verdict)
    assert int(verdict.figures["forged"]) > 0


@pytest.mark.slow
@pytest.mark.needs("root")
def test_a_reflected_flood_is_hardly_larger_than_what_was_sent(worker: SupervisedWorker) -> None:
    began = time.monotonic()
    verdict = forging.reflection(AttackTarget(worker.address, NAME), wait_s=7.0)
    lasted_s = time.monotonic() - began
    holds(verdict)
    assert verdict.figures["lone_datagrams"] == 3
    limits = Limits()
    # The burst of a network's budget, and what it refills while the flood and its repetitions last.
    assert int(verdict.figures["flood_datagrams"]) <= limits.unproven_burst + lasted_s * limits.unproven_per_s


@pytest.mark.slow
def test_transfers_that_nobody_acknowledges_take_nothing_from_others(worker: SupervisedWorker) -> None:
    verdict = holding.half_open(AttackTarget(worker.address, "f"))
    served_the_others(verdict)
    limits = Limits()  # half of what a network may get unproven, and then its share
    assert int(verdict.figures["begun"]) < limits.unproven_burst * 3 // 4


@pytest.mark.slow
def test_transfers_that_creep_take_nothing_from_others_and_are_ended_by_their_deadline() -> None:
    limits = Limits(grace_s=1.0, slowest_bytes_per_s=200_000)
    with SupervisedWorker(FILES, limits=limits) as served:
        verdict = holding.slow_acknowledgement(AttackTarget(served.address, "f"))
        served_the_others(verdict)
        assert verdict.figures["ended_by_the_server"] == verdict.figures["begun"] == 300
        assert "longer than a transfer of its size is allowed to" in served.told(TransferFailed)[-1].reason


@pytest.mark.slow
def test_offers_that_are_refused_without_end_bring_nothing_else(target: AttackTarget) -> None:
    verdict = holding.refused_offers(target)
    served_the_others(verdict)
    assert verdict.figures["answers_to_an_error"] == 0


@pytest.mark.slow
def test_generated_nonsense_breaks_neither_the_service_nor_a_transfer(worker: SupervisedWorker) -> None:
    pid = worker.supervisor.worker_pid
    verdict = flooding.malformed(AttackTarget(worker.address, "f"), count=50_000)
    served_the_others(verdict)
    assert verdict.because.endswith("The transfer went on.")
    assert worker.supervisor.worker_pid == pid


@pytest.mark.slow
def test_a_maker_s_names_would_take_months_to_guess(target: AttackTarget) -> None:
    began = time.monotonic()
    verdict = names.enumeration(target)
    lasted_s = time.monotonic() - began
    holds(verdict)
    assert verdict.figures["found"] == 0
    assert verdict.figures["kinds_of_answers"] == 1
    assert int(verdict.figures["answers"]) <= Limits().refusal_burst + lasted_s * Limits().refusals_per_s
    assert float(verdict.figures["whole_range_days"]) > 30


@pytest.mark.slow
@pytest.mark.parametrize("per_s", [20_000, 0])  # 0: as many as a processor sends
def test_a_flood_of_one_address_keeps_no_boot_of_others_from_its_file(target: AttackTarget, per_s: int) -> None:
    verdict = flooding.request_flood(target, per_s=per_s)
    served_the_others(verdict)
    assert int(verdict.figures["requests"]) > 0
    assert int(verdict.figures["others_boots"]) > 0


class LoggingWorker(SupervisedWorker):
    """Writes what refusals and failures say to a file, as an edge does."""

    def __init__(self, log: Path) -> None:
        super().__init__(FILES)
        self._path = log

    def write(self) -> None:
        lines = [
            event.reason if isinstance(event, RequestRefused) else f"{event.name}: {event.reason}"
            for event in list(self.events)
            if isinstance(event, RequestRefused | TransferFailed)
        ]
        self._path.write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.slow
def test_nobody_writes_lines_into_the_log_or_fills_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    with LoggingWorker(log) as served:
        stop = threading.Event()

        def write() -> None:
            while not stop.wait(0.05):
                served.write()

        writing = threading.Thread(target=write)
        writing.start()
        try:
            verdict = names.log_injection(AttackTarget(served.address, "f"), log=log)
        finally:
            stop.set()
            writing.join()
    holds(verdict)
    assert "FAKE-LINE" in log.read_text()  # it was told, and in such a way that it is no line of its own


@pytest.mark.slow
def test_every_attack_has_a_name_and_the_log_may_be_left_out(target: AttackTarget) -> None:
    assert len(ATTACKS) == 12
    verdict = run("log", target)
    assert (verdict.attack, verdict.outcome) == ("log", AttackOutcome.HOLDS)
    assert "was not checked" in verdict.because


# -- what is fair ------------------------------------------------------------------------------------------------


def compared(before_ms: int, during_ms: int, *after_ms: int) -> Fairness:
    """Compare with calm times that are measured one after the other."""
    measured = iter(after_ms)
    found = fairness(
        [before_ms / 1000] * 3, [during_ms / 1000] * 3, lambda: [next(measured) / 1000] * 3, patience_s=(0.0, 0.0)
    )
    assert next(measured, None) is None, "measured less often than expected"
    return found


@pytest.mark.parametrize("times_ms", [(12, 12, 12), (12, 26, 12), (30, 60, 30), (30, 90, 60), (50, 60, 20)])
def test_others_may_be_twice_as_slow_as_the_machine_makes_them(times_ms: tuple[int, int, int]) -> None:
    assert compared(*times_ms).holds


def test_what_only_the_attack_slows_down_gives_way() -> None:
    found = compared(30, 61, 30)
    assert (found.holds, round(found.ratio, 2)) == (False, 2.03)
    assert not compared(12, 41, 12).holds


def test_unrest_that_passes_is_waited_for_and_damage_that_stays_gives_way() -> None:
    assert compared(30, 30, 100, 100, 35).holds
    damaged = compared(30, 100, 100, 100, 100)
    assert (damaged.ratio, damaged.is_over, damaged.holds) == (1.0, False, False)
    assert damaged.sentence.endswith("They still take 100.0 ms after the attack.")


def test_one_who_starved_is_one_too_many() -> None:
    assert not fairness([0.01] * 3, [0.01, 0.01, 3.1], lambda: [0.01]).holds


# -- at whom they may be aimed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "192.0.2.1",
        "8.8.8.8",
        "10.255.255.254",
        "0.0.0.0",  # noqa: S104 - refused
        "255.255.255.255",
        "224.0.0.1",
        "::1",
        "localhost",
        "a.example",
        "",
    ],
)
def test_what_is_not_this_machine_is_not_attacked(host: str) -> None:
    with pytest.raises(NotOurs) as caught:
        check_is_ours(host)
    assert "127.0.0.1" in caught.value.to_do
    with pytest.raises(NotOurs):
        AttackTarget((host, 69), "f")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3"])
def test_loopback_is_this_machine(host: str) -> None:
    check_is_ours(host)


def test_a_file_that_is_not_given_is_told_beforehand(worker: SupervisedWorker) -> None:
    with pytest.raises(NothingToFetch) as caught:
        AttackTarget(worker.address, "nothing")
    assert "--file" in caught.value.to_do


@pytest.mark.slow
@pytest.mark.needs("netns")
def test_an_interface_of_the_namespace_is_a_target_and_the_other_end_of_its_wire_is_not() -> None:
    with Wire(["10.77.0.1/24"], ["10.77.0.9/24"]) as wire, entered(wire.server):
        with pytest.raises(NotOurs):
            check_is_ours("10.77.0.9")
        with SupervisedWorker(FILES, listen=[("10.77.0.1", 0)]) as served:
            there = AttackTarget(served.address, "f")
            for attack in (names.path_tricks, names.writing, forging.blind_injection):
                holds(attack(there))
            # How long others wait depends on the machine; here it counts that the attack is made at all.
            assert holding.half_open(there).outcome is not AttackOutcome.NOT_RUN
            assert forging.broadcast(there).outcome is AttackOutcome.NOT_RUN


# -- that they find something where there is something ----------------------------------------------------------


@pytest.fixture
def naive() -> Iterator[AttackTarget]:
    with NaiveTftp() as server:
        yield AttackTarget(server.address, "f")


def gives_way(verdict: AttackVerdict) -> Mapping[str, object]:
    assert verdict.outcome is AttackOutcome.GAVE_WAY, verdict
    return verdict.figures


@pytest.mark.slow
def test_a_naive_server_gives_way(naive: AttackTarget) -> None:
    assert gives_way(names.path_tricks(naive))["given"] != 0
    assert gives_way(names.writing(naive))["accepted"] != 0
    assert gives_way(holding.half_open(naive, count=60))["begun"] != 0


@pytest.mark.slow
@pytest.mark.needs("root")
def test_a_naive_server_reflects(naive: AttackTarget) -> None:
    assert gives_way(forging.reflection(naive, wait_s=1.0))["lone_datagrams"] == 6


@pytest.mark.slow
@pytest.mark.parametrize("line", ["a\nFAKE-LINE Allowed everything to everybody.", "\x1b[2Jred"])
def test_a_naive_log_gives_way(target: AttackTarget, tmp_path: Path, line: str) -> None:
    log = tmp_path / "log"
    log.touch()
    writing = threading.Timer(0.3, lambda: log.write_text(f"asked for {line}\n"))
    writing.start()
    gives_way(names.log_injection(target, log=log, count=100))
    writing.join()
    log.write_text("")
    log.write_text(printable(f"asked for {line}") + "\n")


def test_a_boot_that_brings_other_bytes_counts_as_none(worker: ServerUnderTest, target: AttackTarget) -> None:
    assert target.boot_s() < math.inf
    worker.serve({"f": b"other"})
    assert target.boot_s() == math.inf
