"""A virtual phone boots as the real ones do, holds what it got, and boots again when it is told to."""

import queue
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ringfence.phones.errors import ConfigurationRejected
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value
from ringfence.phones.sip.notify import (
    ServiceAction,
    SipResponse,
    parse_message,
    service_control_request,
)
from ringfence.secret import Secret
from ringfence.server.errors import FetchFailed, FileRefused
from ringfence.sim.errors import ConfigurationMissing, SipPortInUse
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.sip_side import SipHabits
from ringfence.sim.steps import (
    BootFailed,
    Booting,
    Fetched,
    Holds,
    Listening,
    Missing,
    Notified,
    NotifyRefused,
    Step,
    as_event,
    in_words,
)
from ringfence.tftp.options import NO_OPTIONS, RequestedOptions
from stack import free_port

MAC = Mac("001122334455")
SERVER = ("127.0.0.1", 6969)
NAME = "SEP001122334455.cnf.xml"
SOON_S = 60.0


def configuration(label: str, port: int, **settings: Value) -> bytes:
    line = LineAccount(1, label, "anna", "Anna Berg", "anna", Secret("s3cr3tOfAnna"))
    values: dict[str, Value] = {"sip_server": "192.0.2.10", "sip_listen_port": port, **settings}
    return Renderer().render(PhoneToRender(MAC, "9971", "", values, (line,)))[0].data


class Files:
    """A server's files in memory, with what was asked of it: the port that phones fetch through."""

    def __init__(self, **files: bytes) -> None:
        self.files = dict(files)
        self.asked: list[str] = []
        self.silent = False

    def __call__(
        self, server: tuple[str, int], name: str, /, *, options: RequestedOptions, source_host: str | None
    ) -> bytes:
        assert (server, options, source_host) == (SERVER, NO_OPTIONS, None)
        self.asked.append(name)
        if self.silent:
            raise FetchFailed("the server is silent")
        if name not in self.files:
            raise FileRefused(1, "File not found")
        return self.files[name]


class Steps:
    """What a phone did, to be waited for in its order."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Step] = queue.Queue()
        self.put = self._queue.put

    def until(self, kind: type[Step]) -> Step:
        while True:
            step = self._queue.get(timeout=SOON_S)
            if isinstance(step, kind):
                return step

    def so_far(self) -> list[Step]:
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]


@contextmanager
def running(
    files: Files, *, retry_s: float = 45, register_call_id: str | None = None, checks_uri: bool = True
) -> Iterator[tuple[VirtualPhone, Steps]]:
    steps = Steps()
    phone = VirtualPhone(
        MAC,
        "9971",
        SERVER,
        fetch=files,
        on_step=steps.put,
        retry_s=retry_s,
        sip=SipHabits(register_call_id=register_call_id, checks_uri=checks_uri),
    )
    with phone:
        yield phone, steps


def notify(
    port: int,
    *,
    action: ServiceAction = "restart",
    uri_host: str = "127.0.0.1",
    register_call_id: str = "",
    change: Callable[[bytes], bytes] = lambda data: data,
) -> int:
    """Send a NOTIFY and return the status of the answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as edge:
        edge.settimeout(SOON_S)
        edge.bind(("127.0.0.1", 0))
        data = service_control_request(
            action=action,
            target_host=uri_host,
            target_port=port,
            local_host="127.0.0.1",
            local_port=edge.getsockname()[1],
            device_name=f"SEP{MAC.bare}",
            branch="b",
            tag="t",
            call_id=f"{edge.getsockname()[1]}",
            register_call_id=register_call_id,
        )
        edge.sendto(change(data), ("127.0.0.1", port))
        answer = edge.recv(65535)
        if b"Via:" not in answer:
            return int(answer.split()[1])
        message = parse_message(answer)
        assert isinstance(message, SipResponse)
        return message.status


def test_a_phone_asks_in_the_order_of_the_real_ones_and_goes_on_without_the_optional_files() -> None:
    port = free_port()
    files = Files(**{NAME: configuration("Anna", port), "dialplan.xml": b"<DIALTEMPLATE/>"})
    with running(files) as (phone, steps):
        assert steps.until(Listening) == Listening("127.0.0.1", port)
        assert phone.held is not None
        assert phone.held.label == "Anna"
    assert files.asked == [
        "CTLSEP001122334455.tlv",
        "ITLSEP001122334455.tlv",
        "ITLFile.tlv",
        NAME,
        "/gd-sip.jar",
        "/g4-tones.xml",
        "dialplan.xml",
        "AppDialRules.xml",
    ]


def test_each_step_is_told_to_people_and_to_scripts() -> None:
    files = Files(**{NAME: configuration("Anna", free_port())})
    with running(files) as (_phone, steps):
        steps.until(Listening)
    with running(files) as (_phone, steps):
        steps.until(Holds)
    told: list[Step] = []
    phone = VirtualPhone(MAC, "9971", SERVER, fetch=files, on_step=told.append)
    phone.boot()
    assert [type(step) for step in told[:6]] == [Booting, Missing, Missing, Missing, Fetched, Holds]
    assert in_words(told[1]) == "missing CTLSEP001122334455.tlv (harmless)"
    assert "lines 1: Anna (anna); SIP server 192.0.2.10:5060 over tcp" in in_words(told[5])
    holds = as_event(told[5])
    assert holds["event"] == "holds"
    assert holds["lines"] == [{"button": 1, "label": "Anna", "name": "anna", "display_name": "Anna Berg"}]
    assert "s3cr3tOfAnna" not in str(holds) + in_words(told[5]) + repr(told)


