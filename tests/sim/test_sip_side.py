"""The virtual phone's SIP side at a registrar that takes anybody: what it sends, what it hears, how it leaves."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from ringfence.phones.families import model
from ringfence.phones.mac import Mac
from ringfence.phones.parsed_configuration import HeldConfiguration
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value
from ringfence.phones.sip.messages import SipRequest, header, next_in_stream, parse_message, response
from ringfence.phones.sip.notify import service_control_request
from ringfence.secret import Secret
from ringfence.sim.sip_side import SipHabits, SipSide
from ringfence.sim.steps import Step
from stack import free_port
from support.phone_reading import read_configuration

ANNA = Mac("001B54C2F001")


class Registrar:
    """Grants each REGISTER over TCP; after the first, a NOTIFY follows in the same segment."""

    def __init__(self) -> None:
        self.requests: list[SipRequest] = []
        self.answers: list[bytes] = []
        self.notifies = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                link, peer = self._listener.accept()
            except OSError:
                return
            buffer = b""
            with suppress(ConnectionResetError), link:  # a phone that ends is like one that loses its power
                while data := link.recv(65_536):
                    buffer += data
                    while True:
                        message, buffer = next_in_stream(buffer)
                        if message is None:
                            break
                        link.sendall(self._answer(message, peer))

    def _answer(self, raw: bytes, peer: tuple[str, int]) -> bytes:
        message = parse_message(raw)
        if not isinstance(message, SipRequest):
            self.answers.append(raw)
            return b""
        self.requests.append(message)
        answer = response(message, 200, to_tag="x", extra=(("Expires", header(message, "expires")),))
        if not self.notifies or len(self.requests) > 1:
            return answer
        return answer + service_control_request(
            action="restart", target_host=peer[0], target_port=peer[1], local_host="127.0.0.1", local_port=self.port,
            device_name="201", branch="b", tag="t", call_id="c", register_call_id=message.call_id,
        )  # fmt: skip


@pytest.fixture
def registrar() -> Iterator[Registrar]:
    made = Registrar()
    yield made
    made.close()


def held(port: int) -> HeldConfiguration:
    settings: dict[str, Value] = {
        "sip_server": "127.0.0.1", "sip_port": port, "sip_listen_port": free_port(), "sip_transport": "tcp",
    }  # fmt: skip
    lines = tuple(LineAccount(at, f"Line {at}", f"20{at}", "Anna", "anna", Secret("s3cret")) for at in (1, 2, 3))
    files = Renderer().render(PhoneToRender(ANNA, "9971", "", settings, lines))
    return read_configuration(files[-1].data, "9971")


def registered(registrar: Registrar, *, sends_rport: bool = False) -> tuple[SipSide, list[Step]]:
    family, found = model("9971")
    steps: list[Step] = []
    side = SipSide(ANNA, family, found, SipHabits(registers=True, sends_rport=sends_rport), steps.append)
    side.take(held(registrar.port), "127.0.0.1", "power-on")
    return side, steps


def test_an_order_in_the_same_segment_as_an_answer_is_obeyed(registrar: Registrar) -> None:
    registrar.notifies = True
    side, steps = registered(registrar)
    assert len(registrar.requests) == 3, steps
    assert side.has_unread
    order = side.next_order()
    assert order is not None
    assert order.action == "restart"
    side.close()


def test_every_line_is_taken_away_in_the_end(registrar: Registrar) -> None:
    side, _steps = registered(registrar)
    side.close()
    leaving = [header(each, "to") for each in registrar.requests if header(each, "expires") == "0"]
    assert leaving == [f"<sip:20{at}@127.0.0.1>" for at in (1, 2, 3)]


@pytest.mark.parametrize("sends", [False, True])
def test_a_phone_asks_for_rport_only_if_that_is_its_habit(registrar: Registrar, sends: bool) -> None:
    side, _steps = registered(registrar, sends_rport=sends)
    side.close()
    assert {";rport" in header(each, "via") for each in registrar.requests} == {sends}
