"""Orders through a phone's web interface: the edge's code, the worker's answer, and a virtual phone that asks it."""

import http.client
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ringfence.content.release import ReloadMethod
from ringfence.edge.phones.reload_by_web import press_restart
from ringfence.edge.phones.reload_orders import DueReload, ReloadAnswer
from ringfence.phones.mac import Mac
from ringfence.phones.orders.web_interface import PATH, restart_orders, was_carried_out
from ringfence.phones.parsed_configuration import HeldConfiguration
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile, Renderer
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret
from ringfence.server.access.reload_tokens import ReloadToken
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.sim.errors import WebPortInUse
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.steps import Notified, Step
from stack import free_port

pytestmark = pytest.mark.slow

ANNA = Mac("001122334455")
HOST = "127.0.8.55"
SOON_S = 60.0


class Place:
    """A worker with HTTP that serves one phone's file."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._release = folder, 0
        self.worker = WorkerSupervisor(
            listen=[("127.0.0.1", 0)], http=[("127.0.0.1", 0)], site="Anna", on_event=lambda _event: None
        )
        self.worker.start()
        self.steps: list[Step] = []

    @property
    def edge_url(self) -> str:
        host, port = self.worker.http_addresses[0]
        return f"http://{host}:{port}"

    def rendered(self, label: str, **settings: Value) -> RenderedFile:
        line = LineAccount(1, label, "anna", "Anna Berg", "anna", Secret("s3cr3tOfAnna"))
        given: dict[str, Value] = {
            "sip_server": "192.0.2.10", "sip_listen_port": free_port(HOST), "reload_by": "web", "web_access": "on",
            "edge_url": self.edge_url,
        }  # fmt: skip
        return Renderer().render(PhoneToRender(ANNA, "7975", "", given | settings, (line,)))[0]

    def publish(self, file: RenderedFile) -> None:
        self._release += 1
        path = self._folder / str(self._release)
        path.write_bytes(file.data)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            offer = Offer(file.name, descriptor, len(file.data), file.kind, ANNA.bare)
            self.worker.offer(self._release, [offer])
        finally:
            os.close(descriptor)

    def phone(self) -> VirtualPhone:
        return VirtualPhone(
            ANNA,
            "7975",
            self.worker.addresses[0],
            source_host=HOST,
            on_step=self.steps.append,
            web_port=free_port(HOST),
        )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.worker.stop()


def order_for(phone: VirtualPhone, method: ReloadMethod = "web") -> DueReload:
    assert phone.web_address is not None
    return DueReload(ANNA.bare, *phone.web_address, method)


def label(text: str) -> Callable[[HeldConfiguration], bool]:
    return lambda held: held.label == text


def test_a_phone_is_restarted_through_its_web_interface_and_asks_the_edge_whether_it_may(place: Place) -> None:
    place.publish(place.rendered("Anna"))
    with place.phone() as phone:
        phone.wait_until(label("Anna"), SOON_S)
        place.publish(place.rendered("Anna at home"))
        order = order_for(phone)
        assert press_restart([order], place.worker.admit) == {order: ReloadAnswer.ACCEPTED}
        phone.wait_until(label("Anna at home"), SOON_S)
    assert [step.action for step in place.steps if isinstance(step, Notified)] == ["restart"]


def test_a_phone_in_use_restarts_when_nobody_uses_it_any_more(place: Place) -> None:
    place.publish(place.rendered("Anna", reload="idle"))
    with place.phone() as phone:
        phone.wait_until(label("Anna"), SOON_S)
        phone.use(now=True)
        place.publish(place.rendered("Anna at home", reload="idle"))
        order = order_for(phone, "web-when-idle")
        assert press_restart([order], place.worker.admit) == {order: ReloadAnswer.ACCEPTED}
        with pytest.raises(TimeoutError):
            phone.wait_until(label("Anna at home"), 0.5)
        phone.use(now=False)
        phone.wait_until(label("Anna at home"), SOON_S)


def test_an_order_that_nobody_confirms_is_refused_by_the_phone(place: Place) -> None:
    place.publish(place.rendered("Anna"))
    with place.phone() as phone:
        phone.wait_until(label("Anna"), SOON_S)
        order = order_for(phone)
        assert press_restart([order], lambda _pass: None) == {
            order: ReloadAnswer.REFUSED
        }  # the worker knows of no order
        other = order_for(phone)
        assert press_restart([other], lambda made: place.worker.admit(replace(made, host="127.0.8.56"))) == {
            other: ReloadAnswer.REFUSED
        }
    assert not [step for step in place.steps if isinstance(step, Notified)]


def test_a_phone_without_web_access_refuses_and_one_that_is_away_is_silent(place: Place) -> None:
    place.publish(place.rendered("Anna", reload_by="notify", web_access="read-only"))
    with place.phone() as phone:
        phone.wait_until(label("Anna"), SOON_S)
        order = order_for(phone)
        assert press_restart([order], place.worker.admit) == {order: ReloadAnswer.REFUSED}
    assert press_restart([order], place.worker.admit) == {order: ReloadAnswer.SILENT}
    assert press_restart([], place.worker.admit) == {}


def asked(place: Place, source: str, query: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*place.worker.http_addresses[0], timeout=60, source_address=(source, 0))
    try:
        connection.request("GET", f"/authenticate{query}")
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_edge_confirms_one_password_to_one_phone_for_a_while_and_else_knows_no_such_file(place: Place) -> None:
    place.publish(place.rendered("Anna"))
    missing = asked(place, HOST, "?UserID=ringfence&Password=abc&devicename=SEP001122334455")
    assert missing[0] == 404
    place.worker.admit(ReloadToken(HOST, "abc", 30))
    assert asked(place, HOST, "?UserID=ringfence&Password=abc&devicename=SEP001122334455") == (200, b"AUTHORIZED")
    for source, query in (
        ("127.0.8.56", "?Password=abc"), (HOST, "?Password=abd"), (HOST, ""), (HOST, "?Password="),
        (HOST, "?password=abc"), (HOST, "?Password=abc&Password=abc"), (HOST, "?Password=%ff"),
    ):  # fmt: skip
        assert asked(place, source, query) == missing
    place.worker.admit(ReloadToken(HOST, "new", 0))
    assert asked(place, HOST, "?Password=new") == missing  # over at once


def test_an_answer_is_good_when_each_item_of_it_is() -> None:
    good = b'<CiscoIPPhoneResponse><ResponseItem URL="Key:Settings" Data="Success" Status="0" /></CiscoIPPhoneResponse>'
    assert was_carried_out(good)
    assert not was_carried_out(good.replace(b'"0"', b'"6"'))
    assert not was_carried_out(good + good.replace(b'"0"', b'"-1"'))
    for answer in (b"", b'<CiscoIPPhoneError Number="4"/>', b"<" * 100_000):
        assert not was_carried_out(answer)


def test_an_order_has_at_most_three_keys() -> None:
    orders = restart_orders(when_idle=True)
    assert [order.count("<ExecuteItem ") for order in orders] == [3, 3]
    assert [order.count('Priority="1"') for order in orders] == [3, 3]
    assert "".join(restart_orders(when_idle=False)).count('Priority="0"') == 6


@pytest.mark.parametrize("form", [b"", b"XML=%3Ca%2F%3E", b"XML=%3C", b"YML=1", b"XML=" + b"a" * 8000, b"\xff"])
def test_a_virtual_phone_answers_what_is_no_order_with_an_error(place: Place, form: bytes) -> None:
    place.publish(place.rendered("Anna", reload_by="notify", edge_url=""))
    with place.phone() as phone:
        phone.wait_until(label("Anna"), SOON_S)
        assert phone.web_address is not None
        connection = http.client.HTTPConnection(*phone.web_address, timeout=60)
        connection.request("POST", PATH, form)
        assert connection.getresponse().read() == b'<CiscoIPPhoneError Number="1"/>'
        connection.close()
        with pytest.raises(WebPortInUse, match="can't open its web interface"):
            VirtualPhone(ANNA, "7975", place.worker.addresses[0], source_host=HOST, web_port=phone.web_address[1]).run()