def test_a_notify_makes_the_phone_boot_again_and_hold_the_new_label() -> None:
    port = free_port()
    files = Files(**{NAME: configuration("Anna", port)})
    with running(files) as (phone, steps):
        steps.until(Listening)
        files.files[NAME] = configuration("Anna at home", port)
        assert notify(port) == 200
        assert phone.wait_until(lambda held: held.label == "Anna at home", SOON_S).label == "Anna at home"
        assert isinstance(steps.until(Notified), Notified)


def test_a_new_listen_port_is_listened_on_after_the_boot() -> None:
    first, second = free_port(), free_port()
    files = Files(**{NAME: configuration("Anna", first)})
    with running(files) as (_phone, steps):
        steps.until(Listening)
        files.files[NAME] = configuration("Anna", second)
        assert notify(first) == 200
        assert steps.until(Listening) == Listening("127.0.0.1", second)
        assert notify(second) == 200


def test_a_retransmitted_notify_is_answered_again_and_boots_no_second_time() -> None:
    port = free_port()
    files = Files(**{NAME: configuration("Anna", port)})
    with running(files) as (_phone, steps), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as edge:
        steps.until(Listening)
        edge.settimeout(SOON_S)
        data = service_control_request(
            action="reset", target_host="127.0.0.1", target_port=port, local_host="127.0.0.1", local_port=1,
            device_name="SEP1", branch="b", tag="t", call_id="c",
        )  # fmt: skip
        answers = set()
        for _ in range(3):
            edge.sendto(data, ("127.0.0.1", port))
            answers.add(edge.recv(65535))
        assert len(answers) == 1
        assert notify(port, change=lambda data: data.replace(b"restart", b"explode")) == 400
    assert files.asked.count(NAME) == 2


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda _data: b"\x00\xffgarbage", 400),
        (lambda data: data.replace(b"action=restart", b"action=explode"), 400),
        (lambda data: data.replace(b"service-control", b"check-sync"), 489),
        (lambda data: data.replace(b"NOTIFY", b"INVITE"), 405),
    ],
)
def test_what_is_no_order_is_answered_with_an_error_and_boots_nothing(
    change: Callable[[bytes], bytes], status: int
) -> None:
    port = free_port()
    files = Files(**{NAME: configuration("Anna", port)})
    with running(files) as (_phone, steps):
        steps.until(Listening)
        assert notify(port, change=change) == status
        refused = steps.until(NotifyRefused)
        assert isinstance(refused, NotifyRefused)
        assert refused.status == status
    assert files.asked.count(NAME) == 1


def test_a_request_uri_that_names_another_host_is_refused_as_by_the_firmware() -> None:
    port = free_port()
    files = Files(**{NAME: configuration("Anna", port)})
    with running(files) as (_phone, steps):
        steps.until(Listening)
        assert notify(port, uri_host="203.0.113.9") == 400
    with running(files, checks_uri=False) as (_phone, steps):
        steps.until(Listening)
        assert notify(port, uri_host="203.0.113.9") == 200


def test_a_registered_phone_wants_its_registers_call_id_and_another_takes_none() -> None:
    port = free_port()
    files = Files(**{NAME: configuration("Anna", port)})
    with running(files, register_call_id="abc@phone") as (_phone, steps):
        steps.until(Listening)
        assert notify(port) == 400
        assert notify(port, register_call_id="other") == 400
        assert notify(port, register_call_id="abc@phone") == 200


def test_a_rejected_configuration_is_asked_for_again_and_the_held_one_is_kept() -> None:
    port = free_port()
    files = Files(**{NAME: configuration("Anna", port)})
    with running(files, retry_s=0.05) as (phone, steps):
        steps.until(Listening)
        files.files[NAME] = b"<device>"
        assert notify(port) == 200
        failed = steps.until(BootFailed)
        assert isinstance(failed, BootFailed)
        assert isinstance(failed.fault, ConfigurationRejected)
        assert as_event(failed)["event"] == "rejected"
        assert phone.held is not None
        assert phone.held.label == "Anna"
        files.files[NAME] = configuration("Mended", port)
        assert phone.wait_until(lambda held: held.label == "Mended", SOON_S)


def test_a_phone_without_a_configuration_asks_for_the_default_one_and_again_later() -> None:
    files = Files()
    with running(files, retry_s=0.05) as (phone, steps):
        failed = steps.until(BootFailed)
        assert isinstance(failed, BootFailed)
        assert isinstance(failed.fault, ConfigurationMissing)
        assert as_event(failed)["exit_code"] == 4
        assert "XMLDefault.cnf.xml" in files.asked
        files.files[NAME] = configuration("Anna", free_port())
        assert phone.wait_until(lambda _held: True, SOON_S).label == "Anna"


def test_a_silent_server_leaves_the_phone_with_what_it_held() -> None:
    port = free_port()
    files = Files(**{NAME: configuration("Anna", port)})
    with running(files, retry_s=0.05) as (phone, steps):
        steps.until(Listening)
        files.silent = True
        assert notify(port) == 200
        assert isinstance(steps.until(BootFailed), BootFailed)
        assert phone.held is not None
        files.silent = False
        steps.until(Holds)


def test_a_taken_sip_port_ends_the_phone_with_what_to_do() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        phone = VirtualPhone(MAC, "9971", SERVER, fetch=Files(**{NAME: configuration("Anna", port)}))
        with pytest.raises(SipPortInUse, match=f"port {port}"):
            phone.run()
        thread = phone.start()._thread
        assert thread is not None
        thread.join(SOON_S)
        with pytest.raises(SipPortInUse):
            phone.stop()


def test_a_phone_can_be_stopped_in_the_middle_of_its_boot() -> None:
    files = Files(**{NAME: configuration("Anna", free_port())})
    phone = VirtualPhone(MAC, "9971", SERVER, fetch=files, on_step=lambda _step: phone.stop())
    phone.run()
    assert phone.held is None
    assert files.asked == []
