"""Concentrators: how they enrol, which peers they get, and that nobody takes one for an edge."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Engine, event

from ringfence.hub.fleet import concentrators, tunnel_peers
from ringfence.hub.store.guard_models import EdgeNetworkRow
from ringfence.hub.store.models import EdgeRow, SiteRow
from ringfence.hub.store.network_models import BoxRow, ConcentratorRow
from ringfence.identity.certificates import authority_id, make_request, validity
from ringfence.identity.errors import BadToken
from ringfence.identity.tokens import EnrolmentToken, TunnelToken
from ringfence.secret import Secret
from ringfence.wire import codec, paths
from ringfence.wire.messages import EnrolRequest, Event, RenewRequest, RenewResponse
from ringfence.wire.network_messages import BoxStanding, NetworkReach
from ringfence.wire.tunnel_messages import (
    MOST_PEERS,
    TunnelAnswer,
    TunnelEnrolRequest,
    TunnelEnrolResponse,
    TunnelPeer,
    TunnelPeers,
    TunnelStanding,
)
from support.boxes_in_hand import BoxInHand, key
from support.running_concentrator import RunningConcentrator
from support.running_hub import Answer, RunningHub, answer_of, events_of

_numbers = itertools.count(1)


class ConcentratorInHand:
    """An enrolled concentrator as a test holds it."""

    def __init__(self, running: RunningHub, folder: Path, name: str = "") -> None:
        self.running, self.name = running, name or f"Concentrator {next(_numbers)}"
        self.key = ec.generate_private_key(ec.SECP256R1())
        made = running.do("POST", "/concentrators", {"name": self.name})
        answer = enrol(running, TunnelToken.from_text(made["token"]).secret, self.key)
        assert answer.status == 200, answer.data
        self.response = codec.from_json(TunnelEnrolResponse, answer.data)
        self.id = self.response.concentrator_id
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.pool = running.device_pool(folder, self.key, self.response.certificate_pem)

    def get(self, path: str) -> Answer:
        return answer_of(self.pool.request("GET", path))

    def post(self, path: str, message: object) -> Answer:
        return answer_of(self.pool.request("POST", path, body=codec.to_json(message)))

    def peers(self, since: TunnelPeers | None = None) -> TunnelPeers:
        query = "" if since is None else f"?since={since.version}&epoch={since.epoch}"
        answer = self.get(paths.TUNNEL_PEERS + query)
        assert answer.status == 200, answer.data
        return codec.from_json(TunnelPeers, answer.data)

    def tell(self, **told: object) -> Answer:
        usual = {"at": 1.0, "endpoint": "192.0.2.1:51820", "public_key": key(self.name)}
        return self.post(paths.TUNNEL_STANDING, TunnelStanding(**{**usual, **told}))  # type: ignore[arg-type]  # its own

    @contextlib.contextmanager
    def events(self) -> Iterator[Iterator[Event]]:
        response: urllib3.BaseHTTPResponse = self.pool.request("GET", paths.TUNNEL_EVENTS, preload_content=False)
        assert response.status == 200, response.read()
        try:
            yield events_of(response)
        finally:
            response.close()


def enrol(running: RunningHub, secret: Secret, key: ec.EllipticCurvePrivateKey) -> Answer:
    asked = TunnelEnrolRequest(secret, make_request(key, "concentrator"), "0.1.0", "beside-the-pbx")
    return running.stranger("POST", paths.TUNNEL_ENROL, codec.to_json(asked))


@pytest.fixture
def end(running: RunningHub, tmp_path: Path) -> Iterator[ConcentratorInHand]:
    end = ConcentratorInHand(running, tmp_path / "concentrator")
    yield end
    running.ask("DELETE", f"/concentrators/{end.id}")


@pytest.fixture
def box(running: RunningHub, tmp_path: Path) -> BoxInHand:
    return BoxInHand(running, running.site(f"Tunnel {next(_numbers)}"), tmp_path / "edge")


def peer_of(peers: TunnelPeers, box: BoxInHand) -> TunnelPeer | None:
    return next((each for each in peers.peers if each.edge == box.id), None)


def test_a_token_lets_one_concentrator_in_once(running: RunningHub) -> None:
    made = running.do("POST", "/concentrators", {"name": "Once", "networks": ["192.0.2.0/24"]})
    shown = made["concentrator"]
    assert (shown["networks"], shown["enrolled_at"]) == (["192.0.2.0/24"], None)
    assert running.newest_action() == ("tunnel.allow", shown["id"])
    secret = TunnelToken.from_text(made["token"]).secret
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    newer = running.do("POST", "/concentrators", {"name": "Once"})
    assert newer["concentrator"]["id"] == shown["id"]
    assert enrol(running, secret, keys[0]).problem.kind == "token-revoked"
    secret = TunnelToken.from_text(newer["token"]).secret
    with running.clock.forward(concentrators.TOKEN_LIFETIME_S + 1):
        assert enrol(running, secret, keys[0]).problem.kind == "token-expired"
    assert enrol(running, secret, keys[0]).status == 200
    assert running.newest_action() == ("tunnel.enrol", shown["id"])
    assert enrol(running, secret, keys[1]).problem.kind == "token-used"
    assert enrol(running, Secret("x" * 32), keys[1]).problem.kind == "token-wrong"
    everything = running.raw("GET", "/api/v1/audit?limit=9").data + running.raw("GET", "/api/v1/concentrators").data
    assert secret.reveal().encode() not in everything
    running.do("DELETE", f"/concentrators/{shown['id']}")


def test_neither_token_nor_certificate_is_good_for_the_other_kind(
    running: RunningHub, end: ConcentratorInHand, box: BoxInHand
) -> None:
    of_edge = running.token_for(box.site)
    of_tunnel = TunnelToken.from_text(running.do("POST", "/concentrators", {"name": end.name})["token"])
    with pytest.raises(BadToken):
        EnrolmentToken.from_text(of_tunnel.to_text())
    with pytest.raises(BadToken):
        TunnelToken.from_text(of_edge.to_text())
    assert enrol(running, of_edge.secret, end.key).problem.kind == "token-wrong"
    asked = EnrolRequest(of_tunnel.secret, make_request(end.key, "edge"), "0.1.0")
    assert running.stranger("POST", paths.ENROL, codec.to_json(asked)).problem.kind == "token-wrong"
    for path in (paths.STATE, paths.GREETING, paths.EVENTS, paths.GUARD, paths.METADATA + "timestamp.json"):
        assert end.get(path).problem.kind == "certificate-missing", path
    assert end.post(paths.BOX, BoxStanding(1.0)).problem.kind == "certificate-missing"
    assert end.post(paths.RENEW, RenewRequest("x")).problem.kind == "certificate-missing"
    for path in (paths.TUNNEL_PEERS, paths.TUNNEL_EVENTS):
        assert box.hand.get(path).problem.kind == "certificate-missing", path
        assert running.stranger("GET", path).status == 401
    for path, message in (
        (paths.TUNNEL_STANDING, TunnelStanding(1.0, "192.0.2.1:1", key("x"))), (paths.TUNNEL_RENEW, RenewRequest("x")),
    ):  # fmt: skip
        assert box.hand.post(path, message).problem.kind == "certificate-missing"


def test_a_certificate_is_renewed_for_its_own_key(running: RunningHub, end: ConcentratorInHand) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    assert end.post(paths.TUNNEL_RENEW, RenewRequest(make_request(other, "x"))).problem.kind == "certificate-unknown"
    with running.clock.forward(31 * 86_400):
        assert end.get(paths.TUNNEL_PEERS).problem.kind == "certificate-expired"
        answer = end.post(paths.TUNNEL_RENEW, RenewRequest(make_request(end.key, "x")))
        assert answer.status == 200, answer.data
        pem = codec.from_json(RenewResponse, answer.data).certificate_pem
        end.pool = running.device_pool(end.folder, end.key, pem)
        assert end.get(paths.TUNNEL_PEERS).status == 200
    with running.clock.forward((30 + 365 + 31) * 86_400):
        kind = end.post(paths.TUNNEL_RENEW, RenewRequest(make_request(end.key, "x"))).problem.kind
        assert kind == "certificate-expired"


def test_who_enrols_again_takes_the_place_of_who_was_there(
    running: RunningHub, end: ConcentratorInHand, tmp_path: Path
) -> None:
    with end.events() as events:
        assert next(events).kind == "greeting"
        again = ConcentratorInHand(running, tmp_path / "again", end.name)
        assert again.id == end.id
        assert next(events).kind == "revoked"
    assert end.get(paths.TUNNEL_PEERS).problem.kind == "certificate-unknown"
    assert again.get(paths.TUNNEL_PEERS).status == 200


@pytest.mark.usefixtures("never_looking")
def test_a_box_is_a_peer_at_once_and_a_revoked_one_is_none(
    running: RunningHub, end: ConcentratorInHand, box: BoxInHand
) -> None:
    with end.events() as events:
        assert next(events).kind == "greeting"
        before = end.peers()
        assert before.is_whole
        assert peer_of(before, box) is None
        subnet = box.told(public_key=key("peer"), next_public_key=key("next peer")).subnet
        assert next(events).kind == "state"
        news = end.peers(before)
        assert (news.is_whole, news.gone) == (False, ())
        assert news.peers == (TunnelPeer(box.id, key("peer"), subnet, key("next peer")),)
        running.do("PATCH", f"/sites/{box.site}/network", {"reach": ["udp:5060@192.0.2.10"]})
        assert next(events).kind == "state"
        (peer,) = end.peers(news).peers
        assert peer.reach == (NetworkReach("192.0.2.10/32", "udp", 5060, 5060),)
        news = end.peers(news)
        assert (end.peers(news).peers, end.peers(news).gone) == ((), ())
        running.do("POST", f"/edges/{box.id}/revoke", {})
        assert next(events).kind == "state"
        last = end.peers(news)
        assert (last.peers, last.gone) == ((), (box.id,))
    assert peer_of(end.peers(), box) is None


def test_an_edge_that_is_held_back_is_no_peer(running: RunningHub, end: ConcentratorInHand, box: BoxInHand) -> None:
    box.told(public_key=key("held"))
    before = end.peers()
    assert peer_of(before, box) is not None
    running.do("PATCH", f"/sites/{box.site}/guard", {"edge_moves": "hold"})
    with running.hub.change("test") as change:
        network = change.session.get_one(EdgeRow, box.id).network
        change.session.get_one(EdgeNetworkRow, (box.id, network)).accepted = False
    held = end.peers(before)
    assert held.gone == (box.id,)
    running.do("POST", f"/edges/{box.id}/accept", {})
    assert peer_of(end.peers(held), box) is not None


def test_where_a_site_is_removed_all_peers_are_read_again(
    running: RunningHub, end: ConcentratorInHand, box: BoxInHand
) -> None:
    box.told(public_key=key("of a removed site"))
    before = end.peers()
    running.do("POST", f"/edges/{box.id}/revoke", {})
    running.do("DELETE", f"/sites/{box.site}")
    after = end.peers(before)
    assert after.is_whole
    assert peer_of(after, box) is None
    assert not end.peers(after).is_whole


@pytest.mark.parametrize("query", ["?since=999999&epoch=first", "?since=1&epoch=another", "?since=0"])
def test_a_version_of_another_hub_gets_everything(end: ConcentratorInHand, query: str) -> None:
    assert codec.from_json(TunnelPeers, end.get(paths.TUNNEL_PEERS + query).data).is_whole


@pytest.mark.parametrize("since", ["x", "-1", "1" * 30, "%C2%B2"])
def test_a_version_that_is_no_number_is_refused(end: ConcentratorInHand, since: str) -> None:
    assert end.get(f"{paths.TUNNEL_PEERS}?since={since}").status == 400


def test_boxes_are_told_where_concentrators_are(
    running: RunningHub, end: ConcentratorInHand, box: BoxInHand, tmp_path: Path
) -> None:
    second = ConcentratorInHand(running, tmp_path / "second")
    before = box.told(public_key=key("knows ends")).version
    assert second.tell(endpoint="VPN.example.org:51820").status == 200
    assert end.tell(next_public_key=key("soon"), handshakes={box.id: 2.0, "edge-nobody": 3.0}).status == 200
    running.do("PATCH", f"/concentrators/{end.id}", {"networks": ["192.0.2.0/24"], "position": 900})
    rules = box.rules()
    assert rules is not None
    assert rules.version > before
    assert [(each.id, each.endpoint) for each in rules.concentrators] == [
        (second.id, "vpn.example.org:51820"), (end.id, "192.0.2.1:51820"),
    ]  # fmt: skip
    last = rules.concentrators[1]
    assert (last.public_key, last.next_public_key, last.networks) == (key(end.name), key("soon"), ("192.0.2.0/24",))
    shown = running.do("GET", f"/concentrators/{end.name}")
    assert (shown["boxes"], shown["newest_handshake_at"]) == (1, 2.0)
    running.do("DELETE", f"/concentrators/{second.id}")
    rules = box.rules()
    assert rules is not None
    assert [each.id for each in rules.concentrators] == [end.id]
    assert second.get(paths.TUNNEL_PEERS).problem.kind == "certificate-unknown"


@pytest.mark.parametrize(
    "told",
    [
        {"endpoint": ""}, {"endpoint": "x"}, {"endpoint": "x:0"}, {"endpoint": "x:99999"}, {"endpoint": "a b:1"},
        {"endpoint": "user@x:1"}, {"endpoint": "x:1/path"}, {"endpoint": "x:1?y"}, {"endpoint": "[x:1"},
        {"public_key": "x"}, {"next_public_key": "x"},
        {"handshakes": {f"edge-{number}": 1.0 for number in range(50_001)}},
    ],
)  # fmt: skip
def test_what_no_concentrator_can_tell_is_refused_and_changes_nothing(
    running: RunningHub, end: ConcentratorInHand, told: dict[str, object]
) -> None:
    assert end.tell().status == 200
    with running.clock.stopped():
        before = running.do("GET", f"/concentrators/{end.id}")
        assert end.tell(**told).status == 400
        assert running.do("GET", f"/concentrators/{end.id}") == before


def test_a_key_is_one_ends_or_one_boxs(running: RunningHub, end: ConcentratorInHand, box: BoxInHand) -> None:
    assert end.tell().status == 200
    assert box.tell(public_key=key(end.name)).problem.what == "this public key is another's"
    box.told(public_key=key("a box's own"))
    assert end.tell(public_key=key("a box's own")).problem.what == "this public key is another's"
    assert end.tell(public_key=key("another")).status == 200
    assert running.newest_action() == ("tunnel.key", end.id)
    box.told(public_key=key(end.name))


def test_with_many_boxes_a_change_costs_what_it_changes(
    running: RunningHub, end: ConcentratorInHand, box: BoxInHand
) -> None:
    """A thousand boxes at a thousand sites: the delta has one of them, by a few statements; all come in parts."""
    with running.hub.change("test") as change:
        for number in range(1000):
            name = f"many-{number:04}"
            change.session.add(SiteRow(id=name, name=name, created_at=0.0, guard_version=1))
            change.session.flush()
            of_key = {"key_fingerprint": name, "certificate_serial": name, "certificate_fingerprint": name}
            edge = EdgeRow(id=f"edge-{name}", site_id=name, enrolled_at=0.0, certificate_ends_at=0.0, **of_key)
            change.session.add(edge)
            change.session.flush()
            its = {"subnet": f"10.9.{number // 32}.{number % 32 * 8}/29", "public_key": key(name)}
            change.session.add(BoxRow(edge_id=edge.id, site_id=name, day_began_at=0.0, **its))
    box.told(public_key=key("one of many"))
    first = end.peers()
    assert len(first.peers) <= MOST_PEERS
    rest = codec.from_json(TunnelPeers, end.get(f"{paths.TUNNEL_PEERS}?after={first.after}").data)
    assert (rest.is_whole, rest.after) == (True, "")
    names = [each.edge for each in (*first.peers, *rest.peers)]
    assert len(names) == len(set(names)) > 1000
    with all_statements() as asked, running.hub.database.reading() as session:
        found = tunnel_peers.read(session)
    everything = len(asked)
    assert len(found.peers) > 900
    running.do("PATCH", "/sites/many-0500/network", {"reach": ["udp:5060@192.0.2.10"]})
    with all_statements() as asked, running.hub.database.reading() as session:
        delta = tunnel_peers.read(session, first.version, first.epoch)
    assert [each.edge for each in delta.peers] == ["edge-many-0500"]
    assert len(asked) <= everything < 30, "as many statements as for all of them"


@contextlib.contextmanager
def all_statements() -> Iterator[list[object]]:
    """Note what this thread asks of databases, and not what the hub does beside it."""
    asked: list[object] = []
    here = threading.get_ident()

    def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        if threading.get_ident() == here:
            asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.needs("wireguard")
def test_one_that_was_away_past_its_certificates_end_gets_the_next_by_itself(
    running: RunningHub, tmp_path: Path
) -> None:
    made = running.do("POST", "/concentrators", {"name": "Late"})
    late = RunningConcentrator(tmp_path / "concentrator", made["token"])
    before = late.certificate
    ends_in_s = validity(before)[1] - running.clock()

    def row() -> dict[str, Any]:
        return next(each for each in running.do("GET", "/concentrators")["items"] if each["name"] == "Late")

    with running.clock.forward(ends_in_s + 3600), late.running():
        until(lambda: late.certificate != before)
        until(lambda: row()["connected"])
    assert "The certificate was renewed." in late.said
    assert not any("expired" in each for each in late.said)
    running.do("DELETE", f"/concentrators/{made['concentrator']['id']}")


def test_where_the_hub_is_is_told_to_whoever_does_not_know_it(running: RunningHub, end: ConcentratorInHand) -> None:
    known = running.hub.endpoints
    told = codec.from_json(TunnelAnswer, end.tell().data)
    assert (told.hub_urls, told.hub_authorities) == (known.urls, known.authorities)
    told = codec.from_json(TunnelAnswer, end.tell(endpoints_digest=known.digest, hub_url=known.urls[0]).data)
    assert (told.hub_urls, told.hub_authorities) == ((), ())
    assert end.tell(endpoints_digest="x" * 5000, hub_url="y" * 5000).status == 200
    with running.hub.database.reading() as session:
        row = session.get_one(ConcentratorRow, end.id)
        assert (len(row.endpoints_digest), len(row.hub_url)) == (64, 300)
        assert row.issuer == authority_id(running.hub.issuer.certificate)
