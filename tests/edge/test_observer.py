"""What the agent hears counts: a request whose frame, lease or TTL says something else gets nothing."""

import os
import queue
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import TypeVar

import pytest

from ringfence.content.release import TargetKind
from ringfence.edge.lan.observer import MOST_ANNOUNCED, Hearing
from ringfence.guard.dhcp import DhcpRequest
from ringfence.guard.record import replay
from ringfence.server.access.evidence_wait import Question
from ringfence.server.errors import FetchFailed, FileRefused
from ringfence.server.events import RequestRefused, TransferFinished, WorkerEvent
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.server.tftp.client import fetch
from ringfence.wire.messages import GuardHabits, GuardRules
from support.namespaces import Wire, entered

EDGE, PHONE = "192.0.2.1", "192.0.2.9"
ANNA, STRANGER = "00:11:22:33:44:55", "02:00:00:00:00:77"
BARE = "001122334455"
OWN = f"SEP{BARE}.cnf.xml"
BOOT = ("CTLSEP{MAC}.tlv", "ITLSEP{MAC}.tlv", "ITLFile.tlv")


Told = TypeVar("Told", RequestRefused, TransferFinished)


class Edge:
    """A worker that asks what the agent hears, behind a wire to a machine with a MAC address of the test's choice."""

    def __init__(self, wire: Wire, leases: Path) -> None:
        self.wire = wire
        self.events: queue.Queue[WorkerEvent] = queue.Queue()
        with entered(wire.server):
            self.hearing = Hearing(tftp_ports=(69,), http_ports=(6970,), leases=leases)
            self.hearing.start()
            self.worker = WorkerSupervisor(
                listen=[(EDGE, 69)],
                http=[(EDGE, 6970)],
                site="Home",
                on_event=self.events.put,
                hear=self.hearing.of,
                watches_frames=self.hearing.watches_frames,
            )
            self.worker.start()
        self.worker.rule(GuardRules(1, habits=(GuardHabits("cisco-99xx", (BARE,), BOOT),)))
        descriptor = os.memfd_create(OWN)
        os.write(descriptor, b"s3cret")
        self.worker.offer(1, [Offer(OWN, descriptor, 6, TargetKind.CONFIGURATION, BARE)])
        os.close(descriptor)

    def stop(self) -> None:
        self.worker.stop()
        self.hearing.stop()

    def be(self, mac: str) -> None:
        subprocess.run(["ip", "-n", self.wire.client, "link", "set", "wire", "address", mac], check=True)

    def believe(self, mac: str) -> None:
        """Let the neighbour table hold what somebody has made the kernel believe."""
        place = [
            "ip",
            "-n",
            self.wire.server,
            "neigh",
            "replace",
            PHONE,
            "lladdr",
            mac,
            "dev",
            "wire",
            "nud",
            "permanent",
        ]
        subprocess.run(place, check=True)

    def asks(self, name: str = OWN, *, patience_s: float = 60.0) -> bytes:
        with entered(self.wire.client):
            return fetch((EDGE, 69), name, timeout_s=patience_s, retries=0)

    def told(self, kind: type[Told]) -> Told:
        while True:
            event = self.events.get(timeout=60)
            if isinstance(event, kind):
                return event


@pytest.fixture
def leases(tmp_path: Path) -> Path:
    return tmp_path / "dnsmasq.leases"


@pytest.fixture
def edge(leases: Path) -> Iterator[Edge]:
    with Wire([f"{EDGE}/24"], [f"{PHONE}/24"]) as wire:
        made = Edge(wire, leases)
        try:
            made.be(ANNA)
            yield made
        finally:
            made.stop()


on_a_wire = [pytest.mark.needs("root"), pytest.mark.needs("netns")]
pytestmark = on_a_wire


def test_a_phone_whose_frames_and_lease_agree_is_let_in_and_the_record_says_all_of_it(edge: Edge, leases: Path) -> None:
    leases.write_text(f"4102444800 {ANNA} {PHONE} SEP{BARE} *\n")
    for name in BOOT:
        with pytest.raises(FileRefused):
            edge.asks(name.format(MAC=BARE))
    assert edge.asks() == b"s3cret"
    told = edge.told(TransferFinished)
    decision = replay(told.decision)
    assert (decision.allow, decision.reached.name) == (True, "L3")
    assert [(seen.mac, seen.link, seen.ttl) for seen in decision.evidence.frames] == [(BARE, "wire", 64)]
    assert decision.evidence.lease is not None
    assert decision.evidence.behaviour.score >= 80


def test_a_phone_that_still_knows_a_restarted_edge_is_let_in_when_it_asks_again(edge: Edge) -> None:
    edge.asks()
    server = edge.wire.server
    subprocess.run(["ip", "-n", server, "neigh", "flush", "dev", "wire"], check=True)
    with entered(edge.wire.client):
        assert fetch((EDGE, 69), OWN, timeout_s=1, retries=20) == b"s3cret"


def test_a_frame_of_another_machine_counts_more_than_the_neighbour_table(edge: Edge) -> None:
    edge.believe(ANNA)
    edge.be(STRANGER)
    with pytest.raises(FetchFailed):
        edge.asks(patience_s=0.5)  # the refusal goes where the table says
    told = edge.told(RequestRefused)
    assert told.finding == "other-frame"
    assert f"the frame came from MAC {STRANGER}" in told.reason
    assert not replay(told.decision).allow


def test_a_lease_of_another_machine_counts_against_who_asks(edge: Edge, leases: Path) -> None:
    leases.write_text(f"4102444800 {STRANGER} {PHONE} laptop *\n")
    with pytest.raises(FileRefused):
        edge.asks()
    assert edge.told(RequestRefused).finding == "other-lease"


def test_what_came_through_a_router_proves_no_mac_address(edge: Edge) -> None:
    ttl = ["ip", "netns", "exec", edge.wire.client, "sysctl", "-qw", "net.ipv4.ip_default_ttl=63"]
    subprocess.run(ttl, check=True)
    with pytest.raises(FileRefused):
        edge.asks()
    told = edge.told(RequestRefused)
    assert (told.finding, "(TTL 63)" in told.reason) == ("routed", True)


def test_over_http_the_first_frame_of_the_connection_counts(edge: Edge) -> None:
    with entered(edge.wire.client):
        connection = HTTPConnection(EDGE, 6970, timeout=60)
        connection.request("GET", "/" + OWN)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"s3cret")
        connection.close()


def test_without_frames_a_request_over_tftp_proves_nothing(edge: Edge) -> None:
    edge.hearing.stop()
    edge.hearing.of([Question(1, PHONE, 1)])
    with pytest.raises(FileRefused):
        edge.asks()
    assert edge.told(RequestRefused).finding == "no-frame"


def test_what_is_remembered_of_machines_is_bounded_and_who_spoke_longest_ago_goes_first() -> None:
    hearing = Hearing(tftp_ports=(), http_ports=())
    for number in (*range(MOST_ANNOUNCED), 0, MOST_ANNOUNCED):  # the first speaks again before one too many comes
        hearing._on_dhcp(DhcpRequest(f"{number:012X}", "", ()))
    assert hearing._asked_by(f"{0:012X}") is not None
    assert hearing._asked_by(f"{1:012X}") is None
    assert hearing._asked_by(f"{MOST_ANNOUNCED:012X}") is not None
