"""Losses and copies in any order: at the end every edge has what the hub has, and no revoked edge is back."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pyrage
import pytest

from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.content.release import Release
from ringfence.content.signing import first_root, next_root
from ringfence.content.trust import TrustedMetadata
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.device import content
from ringfence.hub.errors import EdgeRefused, SiteInDoubt
from ringfence.hub.fleet import (
    doubts,
    edge_certificates,
    edges,
    enrolment_tokens,
    lines,
    phones,
    settings,
    site_state,
    sites,
)
from ringfence.hub.fleet.edges import Certificate
from ringfence.hub.fleet.settings import ORGANISATION
from ringfence.hub.process.init import init
from ringfence.hub.process.renewal import renew_metadata
from ringfence.hub.publishing import publish, releases, roots
from ringfence.hub.recovery import backup, hub_memory, restore, standing
from ringfence.hub.recovery.sealed_file import Lock, Opener
from ringfence.hub.store.models import EdgeRow, SiteRow
from ringfence.hub.store.release_models import RoleMetadataRow
from ringfence.identity.certificates import EdgeIdentity
from ringfence.phones.mac import Mac
from ringfence.secret import Secret
from ringfence.wire import codec
from ringfence.wire.messages import EdgeStanding, HubMemory
from support.signed_repository import signers

IDENTITY = pyrage.x25519.Identity.generate()
LOCK, KEY = Lock(recipient=str(IDENTITY.to_public())), Opener(identity=Secret(str(IDENTITY)))
DAY_S = 86_400


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same steps each time


@dataclass
class ModelEdge:
    """An honest edge: what it trusts, and what it keeps for the hub."""

    edge_id: str
    site_id: str
    trusted: TrustedMetadata
    state_version: int = 0
    memory: str = ""
    is_revoked: bool = False
    seen: list[Release] = field(default_factory=list)

    def sync(self, hub: Hub) -> bool:
        """Do what an edge does when it connects; return whether it was given what the hub has."""
        proof = self.trusted.whole_set() if self.trusted.release is not None else {}
        told = EdgeStanding(
            self.trusted.release.number if self.trusted.release is not None else 0,
            proof.get("timestamp", b"").decode(), proof.get("snapshot", b"").decode(), self.state_version, self.memory,
            self.is_revoked, self.trusted.root_bytes.decode(), next(iter(self.trusted.hub.urls), ""),
        )  # fmt: skip
        try:
            standing.take(hub, self.edge_id, told)
            with hub.database.reading() as session:
                edge = edges.let_in(session, self.edge_id)
                doubts.check_none(session, self.site_id, hub.clock())
                state = site_state.compile_state(session, hub.sealer, edge, hub.clock())
        except EdgeRefused:
            self.is_revoked = True
            return False
        except SiteInDoubt:
            return False
        assert state.version >= self.state_version, "no older rules of the guard"
        self.state_version = state.version
        self.memory = codec.from_json(HubMemory, bytes(state.parts["memory"])).sealed
        self._fetch(hub)
        return True

    def _fetch(self, hub: Hub) -> None:
        def metadata(name: str) -> bytes | None:
            with hub.database.reading() as session:
                return content._metadata(session, self.site_id, name)

        while (root := metadata(f"{self.trusted.root_version + 1}.root.json")) is not None:
            candidate = self.trusted.candidate()
            candidate.update_root(root)
            self.trusted = candidate
        timestamp = metadata("timestamp.json")
        if timestamp is None:
            assert self.trusted.release is None
            return
        candidate = self.trusted.candidate()
        if candidate.update_timestamp(timestamp, hub.clock()):
            candidate.update_snapshot(metadata(f"{candidate.snapshot_meta.version}.snapshot.json") or b"", hub.clock())
            name = f"{candidate.targets_meta.version}.targets.json"
            self.seen.append(candidate.update_targets(metadata(name) or b"", hub.clock()))
        self.trusted = candidate


class World:
    """One hub that is copied and lost, and its edges."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        init(folder / "hub-0", make_config(address="127.0.0.1", listen="127.0.0.1", people_port=0, device_port=0))
        self.data = DataFolder(folder / "hub-0")
        self.hub = open_hub(self.data)
        self.hub.device_url = "https://hub-0.example.org"
        with self.hub.change("test") as change:
            settings.put(change, self.hub.sealer, ORGANISATION, "sip_server", "sip.example.org")
        self.count = 0
        self.now = self.hub.clock()
        self.hub.clock = lambda: self.now
        self.copies: list[Path] = []
        self.edges: list[ModelEdge] = []
        self.told_of: set[str] = set()
        """Revoked edges of which some edge knows."""
        self.revoked: set[str] = set()

    def make_site(self, name: str, edges_there: int) -> None:
        with self.hub.change("test") as change:
            site = sites.create(change, self.hub.signers, name)
            mac = Mac.parse(f"001B54C2F{len(self.edges):03X}")
            phones.add(change, mac, site.id, "9971", "")
            lines.put(change, self.hub.sealer, mac, 1, lines.LineParts(name="201", label="first"))
        for _ in range(edges_there):
            self.enrol(site.id)

    def enrol(self, site_id: str) -> None:
        edge_id = f"edge-{len(self.edges):012x}"
        shown = Certificate(
            "1", f"fp-{edge_id}", f"key-{edge_id}", self.now, self.now + 3e7, EdgeIdentity(edge_id, site_id)
        )
        with self.hub.change(edge_id) as change:
            token, _secret = enrolment_tokens.create(change, site_id)
            edge_certificates.add(change, edges.admit(change, token, edge_id, shown, ("pi", "1")), shown)
            root = change.session.get_one(RoleMetadataRow, (site_id, "root", 1)).body
        self.edges.append(ModelEdge(edge_id, site_id, TrustedMetadata(site_id, root)))

    def edit(self, chance: random.Random) -> None:
        with self.hub.change("test") as change:
            phone = chance.choice(phones.find(change.session, None))
            parts = lines.LineParts(label=f"label {chance.randrange(10**6)}")
            lines.put(change, self.hub.sealer, Mac(phone.mac), 1, parts)

    def publish(self) -> None:
        publish.publish(self.hub, "test", with_diffs=False)

    def copy(self) -> None:
        self.copies.append(backup.make(self.data, self.folder / f"copy-{len(self.copies)}", LOCK).file)

    def lose(self, chance: random.Random) -> None:
        if not self.copies:
            return
        self.hub.close()
        self.count += 1
        restore.restore(chance.choice(self.copies[-2:]), self.folder / f"hub-{self.count}", KEY)
        self.data = DataFolder(self.folder / f"hub-{self.count}")
        self.hub = open_hub(self.data)
        self.hub.clock = lambda: self.now
        self.hub.device_url = f"https://hub-{self.count}.example.org"
        restore.begin_listening(self.hub)

    def revoke(self, chance: random.Random) -> None:
        left = [edge for edge in self.edges if edge.edge_id not in self.revoked]
        if len(left) < 3 or not self._knows(edge_id := chance.choice(left).edge_id):
            return
        with self.hub.change("test") as change:
            edges.revoke(change, edge_id, wipe=False)
            hub_memory.note(change, self.hub.sealer)
        self.revoked.add(edge_id)

    def sync(self, edge: ModelEdge) -> None:
        if not self._knows(edge.edge_id):
            return
        if edge.sync(self.hub):
            with self.hub.database.reading() as session:
                self.told_of |= {each for each in self.revoked if edges.get(session, each).revoked_at is not None}
        elif edge.is_revoked:
            self.told_of.add(edge.edge_id)

    def decide(self) -> None:
        with self.hub.database.reading() as session:
            in_doubt = sorted({each.site_id for each in doubts.find(session) if not each.edge_id})
        for site_id in in_doubt:
            publish.resume(self.hub, "test", site_id)

    def _knows(self, edge_id: str) -> bool:
        with self.hub.database.reading() as session:
            return session.get(EdgeRow, edge_id) is not None


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    with closing(made.hub):
        yield made
    made.hub.close()


