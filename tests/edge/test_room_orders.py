"""The hub's orders to phones: carried out once, in the phone's room, and nowhere else."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.room_orders import RoomOrdersPart
from ringfence.edge.phones.seen_phones import SeenPhones
from ringfence.edge.phones.serving import Serving
from ringfence.edge.reporting.journal import Journal
from ringfence.edge.storage.cache import Cache
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.phones.families import model
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.secret import Secret
from ringfence.sim.sip_side import SipHabits, SipSide
from ringfence.sim.steps import Step
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage
from ringfence.wire.messages import Report, RoomOrder, RoomOrders
from stack import free_port
from support.phone_reading import read_configuration
from support.signed_repository import Repository

MAC = "001B54C2F001"


def order(number: str, lasts_s: float = 60.0, **parts: object) -> RoomOrder:
    known = {"host": "127.0.0.1", "port": 5060, "action": "restart", "register_call_id": "abc@phone"}
    return RoomOrder(number, MAC, until=time.time() + lasts_s, **{**known, **parts})  # type: ignore[arg-type]


def told(*orders: RoomOrder) -> bytes:
    return codec.to_json(RoomOrders(orders))


class Sent(list[str]):
    def __call__(self, orders: Sequence[RoomOrder]) -> None:
        self.extend(each.number for each in orders)


def test_an_order_is_carried_out_once_and_not_when_it_is_old() -> None:
    sent = Sent()
    part = RoomOrdersPart(HubClock(), sent)
    assert part.take(told(order("a"), order("old", -1)))
    assert not part.take(told(order("a"), order("old", -1)))
    assert part.take(told(order("a"), order("b")))
    assert sent == ["a", "b"]
    with pytest.raises(BadMessage):
        part.take(b"[]")


def test_what_was_stored_is_not_carried_out_again_after_a_restart() -> None:
    sent = Sent()
    part = RoomOrdersPart(HubClock(), sent)
    part.keep(told(order("a")))
    part.take(told(order("a")))
    assert sent == []


class NoWorkers:
    """Workers that serve nothing, beside the phones."""

    hearing = None
    addresses: ClassVar[list[tuple[str, int]]] = []
    reaches_phones = True
    phone_port = ""

    def make(self, _site: str, _on_event: object) -> "NoWorkers":
        return self

    def admit(self, _token: object) -> None:
        return


class Room:
    """An edge that has served a phone at 127.0.0.1, and what it reports."""

    def __init__(self, folder: Path) -> None:
        disk = Disk()
        edge, repository = EdgeFolder(folder, disk), Repository()
        seen = SeenPhones(edge)
        seen.note(MAC, "127.0.0.1", time.time(), f"SEP{MAC}.cnf.xml", 1, "digest")
        self.journal = Journal(edge.reports, disk)
        cache = Cache(edge.cache, disk, repository.site, repository.files["1.root.json"], edge.vault)
        workers = NoWorkers()
        self.serving = Serving(
            "Anna",
            workers,  # type: ignore[arg-type]  # what is called of it
            cache=cache,
            journal=self.journal,
            phones=seen,
            log=lambda *_said: None,
        )

    def report(self) -> Report:
        (report,) = self.journal.next_batch(30).reports
        return report


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@contextmanager
def phone(port: int) -> Iterator[list[Step]]:
    """A phone that has registered with the Call-ID abc@phone, and takes no other order."""
    line = LineAccount(1, "Anna", "201", "Anna", "201", Secret("s3cret"))
    files = Renderer().render(
        PhoneToRender(Mac(MAC), "9971", "", {"sip_server": "192.0.2.1", "sip_listen_port": port}, (line,))
    )
    family, found = model("9971")
    steps: list[Step] = []
    side = SipSide(Mac(MAC), family, found, SipHabits(register_call_id="abc@phone"), steps.append)
    side.take(read_configuration(files[-1].data, "9971"), "127.0.0.1", "power-on")
    ended = threading.Event()

    def listen() -> None:
        while not ended.wait(0.02):
            side.next_order()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield steps
    finally:
        ended.set()
        thread.join()
        side.close()


def test_a_registered_phone_behind_nat_obeys_its_edge_that_knows_its_call_id(room: Room) -> None:
    port = free_port()
    with phone(port):
        room.serving.send([order("a", port=port, action="reset")])
        report = room.report()
    assert (report.kind, report.owner, report.release) == ("phone-reloaded", MAC, 0)
    assert report.sentence.endswith("at 127.0.0.1 agreed to the hub's order (reset).")


def test_a_phone_that_has_registered_again_since_refuses_and_that_is_said(room: Room) -> None:
    port = free_port()
    with phone(port):
        room.serving.send([order("a", port=port, register_call_id="older@phone")])
        report = room.report()
    assert (report.kind, report.release) == ("phone-not-reloaded", 0)
    assert "refused the hub's order" in report.sentence


@pytest.mark.parametrize("host", ["192.0.2.99", "hub.example.org", "127.0.0.2"])
def test_an_order_goes_nowhere_but_to_where_its_phone_took_its_file(room: Room, host: str) -> None:
    room.serving.send([order("a", host=host)])
    report = room.report()
    assert report.kind == "phone-not-reloaded"
    assert f"gets no order at {host}: it took its file from 127.0.0.1" in report.sentence


def test_an_order_that_no_phone_could_read_is_not_sent(room: Room) -> None:
    room.serving.send([order("a", action="burn"), order("b", register_call_id="a}\r\nb")])
    assert room.journal.waiting == 0
