"""The gateway: two sites on one port, windows that belong to who answers, and bans that nobody can bring on another."""

import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.edge.agent import backoff
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.errors import NeverBanned, NotEnrolled
from ringfence.edge.gateway import gateway as gateway_module
from ringfence.edge.gateway.gateway import Gateway, GatewayPorts
from ringfence.edge.gateway.nftables_bans import BanSet
from ringfence.edge.gateway.shared_worker import GatewayBans
from ringfence.edge.gateway.site_folders import site_folder
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.guard.bans import STRIKES
from ringfence.server.errors import FetchFailed, FileRefused
from ringfence.server.events import Banned
from ringfence.server.tftp.client import fetch
from ringfence.tftp.options import NO_OPTIONS, RequestedOptions
from ringfence.tftp.packets import ReadRequest, to_bytes
from ringfence.wire.messages import (
    Event,
    GuardBan,
    GuardHabits,
    GuardNetwork,
    GuardRules,
    GuardWindow,
)
from stack import wait_for
from support.enrolled_folder import save_enrolled
from support.memory_hub import MemoryHub
from support.signed_repository import NOW, Repository

ANNAS, BERTS, CARLAS = "001122334455", "001122334466", "001122334477"
HOME, OTHER_HOME, STRANGER, SHARED = "127.10.0.5", "127.20.0.5", "127.66.0.6", "dialplan.xml"
FIRMWARE = "sip9971.9-4-2.loads"
OPTIONS = RequestedOptions(block_size=1024)


def own(mac: str) -> str:
    return f"SEP{mac}.cnf.xml"


class Internet:
    """A gateway at the sites “anna” and “bert”, each with a hub in memory, asked from addresses of loopback."""

    def __init__(self, folder: Path) -> None:
        self.log: list[str] = []
        self.hubs = {site: MemoryHub(Repository(site)) for site in ("anna", "bert")}
        for site, hub in self.hubs.items():
            save_enrolled(site_folder(folder, site), hub.repository)
        self.gateway = Gateway(
            folder,
            GatewayPorts([("127.0.0.1", 0)], [("127.0.0.1", 0)]),
            lambda _level, text: self.log.append(text),
            connect=self._connect,
        )
        ready = threading.Event()
        self._thread = threading.Thread(target=self.gateway.run, args=(ready.set,))
        self._thread.start()
        assert ready.wait(120)

    def stop(self) -> None:
        self.gateway.stop()
        self._thread.join(120)
        assert not self._thread.is_alive()

    def rule(self, site: str, rules: GuardRules) -> None:
        """Let a site have these rules, and wait until the gateway has them."""
        hub = self.hubs[site]
        hub.rules = rules
        hub.hints.put(Event("state", NOW))
        name = site.capitalize()
        wait_for(
            "the rules",
            lambda: f"{name}: Received version {rules.version} of the site's state; changed: guard." in self.log,
        )

    def publish(self, site: str, contents: dict[str, bytes]) -> None:
        hub = self.hubs[site]
        hub.repository.publish(1, contents)
        hub.hints.put(Event("release", NOW, 1))
        wait_for("the release", lambda: any(f"{site.capitalize()}: Received release 1" in line for line in self.log))

    def asks(self, name: str, host: str, options: RequestedOptions = NO_OPTIONS, *, patience_s: float = 60.0) -> bytes:
        where, _, port = self.gateway.addresses[0].rpartition(":")
        return fetch((where, int(port)), name, source_host=host, timeout_s=patience_s, retries=0, options=options)

    def gets(self, name: str, host: str) -> tuple[int, bytes]:
        (where,) = self.gateway.http_addresses
        connection = HTTPConnection(*where, timeout=60, source_address=(host, 0))
        connection.request("GET", "/" + name)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    def reported(self, site: str, kind: str) -> list[str]:
        return [report.sentence for report in self.hubs[site].stored.values() if report.kind == kind]

    def _connect(self, folder: EdgeFolder, clock: HubClock, _hub: HubEndpoints) -> MemoryHub:
        hub = self.hubs[folder.path.name]
        hub.clock = clock
        return hub


