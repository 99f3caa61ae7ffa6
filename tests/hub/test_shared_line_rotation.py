"""A line that several phones have changes its secret on all of them as one step, and locks none of them out."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ringfence.hub.errors import BadSelection
from ringfence.hub.fleet import accounts, lines, phones
from ringfence.hub.process import background_jobs
from ringfence.hub.store.pbx_models import RotationRow
from ringfence.hub.telephony import rotations
from ringfence.hub.telephony.pbx.asterisk import Asterisk
from ringfence.phones.mac import Mac
from support.asterisk_manager import AsteriskManager, running_manager
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub

_numbers = itertools.count(0, 2)


@pytest.fixture
def pbx(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[AsteriskManager]:
    monkeypatch.setattr(running.hub.config, "pbx_networks", ("127.0.0.0/8",))
    # The hub's own turn would come between a test's step and its look.
    monkeypatch.setattr(background_jobs, "rotations", SimpleNamespace(go_on=lambda _hub: 0))
    with running_manager() as manager:
        parts = {"name": "aster", "kind": "asterisk", "url": f"ami://127.0.0.1:{manager.port}", "realm": "asterisk"}
        running.do("POST", "/pbxes", {**parts, "user": "ringfence", "secret": "x"})
        yield manager
        with running.hub.change("test") as change:
            for row in rotations.find(change.session):
                change.session.delete(row)
        running.do("DELETE", "/pbxes/aster")


class Shop:
    """Two phones at two sites, each with a line of its own, and both with the line ``sales``."""

    def __init__(self, running: RunningHub, pbx: AsteriskManager, number: int, folder: Path) -> None:
        self.running, self.pbx, self.number = running, pbx, number
        self.macs = [Mac.parse(f"80:5E:C0:C2:8D:{each:02X}") for each in (number, number + 1)]
        self.sales = f"sales{number}"
        self.edges: list[ReportingEdge] = []
        for at, mac in enumerate(self.macs):
            site = running.site(f"Shop {number} {at}")
            running.do("POST", "/phones", {"mac": str(mac), "site": site, "model": "T46U"})
            self._line(mac, 1, f"own{number + at}", f"own-secret-{at}")
            self._line(mac, 2, self.sales, "old-sales-secret")
            running.do("PUT", f"/settings/phones/{mac.bare}/sip_server", {"value": "aster.example.org"})
            running.publish(sites=[site])
            (folder / str(at)).mkdir()
            self.edges.append(ReportingEdge(running, site, folder / str(at)))
        with running.hub.database.reading() as session:
            rows = [phones.get(session, mac) for mac in self.macs]
            found = [each for row in rows for each in accounts.of_phone(session, running.hub.sealer, row)]
        pbx.take(list({each.name: each for each in found}.values()))
        for at in (0, 1):
            assert self.register(at, 1000)

    def _line(self, mac: Mac, index: int, name: str, password: str) -> None:
        self.running.do("PUT", f"/phones/{mac.bare}/lines/{index}", {"name": name, "password": password})

    def secret(self, at: int, index: int = 2) -> str:
        with self.running.hub.change("test") as change:
            return lines.reveal(change, self.running.hub.sealer, self.macs[at], index).reveal()

    def stages(self) -> list[str]:
        rotations.go_on(self.running.hub)
        with self.running.hub.database.reading() as session:
            return [session.get_one(RotationRow, mac.bare).stage for mac in self.macs]

    def fetch(self, at: int, release: int) -> None:
        name = f"{self.macs[at].bare.lower()}.cfg"
        self.edges[at].asks("file-served", self.macs[at].bare, release=release, name=name)

    def register(self, at: int, ends_at: int, secret: str | None = None) -> bool:
        """One of the phones registers the line of both."""
        host = f"192.168.1.{10 + at}"
        return self.pbx.register(self.sales, secret or self.secret(at), f"call-{at}", ends_at, host)


@pytest.fixture
def shop(running: RunningHub, pbx: AsteriskManager, tmp_path: Path) -> Shop:
    return Shop(running, pbx, next(_numbers), tmp_path)


def test_the_old_secret_lasts_until_every_phone_has_the_new_one(shop: Shop) -> None:
    old, owns = shop.secret(0), [shop.secret(at, 1) for at in (0, 1)]
    assert rotations.begin(shop.running.hub, "test", shop.macs[:1]) == shop.macs, "the other one goes with it"
    new = shop.secret(0)
    assert new == shop.secret(1) != old
    assert len({new, *(shop.secret(at, 1) for at in (0, 1)), *owns}) == 5, "only what was one secret is one"
    assert shop.pbx.accepts(shop.sales) == [new, old]
    shop.fetch(0, 2)
    assert shop.stages() == ["fetching", "fetching"]
    assert shop.register(0, 1500, new)
    assert shop.register(1, 1500, old), "it has not fetched yet, and is not locked out"
    shop.fetch(1, 2)
    assert shop.stages() == ["registering", "registering"]
    assert shop.pbx.accepts(shop.sales) == [new]
    assert shop.register(0, 2000)
    assert shop.stages() == ["registering", "registering"], "one of two phones is not both"
    assert shop.register(1, 2000)
    assert shop.stages() == ["done", "done"]
    assert shop.pbx.accepts(shop.sales) == [new]


def test_a_phone_that_does_not_fetch_takes_the_other_back_and_locks_nobody_out(shop: Shop) -> None:
    old = shop.secret(0)
    rotations.begin(shop.running.hub, "test", shop.macs)
    new = shop.secret(0)
    shop.fetch(0, 2)
    assert shop.stages() == ["fetching", "fetching"]
    with shop.running.clock.forward(rotations.PATIENCE_S + 1):
        assert shop.stages() == ["refetching", "ending"], (
            "the second one never had the new one, and waits for the first"
        )
        assert shop.secret(0) == shop.secret(1) == old
        assert shop.register(0, 3000, new), "the one that has fetched still has the new one"
        assert shop.register(1, 3000, old)
        shop.fetch(0, 3)
        shop.stages()
        assert shop.stages() == ["rolled-back", "rolled-back"]
    assert shop.pbx.accepts(shop.sales) == [old]


def test_a_phone_that_does_not_register_takes_the_other_back(shop: Shop) -> None:
    old = shop.secret(0)
    rotations.begin(shop.running.hub, "test", shop.macs)
    for at in (0, 1):
        shop.fetch(at, 2)
    assert shop.stages() == ["registering", "registering"]
    assert shop.register(0, 2000)
    with shop.running.clock.forward(rotations.TRIAL_S + 1):
        assert shop.stages() == ["refetching", "refetching"]
        for at in (0, 1):
            assert shop.register(at, 2500, old)
        shop.fetch(0, 3)
        assert shop.stages() == ["ending", "refetching"], "the other one may have the new secret still"
        assert len(shop.pbx.accepts(shop.sales)) == 2
    with shop.running.clock.forward(rotations.TRIAL_S + rotations.PATIENCE_S + 2):
        shop.stages()
        assert shop.stages() == ["rolled-back", "rolled-back"]
    assert len(shop.pbx.accepts(shop.sales)) == 2, "nobody knows which one the second phone has"


def test_a_line_with_two_secrets_or_at_an_old_pbx_is_refused_with_what_to_do(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Asterisk, "passwords_at_once", lambda _self: 1)
    with pytest.raises(BadSelection, match="takes one password of a line at a time"):
        rotations.begin(shop.running.hub, "test", shop.macs)
    monkeypatch.undo()
    monkeypatch.setattr(shop.running.hub.config, "pbx_networks", ("127.0.0.0/8",))
    shop._line(shop.macs[1], 2, shop.sales, "another-secret")
    for mac in shop.macs:
        with shop.running.hub.database.reading() as session:
            site = phones.get(session, mac).site_id
        shop.running.publish(sites=[site])
    with pytest.raises(BadSelection, match=f"{shop.sales} is also a line of phone .* another user or password"):
        rotations.begin(shop.running.hub, "test", shop.macs)
