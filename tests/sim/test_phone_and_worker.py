"""A virtual phone at the real worker, told to reload by the edge's own code: the last third of an edit's path."""

import os
import queue
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from ringfence.content.release import TargetKind
from ringfence.edge.phones.reload_by_sip import notify_phones
from ringfence.edge.phones.reload_orders import DueReload, ReloadAnswer
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile, Renderer
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret
from ringfence.server.events import RequestRefused, WorkerEvent
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.sim.errors import ConfigurationMissing
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.steps import Fetched, Step
from ringfence.tftp.options import RequestedOptions
from stack import free_port

pytestmark = pytest.mark.slow
ANNA = Mac("001122334455")
SITE = "Home office Anna"
SOON_S = 60.0


def rendered(label: str, port: int) -> RenderedFile:
    line = LineAccount(1, label, "anna", "Anna Berg", "anna", Secret("s3cr3tOfAnna"))
    settings: dict[str, Value] = {"sip_server": "192.0.2.10", "sip_listen_port": port}
    return Renderer().render(PhoneToRender(ANNA, "9971", "", settings, (line,)))[0]


class Site:
    """A worker with what it serves and what it told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._release = 0
        self._events: queue.Queue[WorkerEvent] = queue.Queue()
        self.worker = WorkerSupervisor(listen=[("127.0.0.1", 0)], site=SITE, on_event=self._events.put)

    @property
    def server(self) -> tuple[str, int]:
        return self.worker.addresses[0]

    def refusal_of(self, name: str) -> RequestRefused:
        while True:
            event = self._events.get(timeout=SOON_S)
            if isinstance(event, RequestRefused) and event.name == name:
                return event

    def publish(self, configuration: RenderedFile, shared: Mapping[str, bytes] | None = None) -> None:
        self._release += 1
        files: list[tuple[str, bytes, TargetKind, str | None]]
        files = [(configuration.name, configuration.data, configuration.kind, ANNA.bare)]
        files += [(name, data, TargetKind.SHARED, None) for name, data in (shared or {}).items()]
        offers = []
        for number, (name, data, kind, owner) in enumerate(files):
            path = self._folder / f"{self._release}-{number}"
            path.write_bytes(data)
            offers.append(Offer(name, os.open(path, os.O_RDONLY), len(data), kind, owner))
        try:
            self.worker.offer(self._release, offers)
        finally:
            for offer in offers:
                os.close(offer.fd)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with _running(Site(tmp_path)) as made:
        yield made


@contextmanager
def _running(made: Site) -> Iterator[Site]:
    made.worker.start()
    try:
        yield made
    finally:
        made.worker.stop()


def test_an_edit_reaches_a_phone_that_the_edge_tells_to_reload(site: Site) -> None:
    port = free_port()
    site.publish(rendered("Anna", port), {"g4-tones.xml": b"<tones/>" * 500})
    with VirtualPhone(ANNA, "9971", site.server) as phone:
        assert phone.wait_until(lambda held: held.label == "Anna", SOON_S).lines[0].password == Secret("s3cr3tOfAnna")
        site.publish(rendered("Anna at home", port))
        order = DueReload(ANNA.bare, "127.0.0.1", port)
        assert notify_phones([order]) == {order: ReloadAnswer.ACCEPTED}
        phone.wait_until(lambda held: held.label == "Anna at home", SOON_S)


def test_a_phone_with_large_blocks_holds_the_same(site: Site) -> None:
    site.publish(rendered("Anna", free_port()))
    phone = VirtualPhone(ANNA, "9971", site.server, options=RequestedOptions(block_size=1428, transfer_size=True))
    assert phone.boot().label == "Anna"


def test_a_stranger_is_refused_and_the_operator_told_why(site: Site) -> None:
    site.publish(rendered("Anna", free_port()))
    with pytest.raises(ConfigurationMissing):
        VirtualPhone(Mac("AABBCCDDEEF0"), "9971", site.server).boot()
    refused = site.refusal_of("SEPAABBCCDDEEF0.cnf.xml")
    assert refused.reason == (
        "Refused SEPAABBCCDDEEF0.cnf.xml to 127.0.0.1: no phone of site Home office Anna has that MAC address."
    )


def test_an_spa_asks_with_a_slash_before_its_names_and_gets_them(tmp_path: Path) -> None:
    mac = Mac("001122334466")
    line = LineAccount(1, "Bert", "bert", "Bert", "bert", Secret("s3cr3tOfBert"))
    files = Renderer().render(PhoneToRender(mac, "SPA504G", "", {"sip_server": "192.0.2.10"}, (line,)))
    made = Site(tmp_path)
    with _running(made):
        made.publish(files[-1], {file.name: file.data for file in files[:-1]})
        steps: list[Step] = []
        phone = VirtualPhone(mac, "SPA504G", made.server, on_step=steps.append)
        phone.go_at_its_pace(0.2)
        began = time.monotonic()
        assert phone.boot().lines[0].name == "bert"
    assert time.monotonic() - began >= 0.4
    assert [step.name for step in steps if isinstance(step, Fetched)] == ["/spa504G.cfg", "/001122334466.cfg"]