def allowed(version: int, *windows: GuardWindow, **more: object) -> GuardRules:
    return GuardRules(version, gateway=True, stubs=True, windows=windows, **more)  # type: ignore[arg-type]  # fields of the rules


def window(mac: str = ANNAS, number: int = 1) -> GuardWindow:
    return GuardWindow(f"w{number}", mac, "carla", NOW + 600)


ANNA = {
    own(ANNAS): b"s3cret of Anna",
    own(CARLAS): b"s3cret of Carla",
    f"stub/{own(CARLAS)}": b"points at the VPN",
    SHARED: b"Anna's plan",
}


@pytest.fixture
def internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(gateway_module, "LOOK_FOR_SITES_S", 0.05)
    made = Internet(tmp_path)
    try:
        made.publish("anna", ANNA)
        made.publish("bert", {own(BERTS): b"s3cret of Bert", SHARED: b"Bert's plan"})
        yield made
    finally:
        made.stop()


def test_a_site_that_does_not_allow_a_gateway_is_not_served_by_it(internet: Internet) -> None:
    internet.rule("anna", GuardRules(1, windows=(window(),)))
    with pytest.raises(FileRefused):
        internet.asks(own(ANNAS), HOME)
    wait_for("report", lambda: internet.reported("anna", "file-held-back"))
    assert "the site does not allow a gateway" in internet.reported("anna", "file-held-back")[0]


def test_a_secret_goes_out_inside_a_window_once_and_to_one_address(internet: Internet) -> None:
    internet.rule("anna", allowed(1))
    with pytest.raises(FileRefused):
        internet.asks(own(ANNAS), HOME)
    internet.rule("anna", allowed(2, window()))
    assert internet.asks(own(ANNAS), HOME) == b"s3cret of Anna"
    for host in (HOME, STRANGER):
        with pytest.raises(FileRefused):
            internet.asks(own(ANNAS), host)
    wait_for("reports", lambda: internet.reported("anna", "window-used"))
    assert f"was used up by {HOME}" in internet.reported("anna", "window-used")[0]
    assert "only inside a window" in internet.reported("anna", "file-refused")[0]
    assert not internet.reported("bert", "window-used"), "each site hears of its own"
    with pytest.raises(FileRefused):
        internet.asks(own(BERTS), HOME)


def test_a_window_is_taken_over_http_too(internet: Internet) -> None:
    internet.rule("anna", allowed(1, window()))
    assert internet.gets(own(ANNAS), HOME) == (200, b"s3cret of Anna")
    assert internet.gets(own(ANNAS), HOME)[0] == 404


def test_who_took_a_phones_file_may_fetch_its_sites_firmware_and_nobody_else_may(internet: Internet) -> None:
    internet.hubs["anna"].repository.publish(2, ANNA | {FIRMWARE: b"load"})
    internet.hubs["anna"].hints.put(Event("release", NOW, 2))
    wait_for("the release", lambda: any("Anna: Received release 2" in line for line in internet.log))
    internet.rule("anna", allowed(1, window()))
    with pytest.raises(FileRefused):
        internet.asks(FIRMWARE, HOME)
    assert internet.asks(own(ANNAS), HOME) == b"s3cret of Anna"
    assert internet.asks(FIRMWARE, HOME) == b"load", "at once, whenever the hub may hear of it"
    with pytest.raises(FileRefused):
        internet.asks(FIRMWARE, STRANGER)


