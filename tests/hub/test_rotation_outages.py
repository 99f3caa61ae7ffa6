"""Changes of secrets at PBXes that are away, slow, late or old: nothing is left half done, and nobody is locked out."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ringfence.errors import RingfenceError
from ringfence.hub.errors import BadSelection, PbxUnavailable
from ringfence.hub.fleet import accounts, lines, phones, rotation_alerts
from ringfence.hub.process import background_jobs
from ringfence.hub.store.pbx_models import RotationRow
from ringfence.hub.telephony import rotations
from ringfence.phones.mac import Mac
from support.asterisk_manager import AsteriskManager, running_manager
from support.reporting_edge import ReportingEdge, alerts
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:8D:{:02X}"


@pytest.fixture
def pbx(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[AsteriskManager]:
    """An Asterisk that the hub's phones register with."""
    monkeypatch.setattr(running.hub.config, "pbx_networks", ("127.0.0.0/8",))
    # The hub's own turn would come between a test's step and its look.
    monkeypatch.setattr(background_jobs, "rotations", SimpleNamespace(go_on=lambda _hub: 0))
    with running_manager() as manager:
        url = f"ami://127.0.0.1:{manager.port}"
        parts = {
            "name": "aster",
            "kind": "asterisk",
            "url": url,
            "user": "ringfence",
            "secret": "x",
            "realm": "asterisk",
        }
        running.do("POST", "/pbxes", {**parts, "sip_servers": ["aster.example.org"]})
        yield manager
        manager.is_away = False
        with running.hub.change("test") as change:
            for row in rotations.find(change.session):
                if row.pbx_id == "aster":
                    change.session.delete(row)
        running.do("DELETE", "/pbxes/aster")


