"""A phone's file goes to that phone's MAC address on the wire and to nobody else, over TFTP and over HTTP."""

import http.client
import os
import queue
import subprocess
from collections.abc import Iterator

import pytest

from ringfence.content.release import TargetKind
from ringfence.server.errors import FileRefused
from ringfence.server.events import RequestRefused, WorkerEvent
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.server.tftp.client import fetch
from ringfence.wire.messages import GuardNeed, GuardRules
from support.namespaces import Wire, entered

EDGE, PHONE_AT = "192.0.2.1", "192.0.2.9"
ANNA, BERT, STRANGER = "00:11:22:33:44:55", "00:11:22:33:44:66", "02:00:00:00:00:77"
OWN, OTHER, FIRMWARE, SHARED = "SEP001122334455.cnf.xml", "SEP001122334466.cnf.xml", "apps.sbn", "dialplan.xml"
SECRET = b"<device>s3cret</device>"


class Guarded:
    """A worker behind a wire whose other end has a MAC address of the test's choice."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._events: queue.Queue[WorkerEvent] = queue.Queue()
        with entered(wire.server):
            self.worker = WorkerSupervisor(
                listen=[(EDGE, 69), ("fd00::1", 69)],
                http=[(EDGE, 6970)],
                site="Home",
                on_event=self._events.put,
            )
            self.worker.start()
            self.worker.rule(GuardRules(1, needs=(GuardNeed("shared", "L3"),)))
        files = {
            OWN: (TargetKind.CONFIGURATION, "001122334455"), OTHER: (TargetKind.CONFIGURATION, "001122334466"),
            FIRMWARE: (TargetKind.FIRMWARE, None), SHARED: (TargetKind.SHARED, None),
        }  # fmt: skip
        offers = []
        for name, (kind, owner) in files.items():
            descriptor = os.memfd_create(name)
            os.write(descriptor, SECRET)
            offers.append(Offer(name, descriptor, len(SECRET), kind, owner))
        self.worker.offer(1, offers)
        for offer in offers:
            os.close(offer.fd)

    def be(self, mac: str) -> None:
        """Let the other end have a MAC address, as if another machine had been plugged in."""
        subprocess.run(["ip", "-n", self.wire.client, "link", "set", "wire", "address", mac], check=True)
        for name in (self.wire.client, self.wire.server):
            subprocess.run(["ip", "-n", name, "neigh", "flush", "all"], check=True)

    def asks(self, name: str, server: str = EDGE) -> bytes:
        with entered(self.wire.client):
            return fetch((server, 69), name)

    def gets(self, name: str) -> tuple[int, bytes]:
        with entered(self.wire.client):
            connection = http.client.HTTPConnection(EDGE, 6970, timeout=60)
            connection.request("GET", "/" + name)
            answer = connection.getresponse()
            found = answer.status, answer.read()
            connection.close()
        return found

    def refusal(self) -> RequestRefused:
        while True:
            event = self._events.get(timeout=60)
            if isinstance(event, RequestRefused):
                return event


@pytest.fixture
def guarded() -> Iterator[Guarded]:
    with Wire([f"{EDGE}/24", "fd00::1/64"], [f"{PHONE_AT}/24", "192.0.2.10/24", "fd00::9/64"]) as wire:
        made = Guarded(wire)
        try:
            yield made
        finally:
            made.worker.stop()


@pytest.mark.needs("root")
@pytest.mark.needs("netns")
def test_a_phones_file_goes_to_its_mac_address_and_to_no_other(guarded: Guarded) -> None:
    guarded.be(ANNA)
    assert guarded.asks(OWN) == SECRET
    assert guarded.asks(OWN, "fd00::1") == SECRET
    assert guarded.gets(OWN) == (200, SECRET)
    with pytest.raises(FileRefused) as refused:
        guarded.asks(OTHER)
    assert refused.value.code == 1
    told = guarded.refusal()
    assert (told.finding, told.reason) == (
        "other-mac",
        f"Refused {OTHER} to {PHONE_AT}: that address belongs to MAC {ANNA}, not to the phone it asks for.",
    )
    assert guarded.gets(OTHER)[0] == 404


@pytest.mark.needs("root")
@pytest.mark.needs("netns")
def test_the_neighbour_with_the_phones_own_address_gets_nothing(guarded: Guarded) -> None:
    guarded.be(ANNA)
    assert guarded.asks(OWN) == SECRET
    guarded.be(STRANGER)  # it took over the phone's IP address
    missing = guarded.gets("SEP0011223344FF.cnf.xml")
    for name in (OWN, OTHER, SHARED):
        with pytest.raises(FileRefused) as refused:
            guarded.asks(name)
        assert refused.value.code == 1
        assert guarded.gets(name) == missing, "no oracle"
    assert guarded.asks(FIRMWARE) == SECRET, "everybody may have the maker's own files"
    guarded.be(BERT)
    assert guarded.asks(SHARED) == SECRET, "what all phones of the site may have"
