"""What ends an old SIP secret: a registration that only the new one makes, whatever anybody reports."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ringfence.hub.errors import PbxUnavailable
from ringfence.hub.store.pbx_models import RotationRow
from ringfence.hub.telephony import links, rotations
from ringfence.hub.telephony.pbx.port import Contact, Credential
from ringfence.phones.family import ReloadEvent
from ringfence.phones.mac import Mac
from ringfence.phones.sip.notify import ServiceAction
from ringfence.secret import Secret
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:7D:{:02X}"


class FakePbx:
    """A PBX in memory: which passwords it takes, and one registration, which the phone renews with what it has."""

    def __init__(self) -> None:
        self.taken: Sequence[Secret] = ()
        self.registrations = 1
        self.told = 0
        self.is_away = False
        self.at_once = 2

    def check(self) -> str:
        self._answer()
        return "fake"

    def _answer(self) -> None:
        if self.is_away:
            raise PbxUnavailable("it is away")

    def passwords_at_once(self) -> int:
        self._answer()
        return self.at_once

    def contacts(self, user: str) -> Sequence[Contact]:
        self._answer()
        return [Contact(f"sip:{user}@192.0.2.7", "", "call-1", moment=str(self.registrations))]

    def accept(self, realm: str, credentials: Sequence[Credential]) -> None:
        del realm
        self._answer()
        (credential,) = credentials
        assert len(credential.passwords) <= self.at_once
        self.taken = credential.passwords

    def reload(self, user: str, contact: Contact, event: ReloadEvent, action: ServiceAction = "restart") -> None:
        del user, contact, event, action
        self._answer()
        self.told += 1

    def register(self, password: Secret) -> bool:
        """Register as the phone does; only a password that is taken counts."""
        if password.reveal() not in {each.reveal() for each in self.taken}:
            return False
        self.registrations += 1
        return True


@pytest.fixture
def pbx(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> FakePbx:
    fake = FakePbx()
    monkeypatch.setattr(links, "link", lambda _sealer, _pbx: fake)
    if not running.do("GET", "/pbxes")["items"]:
        running.do(
            "POST", "/pbxes", {"name": "fake", "kind": "kamailio", "url": "http://127.0.0.1:1/RPC", "realm": "x"}
        )
    return fake


def begun(running: RunningHub, number: int, folder: Path) -> tuple[Mac, ReportingEdge, Secret]:
    """A rotation that waits for its phone; return the phone, its site's edge and the old secret."""
    mac = Mac.parse(MAC.format(number))
    site = running.site(f"Rotation {number}")
    running.phone(site, str(mac))
    running.do("PUT", f"/phones/{mac.bare}/lines/1", {"name": f"20{number}", "password": f"old-secret-{number}-long"})
    running.publish(sites=[site])
    edge = ReportingEdge(running, site, folder)
    rotations.begin(running.hub, "test", [mac])
    assert stage(running, mac) == "fetching"
    return mac, edge, Secret(f"old-secret-{number}-long")


def stage(running: RunningHub, mac: Mac) -> str:
    rotations.go_on(running.hub)
    with running.hub.database.reading() as session:
        return session.get_one(RotationRow, mac.bare).stage


def new_secret(pbx: FakePbx, old: Secret) -> Secret:
    (new,) = {each.reveal() for each in pbx.taken} - {old.reveal()}
    return Secret(new)


def test_a_phone_that_goes_on_with_the_old_secret_proves_nothing(
    running: RunningHub, tmp_path: Path, pbx: FakePbx
) -> None:
    mac, edge, old = begun(running, 1, tmp_path / "edge")
    assert pbx.register(old), "its ordinary registration goes on"
    edge.asks("file-served", mac.bare, release=2)  # which is not true
    assert stage(running, mac) == "registering"
    assert not pbx.register(old)
    assert stage(running, mac) == "registering"
    with running.clock.forward(rotations.TRIAL_S + 1):
        assert stage(running, mac) == "refetching", "it may have the new secret: both are accepted until it has the old"
        assert pbx.register(old), "nobody is locked out"
        edge.asks("file-served", mac.bare, release=3)
        assert stage(running, mac) == "rolled-back"
    assert [each.reveal() for each in pbx.taken] == [old.reveal()]


def test_a_registration_with_the_new_secret_ends_the_old_one(running: RunningHub, tmp_path: Path, pbx: FakePbx) -> None:
    mac, edge, old = begun(running, 2, tmp_path / "edge")
    new = new_secret(pbx, old)
    edge.asks("file-served", mac.bare, release=2)
    assert pbx.register(new), "before the hub has looked: either secret would have done"
    assert stage(running, mac) == "registering"
    with running.clock.forward(60):
        assert stage(running, mac) == "registering"
    assert pbx.told, "so it is told to register again"
    assert pbx.register(new)
    assert stage(running, mac) == "done"
    assert not pbx.register(old)


def test_an_edge_of_another_site_ends_no_rotation(running: RunningHub, tmp_path: Path, pbx: FakePbx) -> None:
    mac, _edge, old = begun(running, 3, tmp_path / "edge")
    rogue = ReportingEdge(running, running.site("Rogue of rotations"), tmp_path / "rogue")
    rogue.asks("file-served", mac.bare, release=2)
    assert stage(running, mac) == "fetching"
    assert pbx.register(old)