class Room:
    """A site with phones of two lines at the Asterisk, and its edge."""

    def __init__(self, running: RunningHub, pbx: AsteriskManager, numbers: range, folder: Path) -> None:
        self.running, self.pbx = running, pbx
        self.site = running.site(f"Outage {numbers.start}")
        self.macs = [Mac.parse(MAC.format(number)) for number in numbers]
        for number, mac in zip(numbers, self.macs, strict=True):
            running.phone(self.site, str(mac))
            running.do("PUT", f"/phones/{mac.bare}/lines/1", {"name": f"{number}1", "password": f"old-{number}"})
            running.do("PUT", f"/phones/{mac.bare}/lines/2", {"name": f"{number}2"})
            running.do("PUT", f"/settings/phones/{mac.bare}/sip_server", {"value": "aster.example.org"})
        running.publish(sites=[self.site])
        self.edge = ReportingEdge(running, self.site, folder)
        with running.hub.database.reading() as session:
            rows = [phones.get(session, mac) for mac in self.macs]
            found = [each for row in rows for each in accounts.of_phone(session, running.hub.sealer, row)]
        pbx.take(found)
        for each in found:
            assert pbx.register(each.name, each.password.reveal(), "boot", 1000)
        self.names = [each.name for each in found]

    def stages(self) -> set[str]:
        rotations.go_on(self.running.hub)
        return {self.row(mac).stage for mac in self.macs}

    def row(self, mac: Mac) -> RotationRow:
        with self.running.hub.database.reading() as session:
            return session.get_one(RotationRow, mac.bare)

    def secret(self, mac: Mac) -> str:
        with self.running.hub.change("test") as change:
            return lines.reveal(change, self.running.hub.sealer, mac, 1).reveal()

    def fetch(self, release: int) -> None:
        for mac in self.macs:
            self.edge.asks("file-served", mac.bare, release=release)

    def register(self, ends_at: int) -> None:
        """Every phone registers every line with what its file has now."""
        for at, name in enumerate(self.names):
            self.pbx.register(name, self.secret(self.macs[at // 2]), "boot", ends_at)


_numbers = itertools.count(0, 2)


@pytest.fixture
def room(running: RunningHub, pbx: AsteriskManager, tmp_path: Path) -> Room:
    first = next(_numbers)
    return Room(running, pbx, range(first, first + 2), tmp_path / "edge")


def test_a_site_with_several_phones_changes_them_all(room: Room) -> None:
    """The old secret is taken until the phone has the new one, and is not taken afterwards."""
    old = [room.secret(mac) for mac in room.macs]
    rotations.begin(room.running.hub, "test", room.macs)
    new = [room.secret(mac) for mac in room.macs]
    assert not set(old) & set(new)
    for name, before, after in zip(room.names, [old[0]] * 2 + [old[1]] * 2, [new[0]] * 2 + [new[1]] * 2, strict=True):
        assert room.pbx.accepts(name) == [after, before]
    assert room.stages() == {"fetching"}
    room.fetch(2)
    assert room.stages() == {"registering"}
    assert room.stages() == {"registering"}, "the contacts of before prove nothing"
    assert {name: room.pbx.accepts(name) for name in room.names} == {
        name: [secret] for name, secret in zip(room.names, [new[0]] * 2 + [new[1]] * 2, strict=True)
    }
    room.register(2000)
    assert room.stages() == {"done"}
    assert room.pbx.names("Action").count("Reload") == 2, "one for both phones, twice"


def test_a_pbx_that_does_not_answer_changes_nothing(room: Room) -> None:
    before = [room.secret(mac) for mac in room.macs]
    room.pbx.is_away = True
    with pytest.raises(PbxUnavailable):
        rotations.begin(room.running.hub, "test", room.macs)
    assert [room.secret(mac) for mac in room.macs] == before
    with room.running.hub.database.reading() as session:
        assert not [row for row in rotations.find(session) if Mac(row.mac) in room.macs]


def test_a_pbx_that_is_away_at_the_deadline_is_dealt_with_when_it_is_back(room: Room) -> None:
    hub = room.running.hub
    old = [room.secret(mac) for mac in room.macs]
    rotations.begin(hub, "test", room.macs)
    new = [room.secret(mac) for mac in room.macs]
    room.fetch(2)
    assert room.stages() == {"registering"}
    room.pbx.is_away = True
    with room.running.clock.forward(rotations.TRIAL_S + 60):
        assert room.stages() == {"restoring"}
        assert "can't be reached" in room.row(room.macs[0]).problem or "ended" in room.row(room.macs[0]).problem
        assert room.pbx.accepts(room.names[0]) == [new[0]], "as it was when it went"
    with room.running.clock.forward(86_400), hub.change("test") as change:
        rotation_alerts.look(change)
    assert {kind for kind, _subject, _count in alerts(room.running, room.site)} == {"rotation-stuck"}
    room.pbx.is_away = False
    with room.running.clock.forward(86_400):
        assert room.stages() == {"refetching"}, "the phones have the new secret"
        assert room.pbx.accepts(room.names[0]) == [old[0], new[0]]
        room.fetch(3)
        assert room.stages() == {"rolled-back"}
        with hub.change("test") as change:
            rotation_alerts.look(change)
    assert [room.secret(mac) for mac in room.macs] == old
    assert room.pbx.accepts(room.names[0]) == [old[0]]
    assert room.pbx.accepts(room.names[2]) == [old[1]]
    assert alerts(room.running, room.site) == []


def test_nobody_registered_does_not_stop_the_deadlines(room: Room) -> None:
    rotations.begin(room.running.hub, "test", room.macs)
    room.pbx.contacts = []
    with room.running.clock.forward(rotations.PATIENCE_S + 1):
        assert room.stages() == {"rolled-back"}
    assert room.row(room.macs[0]).detail == "the phone did not fetch its new file in time"


def test_an_older_asterisk_changes_phone_by_phone_at_its_fetch(room: Room) -> None:
    room.pbx.version = "20.5.0"
    old = [room.secret(mac) for mac in room.macs]
    rotations.begin(room.running.hub, "test", room.macs)
    new = [room.secret(mac) for mac in room.macs]
    assert room.stages() == {"fetching"}
    assert [room.pbx.accepts(name) for name in (room.names[0], room.names[2])] == [[old[0]], [old[1]]]
    room.edge.asks("file-served", room.macs[0].bare, release=2)
    assert room.stages() == {"registering", "fetching"}
    assert [room.pbx.accepts(name) for name in (room.names[0], room.names[2])] == [[new[0]], [old[1]]]
    with room.running.clock.forward(rotations.PATIENCE_S + 1):
        assert room.stages() == {"refetching", "rolled-back"}
        assert room.pbx.accepts(room.names[0]) == [new[0]], "what the phone has, until it has its old file"
        room.edge.asks("file-served", room.macs[0].bare, release=3)
        assert room.stages() == {"rolled-back"}
    assert [room.pbx.accepts(name) for name in (room.names[0], room.names[2])] == [[old[0]], [old[1]]]


def test_an_export_made_during_a_change_has_both_secrets_and_survives_its_end(room: Room) -> None:
    hub = room.running.hub
    rotations.begin(hub, "test", room.macs)
    with hub.database.reading() as session:
        rows = [phones.get(session, mac) for mac in room.macs]
        during = [each for row in rows for each in accounts.of_phone(session, hub.sealer, row)]
    contacts = room.pbx.contacts
    room.pbx.take(during)
    room.pbx.contacts = contacts
    room.fetch(2)
    assert room.stages() == {"registering"}
    room.register(2000)
    assert room.stages() == {"done"}
    assert room.pbx.accepts(room.names[0]) == [room.secret(room.macs[0])]


def test_what_a_stopped_hub_had_begun_is_taken_over(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is there, and nobody has told the PBX."""

    def stops(*_what: object) -> dict[Mac, RingfenceError]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rotations, "_accept", stops)
        with pytest.raises(KeyboardInterrupt):
            rotations.begin(room.running.hub, "test", room.macs)
    assert room.stages() == {"accepting"}
    with room.running.clock.forward(120):
        assert room.stages() == {"fetching"}
    assert len(room.pbx.accepts(room.names[0])) == 2


def test_a_phone_that_asterisk_does_not_have_keeps_its_secret_and_the_other_is_told(room: Room) -> None:
    before = [room.secret(mac) for mac in room.macs]
    room.pbx.file = [each for each in room.pbx.file if each[0] not in room.names[:2]]
    with pytest.raises(RingfenceError, match=f"no endpoint {room.names[0]}"):
        rotations.begin(room.running.hub, "test", room.macs)
    assert [room.secret(mac) for mac in room.macs] == before
    assert room.pbx.accepts(room.names[2]) == [before[1]]
    assert room.stages() == {"rolled-back"}, "nothing is left to be done at a PBX that never took it"


def test_a_line_on_two_phones_is_not_changed_on_one_alone(room: Room) -> None:
    running = room.running
    running.do("PUT", f"/phones/{room.macs[1].bare}/lines/3", {"name": room.names[0]})
    running.publish(sites=[room.site])
    with pytest.raises(BadSelection, match="is also a line of phone"):
        rotations.begin(running.hub, "test", room.macs[:1])


def test_a_pbx_that_is_gone_for_good_can_be_removed(room: Room) -> None:
    running = room.running
    rotations.begin(running.hub, "test", room.macs)
    assert running.ask("DELETE", "/pbxes/aster").json["kind"] == "pbx-taken"
    room.pbx.is_away = True
    with running.clock.forward(rotations.PATIENCE_S + 1):
        assert room.stages() == {"restoring"}
    running.do("DELETE", "/pbxes/aster")
    url = f"ami://127.0.0.1:{room.pbx.port}"
    running.do("POST", "/pbxes", {"name": "aster", "kind": "asterisk", "url": url, "realm": "asterisk"})
