"""Edges' keys for phones by HTTPS: who may offer one, what becomes of it, and what people see of it."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from hub.test_guard_edge_networks import elsewhere
from ringfence.hub.fleet.edge_tls_keys import MOST_A_DAY
from ringfence.hub.phone_services.messages import CertificateAsked, Verified
from ringfence.hub.phone_services.tvs_desk import TvsDesk
from ringfence.identity.certificates import read_certificate
from ringfence.phones.mac import Mac
from ringfence.phones.trust.roles import TrustRole
from ringfence.wire import codec, paths
from ringfence.wire.edge_tls_messages import EdgeTlsAnswer, EdgeTlsOffer, EdgeTlsOrder
from ringfence.wire.messages import SiteState, StatePart
from support.edge_tls import offered
from support.running_hub import EdgeInHand, RunningHub


def order(edge: EdgeInHand) -> EdgeTlsOrder:
    state = codec.from_json(SiteState, edge.get(paths.STATE).data)
    return codec.from_json(EdgeTlsOrder, bytes(state.parts[StatePart.EDGE_TLS]))


def offer(edge: EdgeInHand, serial: int = 0x71, *, edge_id: str = "") -> str:
    told = offered(edge_id or edge.response.edge_id, edge.hub.clock(), serial)
    answer = edge.post(paths.EDGE_TLS, told)
    assert answer.status == 200, answer.data
    return codec.from_json(EdgeTlsAnswer, answer.data).fingerprint


@pytest.fixture
def site(running: RunningHub, request: pytest.FixtureRequest) -> str:
    return running.site(request.node.name[-30:].replace("_", " "))


@pytest.fixture
def edge(running: RunningHub, site: str, tmp_path: Path) -> EdgeInHand:
    return running.enrol(site, tmp_path / "edge")


def tls_key(running: RunningHub, edge: EdgeInHand) -> list[tuple[str, str]]:
    shown = running.do("GET", f"/edges/{edge.response.edge_id}/tls-key")
    return [(key["fingerprint"], key["state"]) for key in shown["keys"]]


def test_an_edge_makes_a_key_once_a_setting_asks_for_it_and_hears_of_it_at_once(
    running: RunningHub, site: str, edge: EdgeInHand
) -> None:
    def version() -> int:
        return codec.from_json(SiteState, edge.get(paths.STATE).data).version

    before = version()
    assert order(edge) == EdgeTlsOrder()
    running.do("PUT", f"/settings/sites/{site}/trust_transport", {"value": "https"})
    assert version() > before
    assert (order(edge).wanted, order(edge).fingerprint) == (True, "")
    name = offer(edge)
    assert offer(edge, 0x72) != name  # it has made another one: the first stays in use
    assert order(edge).fingerprint == name
    assert tls_key(running, edge)[0] == (name, "current")
    assert running.newest_action() == ("edge.tls-key", edge.response.edge_id)


def test_what_an_edge_can_t_offer_is_refused(running: RunningHub, edge: EdgeInHand, tmp_path: Path) -> None:
    other = running.enrol(running.site("Another one"), tmp_path / "other")
    for told in (
        EdgeTlsOffer(""), EdgeTlsOffer("x" * 3000), offered(other.response.edge_id, running.clock()),
        offered(edge.response.edge_id, running.clock() + 40 * 86_400),
    ):  # fmt: skip
        assert edge.post(paths.EDGE_TLS, told).status == 400
    assert edge.post(paths.EDGE_TLS, EdgeTlsOffer("x" * 9000)).status in {400, 413}
    assert tls_key(running, edge) == []


def test_an_edge_that_is_held_back_or_revoked_offers_nothing(running: RunningHub, site: str, edge: EdgeInHand) -> None:
    running.do("PATCH", f"/sites/{site}/guard", {"edge_moves": "hold"})
    running.do("PUT", f"/settings/sites/{site}/trust_transport", {"value": "https"})
    name = offer(edge)
    there = elsewhere(edge)
    told = codec.to_json(offered(edge.response.edge_id, running.clock(), 0x72))
    assert there.request("POST", paths.EDGE_TLS, body=told).status == 403
    state = codec.from_json(SiteState, there.request("GET", paths.STATE).data)
    assert codec.from_json(EdgeTlsOrder, bytes(state.parts[StatePart.EDGE_TLS])) == EdgeTlsOrder()
    running.do("POST", f"/edges/{edge.response.edge_id}/revoke", {})
    assert edge.post(paths.EDGE_TLS, offered(edge.response.edge_id, running.clock(), 0x72)).status == 403
    assert name
    assert tls_key(running, edge) == []


def test_an_edge_that_makes_key_after_key_is_soon_refused(running: RunningHub, edge: EdgeInHand) -> None:
    def told(number: int) -> EdgeTlsOffer:
        return offered(edge.response.edge_id, running.clock(), 0x200 + number, replaces=True)

    for number in range(MOST_A_DAY):
        assert edge.post(paths.EDGE_TLS, told(number)).status == 200
    kept = tls_key(running, edge)
    refused = edge.post(paths.EDGE_TLS, told(MOST_A_DAY))
    assert (refused.status, "within a day" in refused.problem.what) == (400, True)
    assert tls_key(running, edge) == kept
    with running.clock.forward(86_401):
        assert edge.post(paths.EDGE_TLS, told(MOST_A_DAY)).status == 200


def test_people_ask_for_another_key(running: RunningHub, edge: EdgeInHand) -> None:
    path = f"/edges/{edge.response.edge_id}/tls-key/renew"
    assert running.ask("POST", path, {}).status == 404
    name = offer(edge)
    assert "another key is asked for" in running.do("POST", path, {})["sentence"].lower()
    assert running.newest_action() == ("edge.tls-renew", edge.response.edge_id)
    assert order(edge).renews
    offer(edge, 0x72)
    assert (order(edge).renews, order(edge).fingerprint) == (False, name)
    assert [state for _name, state in tls_key(running, edge)] == ["current", "next"]


def test_tvs_vouches_for_an_edge_s_key_at_its_own_site_alone(running: RunningHub, site: str, edge: EdgeInHand) -> None:
    there = running.site("Elsewhere")
    phone, other = Mac("001B54C2D0B1"), Mac("001B54C2D0B2")
    running.phone(site, str(phone))
    running.phone(there, str(other))
    told = offered(edge.response.edge_id, running.clock())
    assert edge.post(paths.EDGE_TLS, told).status == 200
    der = read_certificate(told.certificate).public_bytes(Encoding.DER)

    def vouched(where: str, mac: Mac) -> tuple[int, ...]:
        answer = TvsDesk(running.hub, where, mac).answer(CertificateAsked(1, f"SEP{mac.bare}", der))
        assert isinstance(answer, Verified)
        return tuple(answer.roles)

    assert vouched(site, phone) == (TrustRole.TFTP,)
    assert vouched(there, other) == ()
    assert vouched(site, other) == ()