def everybody_agrees(world: World) -> None:
    """Let the edges connect until nothing changes, a person decide, and compare."""
    world.now += restore.LISTENS_S + 1
    for _ in range(3):
        for edge in world.edges:
            world.sync(edge)
        world.decide()
    world.publish()
    renew_metadata(world.hub)  # as at each start
    for _ in range(2):
        for edge in world.edges:
            world.sync(edge)
    with world.hub.database.reading() as session:
        for edge in world.edges:
            row = edges.get(session, edge.edge_id)
            if edge.edge_id in world.told_of:
                assert row.revoked_at is not None, "a revoked edge is back"
            if row.revoked_at is not None:
                continue
            site = session.get_one(SiteRow, edge.site_id)
            assert edge.trusted.release is not None
            assert edge.trusted.release.number == site.newest_release
            assert edge.trusted.hub == world.hub.endpoints
            assert row.endpoints_digest == world.hub.endpoints.digest
            assert edge.trusted.release.targets == releases.newest_targets(session, [site.id])[site.id]


def move(world: World, chance: random.Random) -> None:
    world.hub.device_url = f"https://place-{chance.randrange(100)}.example.org"
    renew_metadata(world.hub)


def let_time_pass(world: World, chance: random.Random) -> None:
    world.now += chance.choice([30.0, restore.LISTENS_S + 1, 5 * DAY_S])
    renew_metadata(world.hub)


