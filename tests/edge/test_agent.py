"""The agent with a hub in memory and a real worker: hints, refusals by name, renewal, revocation, reloading."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import NoReturn

import pytest

from ringfence.content.release import Reload
from ringfence.edge.agent import backoff
from ringfence.edge.agent.agent import Agent
from ringfence.edge.errors import FolderInUse, NotEnrolled
from ringfence.edge.phones.reload_by_sip import (
    NOT_YET_S,
    notify_phones,
)
from ringfence.edge.phones.reload_orders import DueReload, ReloadAnswer
from ringfence.edge.phones.site_worker import OwnWorker
from ringfence.edge.reporting import status as status_file
from ringfence.edge.reporting.status import Status, read
from ringfence.identity.certificates import (
    EDGE_LIFETIME_S,
    read_request,
)
from ringfence.phones.sip.messages import header
from ringfence.phones.sip.notify import (
    SipRequest,
    is_check_sync,
    parse_message,
    parse_service_control,
    response,
)
from ringfence.server.errors import FileRefused
from ringfence.wire.messages import Event, GuardNeed, GuardRules
from stack import free_port, wait_for
from support.memory_hub import MemoryHub
from support.running_agent import EDGE_KEY, NAME, Running, certificate_pem, enrolled_agent
from support.signed_repository import NOW, Repository

OTHER = "001122334466"


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0.05)
    with enrolled_agent(tmp_path / "edge") as made:
        yield made


def test_a_hint_brings_the_release_and_the_hub_hears_of_it(running: Running) -> None:
    running.start()
    with pytest.raises(FileRefused):
        running.get()
    running.publish(1, {NAME: b"one"})
    wait_for("release 1", running.serves(b"one"))
    running.publish(2, {NAME: b"two"})
    wait_for("release 2", running.serves(b"two"))
    wait_for("reports", lambda: len(running.reported("release-served")) == 2)
    wait_for("reports", lambda: any("took SEP001122334455" in text for text in running.reported("file-served")))


def test_phones_get_the_same_over_http_and_the_status_says_where(running: Running) -> None:
    running.start()
    running.publish(1, {NAME: b"one"})
    wait_for("release 1", running.serves(b"one"))
    wait_for("the status", lambda: (read(running.folder)[0] or Status(0, "", "", "", "", 0)).http_addresses)
    status, _ = read(running.folder)
    assert status is not None
    host, _, port = status.http_addresses[0].rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=60)
    connection.request("GET", f"/{NAME}")
    assert connection.getresponse().read() == b"one"
    connection.close()
    wait_for("reports", lambda: any(f"took {NAME} over HTTP" in text for text in running.reported("file-served")))


def test_refused_content_is_reported_by_name_once_and_the_last_good_release_stays(running: Running) -> None:
    running.hub.repository.publish(1, {NAME: b"one"})
    running.start()
    wait_for("release 1", running.serves(b"one"))
    other = Repository(site="berta", keys=running.hub.repository.keys)
    other.publish(1, {NAME: b"foreign"})
    ours, running.hub.repository.files = running.hub.repository.files, other.files
    for _ in range(3):
        running.hub.hints.put(Event("release", NOW, 2))
    wait_for("the report", lambda: running.reported("content-refused"))
    assert running.get() == b"one"
    running.hub.repository.files = ours
    running.publish(2, {NAME: b"two"})
    wait_for("release 2", running.serves(b"two"))
    (told,) = running.reported("content-refused")
    assert told.startswith("WrongSite: ")
    assert "'berta'" in told


def test_what_is_kept_is_served_at_once_without_the_hub(running: Running) -> None:
    running.hub.repository.publish(1, {NAME: b"one"})
    running.start()
    wait_for("release 1", running.serves(b"one"))
    running.stop()
    running.hub = MemoryHub(running.hub.repository, away=True)
    running.start()
    assert running.get() == b"one"
    words = "\n".join(status_file.in_words(status_file.read(running.folder)[0], running=True, folder=running.folder))
    assert "Not connected" in words


def test_a_certificate_renews_itself_after_two_thirds_of_its_life(running: Running) -> None:
    late = NOW + EDGE_LIFETIME_S * 0.7
    running.hub.now = lambda: late
    running.hub.repository.publish(1, {NAME: b"one"}, now=late)
    running.hub.renewed = certificate_pem(3, late)
    running.start()
    wait_for("the renewal", lambda: running.folder.credentials().certificate.serial_number == 3)
    wait_for("release 1", running.serves(b"one"))
    assert read_request(running.hub.renewals[0].csr_pem).public_key() == EDGE_KEY.public_key()


def test_a_revoked_edge_says_so_and_wipes_itself_when_asked(running: Running) -> None:
    running.hub.repository.publish(1, {NAME: b"one"})
    running.start()
    wait_for("release 1", running.serves(b"one"))
    running.hub.hints.put(Event("revoked", NOW, wipe=True))
    wait_for("the wipe", lambda: not running.folder.key_file.exists())
    running.stop()
    assert any("revoked" in text for text in running.log)
    with pytest.raises(NotEnrolled):
        running.folder.enrolment()


def answer_more(phone: socket.socket) -> bool:
    """ReloadAnswer what else comes: other tests' edges may still be telling their phone at this address."""
    with contextlib.suppress(TimeoutError):
        data, source = phone.recvfrom(4096)
        request = parse_message(data)
        assert isinstance(request, SipRequest)
        phone.sendto(response(request, 200, to_tag="t"), source)
    return False