def test_one_acknowledgement_sets_one_block_free_whatever_was_asked_for(internet: Internet) -> None:
    internet.rule("anna", allowed(1, window()))
    where, _, port = internet.gateway.addresses[0].rpartition(":")
    asked = (("blksize", "65464"), ("windowsize", "64"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((HOME, 0))
        phone.settimeout(60)
        phone.sendto(to_bytes(ReadRequest(own(ANNAS), "octet", asked)), (where, int(port)))
        assert phone.recv(2048) == b"\0\6blksize\x001428\x00windowsize\x001\0"


def test_who_took_a_phones_file_gets_its_sites_shared_files_and_nobody_elses(internet: Internet) -> None:
    learned = (GuardNetwork(HOME, "phone … booted from there"),)
    internet.rule("anna", allowed(1, window(), learned=learned))
    internet.rule("bert", allowed(1, learned=(GuardNetwork(OTHER_HOME, "phone … booted from there"),)))
    assert internet.asks(own(ANNAS), HOME) == b"s3cret of Anna"
    assert internet.asks(SHARED, HOME) == b"Anna's plan"
    assert internet.asks(SHARED, OTHER_HOME) == b"Bert's plan"
    with pytest.raises(FileRefused):
        internet.asks(SHARED, STRANGER)


@pytest.mark.slow
def test_a_source_that_never_answers_does_not_take_a_window(internet: Internet) -> None:
    internet.rule("anna", allowed(1, window()))
    where, _, port = internet.gateway.addresses[0].rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forged:
        forged.bind((STRANGER, 0))
        forged.settimeout(60)
        forged.sendto(to_bytes(ReadRequest(own(ANNAS), "octet", (("blksize", "1024"),))), (where, int(port)))
        assert forged.recv(2048)[:2] == b"\0\6", "an offer of options, and nothing of the file"
    with pytest.raises(FileRefused):
        internet.asks(own(ANNAS), HOME)
    wait_for("the window", lambda: _gets(internet, HOME) == b"s3cret of Anna", patience_s=60, pause_s=1)


def _gets(internet: Internet, host: str) -> bytes:
    try:
        return internet.asks(own(ANNAS), host, patience_s=2.0)
    except (FileRefused, FetchFailed):
        return b""


@pytest.mark.slow
def test_who_guesses_and_is_there_is_shut_out_and_who_only_seems_to_guess_is_not(internet: Internet) -> None:
    internet.rule("anna", allowed(1))
    where, _, port = internet.gateway.addresses[0].rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forged:  # in Anna's name, answers and all, unseen
        forged.bind((HOME, 0))
        for number in range(10 * STRIKES):
            name = f"SEP0011223300{number:02X}.cnf.xml"
            forged.sendto(to_bytes(ReadRequest(name, "octet", (("blksize", "1024"),))), (where, int(port)))
            forged.sendto(b"\0\4\0\0", (where, int(port)))
    for number in range(STRIKES):
        assert internet.gets(f"SEP0011223344{number:02X}.cnf.xml", STRANGER)[0] == 404
    with pytest.raises(ConnectionError):
        internet.gets(own(ANNAS), STRANGER)
    wait_for("the ban", lambda: any(f"Banned {STRANGER} until" in line for line in internet.log))
    assert not any(f"Banned {HOME} until" in line for line in internet.log)
    internet.rule("anna", allowed(2, window()))
    assert internet.asks(own(ANNAS), HOME) == b"s3cret of Anna"
    with pytest.raises(FetchFailed):
        internet.asks(own(ANNAS), STRANGER, patience_s=1.0)
    internet.rule("anna", allowed(3, lifted=(GuardBan(STRANGER, NOW + 300),)))
    with pytest.raises(FileRefused):
        internet.asks(own(ANNAS), STRANGER)


def _heard(endpoint: socket.socket) -> Iterator[bytes]:
    try:
        while True:
            yield endpoint.recv(600)
    except TimeoutError:
        return


def test_who_guesses_over_tftp_hears_nothing_after_a_while(internet: Internet) -> None:
    internet.rule("anna", allowed(1))
    where, _, port = internet.gateway.addresses[0].rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as guessing:
        guessing.bind((STRANGER, 0))
        guessing.settimeout(0.5)
        for number in range(200):
            name = f"SEP00112233{number:04X}.cnf.xml"
            guessing.sendto(to_bytes(ReadRequest(name, "octet")), (where, int(port)))
        heard = list(_heard(guessing))
    assert {answer[:4] for answer in heard} == {b"\0\5\0\1"}
    assert 64 <= len(heard) < 100
    assert not any(f"Banned {STRANGER} until" in line for line in internet.log), "whoever it was"


@pytest.mark.slow
def test_a_stub_goes_to_a_phone_of_a_known_network_and_only_in_its_own_manner(internet: Internet) -> None:
    habits = (GuardHabits("cisco-99xx", (CARLAS,), ("CTLSEP{MAC}.tlv", "ITLSEP{MAC}.tlv", "ITLFile.tlv")),)
    learned = (GuardNetwork(HOME, "phone … booted from there"),)
    internet.rule("anna", allowed(1, habits=habits, learned=learned))
    with pytest.raises(FileRefused):
        internet.asks(own(CARLAS), HOME)  # straight for the file
    for name in (f"CTLSEP{CARLAS}.tlv", f"ITLSEP{CARLAS}.tlv", "ITLFile.tlv"):
        with pytest.raises(FileRefused):
            internet.asks(name, HOME)
    assert internet.asks(own(CARLAS), HOME) == b"points at the VPN"
    with pytest.raises(FileRefused):
        internet.asks(own(CARLAS), STRANGER)
    internet.rule("anna", allowed(2, window(CARLAS), habits=habits, learned=learned))
    assert internet.asks(own(CARLAS), HOME) == b"s3cret of Carla"


def test_people_shut_an_address_out(internet: Internet) -> None:
    internet.rule("anna", allowed(1, window(), bans=(GuardBan(STRANGER, NOW + 600, "nobody knows it"),)))
    with pytest.raises(FetchFailed):
        internet.asks(own(ANNAS), STRANGER, patience_s=1.0)
    assert internet.asks(own(ANNAS), HOME) == b"s3cret of Anna"


def test_what_is_not_there_and_what_is_not_theirs_sound_the_same(internet: Internet) -> None:
    internet.rule("anna", allowed(1))
    for options in (NO_OPTIONS, OPTIONS):
        answers = set()
        for name in (own(ANNAS), "SEP00112233FFFF.cnf.xml", own(BERTS)):
            with pytest.raises(FileRefused) as refused:
                internet.asks(name, STRANGER, options)
            answers.add((refused.value.code, str(refused.value).replace(name, "")))
        assert len(answers) == 1


class Firewall(BanSet):
    """A firewall in memory that bans nobody of a network that it may not."""

    def __init__(self) -> None:
        self.banned: dict[str, float] = {}

    def ban(self, address: str, seconds: float) -> None:
        if address.startswith("127.0.0."):
            raise NeverBanned(f"{address} is never banned: it is this machine")
        self.banned[address] = seconds

    def unban(self, address: str) -> None:
        self.banned.pop(address, None)


def test_the_firewall_shuts_out_whom_the_gateway_and_people_do_and_lets_in_whom_they_let_in() -> None:
    firewall, log, now = Firewall(), list[str](), time.time()
    bans = GatewayBans(firewall, lambda _level, text: log.append(text))
    bans.on_banned(Banned(now, STRANGER, now + 600, "it guessed"))
    assert 590 < firewall.banned[STRANGER] <= 600
    bans.on_rules("anna", allowed(1, bans=(GuardBan(OTHER_HOME, now + 60, "no"), GuardBan(HOME, now - 1, "over"))))
    assert set(firewall.banned) == {STRANGER, OTHER_HOME}
    bans.on_rules("anna", allowed(2, lifted=(GuardBan(STRANGER, now),)))
    assert firewall.banned == {}
    bans.on_banned(Banned(now, "127.0.0.1", now + 600, "it guessed"))
    assert "127.0.0.1 is never banned" in log[-1]


def test_a_gateway_without_a_site_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotEnrolled, match="ringfence gateway enrol"):
        Gateway(tmp_path, GatewayPorts([("127.0.0.1", 0)]), lambda _level, _text: None)