ACTS: Sequence[Callable[[World, random.Random], None]] = (
    World.edit,
    World.lose,
    World.revoke,
    let_time_pass,
    move,
    lambda world, _chance: world.publish(),
    lambda world, _chance: world.copy(),
    lambda world, _chance: world.decide(),
    *3 * (lambda world, chance: world.sync(chance.choice(world.edges)),),
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_edits_copies_losses_and_revocations_in_any_order_end_in_agreement(world: World, seed: int) -> None:
    chance = _chance(seed)
    for number in range(3):
        world.make_site(f"Site {number}", edges_there=chance.randint(1, 3))
    world.publish()
    world.copy()
    for _ in range(40):
        chance.choice(ACTS)(world, chance)
    everybody_agrees(world)


def test_an_edge_with_a_newer_release_keeps_it_until_a_person_decides(world: World) -> None:
    world.make_site("Anna", edges_there=1)
    (edge,) = world.edges
    world.publish()
    world.copy()
    world.edit(_chance(1))
    world.publish()
    world.sync(edge)
    newer = edge.trusted.release
    world.lose(_chance(1))
    world.now += restore.LISTENS_S + 1
    world.sync(edge)
    assert edge.trusted.release == newer
    with world.hub.database.reading() as session:
        (doubt,) = doubts.find(session)
    assert "has release 2, which the hub does not have: its newest is 1" in doubt.why
    assert "ringfence release resume anna" in doubt.to_do
    world.edit(_chance(2))
    world.publish()
    world.sync(edge)
    assert edge.trusted.release == newer, "publishing leaves the site out"
    assert publish.resume(world.hub, "test", "anna") == 3
    world.sync(edge)
    world.publish()
    world.sync(edge)
    assert edge.trusted.release is not None
    assert edge.trusted.release.number == 4


def test_a_loss_without_edits_since_the_copy_needs_nobody(world: World) -> None:
    world.make_site("Anna", edges_there=2)
    world.publish()
    world.copy()
    world.now += 5 * DAY_S
    renew_metadata(world.hub)
    for edge in world.edges:
        world.sync(edge)
    world.lose(_chance(1))
    with world.hub.database.reading() as session:
        assert len(doubts.find(session)) == 3, "the site, and two edges that have not told"
    for edge in world.edges:
        assert not edge.sync(world.hub), "first it only listens"
    world.now += restore.LISTENS_S + 1
    for edge in world.edges:
        assert edge.sync(world.hub)
    with world.hub.database.reading() as session:
        assert doubts.find(session) == []


def test_a_move_that_the_copy_lacks_does_not_keep_edges_from_the_next_one(world: World) -> None:
    world.make_site("Anna", edges_there=2)
    (ahead, behind) = world.edges
    world.publish()
    world.copy()
    for place in ("one", "two", "three"):
        world.hub.device_url = f"https://{place}.example.org"
        renew_metadata(world.hub)
    ahead.sync(world.hub)
    assert ahead.trusted.hub.urls == ("https://three.example.org",)
    world.lose(_chance(1))
    world.now += restore.LISTENS_S + 1
    for _ in range(2):
        ahead.sync(world.hub)
        behind.sync(world.hub)
    assert ahead.trusted.hub.urls == behind.trusted.hub.urls == ("https://hub-1.example.org",)
    assert behind.trusted.root_version == ahead.trusted.root_version == 5


def test_a_root_of_another_key_raises_nothing(world: World) -> None:
    world.make_site("Anna", edges_there=1)
    (edge,) = world.edges
    keys = signers()
    first = first_root("anna", keys, world.now, HubEndpoints(("https://evil.example.org",), (world.hub.authority.pem,)))
    told = EdgeStanding(root=next_root(first, "anna", keys, keys.root, world.now).decode(), hub_url="\x1b[31mhere")
    standing.take(world.hub, edge.edge_id, told)
    with world.hub.database.reading() as session:
        row = edges.get(session, edge.edge_id)
        assert (row.endpoints_digest, roots.newest(session, "anna").version) == ("", 1)
        assert "\x1b" not in row.hub_url


def test_a_revocation_after_the_copy_comes_back_with_any_edge_that_knows_of_it(world: World) -> None:
    world.make_site("Anna", edges_there=1)
    world.make_site("Berta", edges_there=1)
    stolen, other = world.edges
    world.publish()
    world.copy()
    world.sync(stolen)
    with world.hub.change("test") as change:
        edges.revoke(change, stolen.edge_id, wipe=False)
        hub_memory.note(change, world.hub.sealer)
    world.sync(other)
    world.lose(_chance(1))
    assert not stolen.sync(world.hub), "while the hub listens it gives nobody anything"
    world.sync(other)
    world.now += restore.LISTENS_S + 1
    assert not stolen.sync(world.hub)
    assert stolen.is_revoked


def test_an_edge_that_knows_that_it_was_revoked_says_so(world: World) -> None:
    world.make_site("Anna", edges_there=1)
    (edge,) = world.edges
    world.publish()
    world.copy()
    edge.is_revoked = True
    world.lose(_chance(1))
    world.sync(edge)
    with world.hub.database.reading() as session:
        assert edges.get(session, edge.edge_id).revoked_at is not None


@pytest.mark.parametrize("forged", ["", "x", "AAAA", "\N{BLACK HEART SUIT}"])
def test_a_memory_that_the_hub_did_not_give_changes_nothing(world: World, forged: str) -> None:
    world.make_site("Anna", edges_there=2)
    edge, other = world.edges
    edge.memory = forged
    world.sync(edge)
    with world.hub.database.reading() as session:
        assert edges.get(session, other.edge_id).revoked_at is None