def test_a_changed_phone_is_told_at_its_address_and_the_port_of_the_file_that_it_holds(running: Running) -> None:
    way = Reload("sip-notify", free_port())
    running.hub.repository.publish(1, {NAME: b"one"}, way=way)
    running.start()
    wait_for("release 1", running.serves(b"one"))  # the phone is seen at 127.0.0.1 by this fetch
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", way.port))
        phone.settimeout(60)
        running.publish(2, {NAME: b"two"}, way=way)
        data, source = phone.recvfrom(4096)
        request = parse_message(data)
        assert isinstance(request, SipRequest)
        assert request.uri == f"sip:SEP001122334455@127.0.0.1:{way.port}"
        assert parse_service_control(request).action == "restart"
        phone.sendto(response(request, 200, to_tag="t"), source)
        phone.settimeout(0.2)
        wait_for("the report", lambda: answer_more(phone) or running.reported("phone-reloaded"))
    assert "00:11:22:33:44:55" in running.reported("phone-reloaded")[0]


def test_a_phone_of_the_night_is_told_at_its_minute_and_only_while_it_holds_another_file(running: Running) -> None:
    port = free_port()
    way = Reload("check-sync;reboot=false", port, 120)
    own_minute = (120 + int("001122334455", 16) % 60) % 1440
    running.hub.repository.publish(1, {NAME: b"one"}, way=way)
    running.start()
    wait_for("release 1", running.serves(b"one"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", port))
        phone.settimeout(0.7)
        assert running.agent is not None
        serving = running.agent._serving
        wait_for("the fetch is known", lambda: serving.phones.host_of("001122334455"))
        serving.tell_at_night(own_minute)  # it holds what is served: nothing to tell
        running.hub.repository.publish(2, {NAME: b"two"}, way=way)
        running.hub.hints.put(Event("release", NOW, release=2))
        wait_for("release 2", lambda: serving.release is not None and serving.release.number == 2)
        serving.tell_at_night((own_minute + 1) % 1440)
        with pytest.raises(TimeoutError):
            phone.recvfrom(4096)
        serving.tell_at_night(own_minute)
        data, source = phone.recvfrom(4096)
        request = parse_message(data)
        assert isinstance(request, SipRequest)
        assert is_check_sync(request)
        assert header(request, "event") == "check-sync;reboot=false"
        phone.sendto(response(request, 200, to_tag="t"), source)
    wait_for("the report", lambda: running.reported("phone-reloaded"))


@pytest.mark.slow
def test_a_phone_that_refuses_or_is_silent_is_told_apart() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as refusing,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent,
    ):
        for phone in (refusing, silent):
            phone.bind(("127.0.0.1", 0))
        orders = [DueReload("001122334455", "127.0.0.1", phone.getsockname()[1]) for phone in (refusing, silent)]
        found: dict[DueReload, ReloadAnswer] = {}
        asking = threading.Thread(target=lambda: found.update(notify_phones(orders, give_up_s=4)))
        asking.start()
        data, source = refusing.recvfrom(4096)
        request = parse_message(data)
        assert isinstance(request, SipRequest)
        refusing.sendto(b"junk", source)
        refusing.sendto(response(request, 400, to_tag="t"), source)
        asking.join(120)
        silent.setblocking(False)
        copies = {silent.recv(4096), silent.recv(4096)}
    assert found == {orders[0]: ReloadAnswer.REFUSED, orders[1]: ReloadAnswer.SILENT}
    assert len(copies) == 1  # a retransmission is the same request


@pytest.mark.slow
def test_a_phone_at_whose_address_nobody_listens_is_soon_given_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        order = DueReload("001B54C29A10", *closed.getsockname())
    began = time.monotonic()
    assert notify_phones([order], give_up_s=3600.0) == {order: ReloadAnswer.SILENT}
    assert time.monotonic() - began > NOT_YET_S, "it was given time to answer"


def test_where_the_wire_must_prove_a_phone_an_address_that_no_link_knows_gets_nothing(running: Running) -> None:
    running.hub.repository.publish(1, {NAME: b"one"})
    running.start(GuardRules(1))
    wait_for("release 1", lambda: any("Received release 1" in text for text in running.log))
    with pytest.raises(FileRefused):
        running.get()
    wait_for("the report", lambda: running.reported("file-refused"))
    assert any("no link of this machine shows whose address that is" in text for text in running.log)


def test_a_folder_is_held_by_one_agent(running: Running) -> None:
    with running.folder.lock():
        assert running.folder.is_locked()
        with pytest.raises(FolderInUse, match="another edge already uses"), running.folder.lock():
            pass
    assert not running.folder.is_locked()


def test_where_the_status_can_not_be_told_phones_are_served_all_the_same(running: Running) -> None:
    (running.folder.status_socket / "in its place").mkdir(parents=True)
    running.start()
    running.publish(1, {NAME: b"one"})
    wait_for("release 1", running.serves(b"one"))
    assert any("The status can't be told" in line for line in running.log)


def test_status_in_words_of_an_edge_that_does_not_run(running: Running) -> None:
    words = status_file.in_words(None, running=False, folder=running.folder)
    assert words[0] == "Enrolled as edge e1 of site Anna, at the hub https://hub:8444."
    assert words[1].startswith("Not running. Start it: ringfence edge run")


def test_the_status_says_in_words_what_phones_do(running: Running) -> None:
    running.start()
    running.publish(1, {NAME: b"one", f"SEP{OTHER}.cnf.xml": b"two"})
    wait_for("release 1", running.serves(b"one"))
    wait_for("its fetch is known", lambda: any(f"took {NAME}" in line for line in running.log))
    for name in (f"CTLSEP{NAME[3:15]}.tlv", "AppDialRules.xml", "sip9971.9-4-1-9.loads", "SEP001122334499.cnf.xml"):
        with pytest.raises(FileRefused):
            running.get(name)

    def words() -> list[str]:
        status, _ = read(running.folder)
        return status_file.in_words(status, running=True, folder=running.folder) if status is not None else []

    wait_for("the words", lambda: any("sip9971.9-4-1-9, which is not here" in line for line in words()))
    told = words()
    at = told.index("Phone 00:11:22:33:44:55 at 127.0.0.1:")
    assert told[at + 1].startswith("  ✗ It needs the firmware sip9971.9-4-1-9, which is not here.")
    assert "It is booting now. It took its configuration of release 1" in told[at + 2]
    assert (
        "CTLSEP001122334455.tlv, AppDialRules.xml, which does not exist; this is harmless, phones work without it."
        in told[at + 3]
    )
    assert not any(OTHER in line or "334499" in line for line in told)


def test_an_edge_that_was_away_past_its_certificates_end_renews_it_and_goes_on(running: Running) -> None:
    running.hub.repository.publish(1, {NAME: b"one"})
    running.start()
    wait_for("release 1", running.serves(b"one"))
    running.stop()
    running.hub.now = lambda: NOW + 2 * EDGE_LIFETIME_S
    running.hub.expired = True
    running.hub.renewed = certificate_pem(3, NOW + 2 * EDGE_LIFETIME_S)
    running.hub.repository.publish(2, {NAME: b"two"}, NOW + 2 * EDGE_LIFETIME_S)
    running.start()
    wait_for("release 2", running.serves(b"two"))
    assert len(running.hub.renewals) == 1


def test_rules_that_a_newer_hub_words_otherwise_leave_the_old_in_force_and_releases_come_all_the_same(
    running: Running,
) -> None:
    running.start()
    running.publish(1, {NAME: b"one"})
    wait_for("release 1", running.serves(b"one"))
    running.hub.rules = GuardRules(2, needs=(GuardNeed("secret", "L9"),))
    running.publish(2, {NAME: b"two"})
    wait_for("release 2", running.serves(b"two"))

    def words() -> str:
        status, _ = read(running.folder)
        return status.guard if status is not None else ""

    told = wait_for("the status", lambda: text if "refused" in (text := words()) else "")
    assert "version 1, require: firmware L0, shared L1, configuration L3, secret L1" in told
    assert "Newer rules are refused" in told
    assert "L9" in told


def test_rules_are_kept_for_when_the_hub_is_away(running: Running) -> None:
    running.start()
    running.publish(1, {NAME: b"one"})
    wait_for("release 1", running.serves(b"one"))
    running.stop()
    running.hub.away = True
    running.start()
    assert running.get() == b"one"


def test_a_bug_in_one_of_its_threads_ends_the_agent_loudly(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def state() -> NoReturn:
        raise AttributeError("a name that is not there")

    monkeypatch.setattr(running.hub, "state", state)
    agent = Agent(
        running.folder, OwnWorker([("127.0.0.1", 0)]), lambda _level, text: running.log.append(text), running._connect
    )
    with pytest.raises(AttributeError, match="a name that is not there"):
        agent.run()
