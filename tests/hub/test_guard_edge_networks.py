"""An edge that moves."""

from pathlib import Path
from urllib.parse import urlsplit

import urllib3

from ringfence.content.trust import TrustedMetadata
from ringfence.hub.fleet import edges
from ringfence.hub.fleet.guard import edge_networks
from ringfence.hub.publishing import releases
from ringfence.identity.certificates import make_request
from ringfence.wire import codec, paths
from ringfence.wire.messages import RenewRequest, SiteState
from support.reporting_edge import ReportingEdge, alerts
from support.running_hub import EdgeInHand, RunningHub, answer_of


def stands_at(running: RunningHub, edge: ReportingEdge, host: str) -> str:
    """Let an edge connect from an address, and return why it holds files back then."""
    edge_id = edge.hand.response.edge_id
    with running.hub.change(edge_id) as change:
        edge_networks.note(change, edges.get(change.session, edge_id), host)
    with running.hub.database.reading() as session:
        return edge_networks.why_held(session, edges.get(session, edge_id), host)


def test_an_edge_that_moves_is_told_of_by_default_and_serves_on(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Moves")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    assert edge.rules().held == ""
    assert alerts(running, site) == [], "the first network is where it belongs"
    assert stands_at(running, edge, "198.51.100.7") == ""
    ((kind, subject, _count),) = alerts(running, site)
    assert (kind, subject) == ("edge-moved", edge.hand.response.edge_id)
    assert stands_at(running, edge, "127.0.0.1") == ""
    assert stands_at(running, edge, "198.51.100.250") == ""
    assert [count for _kind, _subject, count in alerts(running, site)] == [1], "the same /24 is no news"


def test_a_stolen_edge_gives_no_phones_file_until_a_person_accepts_it(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Stolen")
    running.do("PATCH", f"/sites/{site}/guard", {"edge_moves": "hold"})
    edge, spare = ReportingEdge(running, site, tmp_path / "edge"), ReportingEdge(running, site, tmp_path / "spare")
    assert (edge.rules().held, spare.rules().held) == ("", "")
    edge_id = edge.hand.response.edge_id
    held = stands_at(running, edge, "2001:db8:77::5")
    assert "2001:db8:77::/56" in held
    assert edge_id in held
    assert spare.rules().held == "", "the spare one stands where it stood"
    assert edge.rules().held == "", "and so does the one at home, whatever its copy does elsewhere"
    assert stands_at(running, edge, "127.0.0.1") == "", "it is back"
    assert stands_at(running, edge, "2001:db8:77::5"), "and that network is still not accepted"
    assert running.do("POST", f"/edges/{edge_id}/accept")["networks"] == ["2001:db8:77::/56"]
    assert running.newest_action() == ("edge.accept", edge_id)
    assert stands_at(running, edge, "2001:db8:77::5") == ""
    assert alerts(running, site) == []
    with running.clock.forward(91 * 86_400):
        assert stands_at(running, edge, "127.0.0.1"), "after 90 days nobody remembers it"


def test_edge_moves_can_be_ignored(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Ignored")
    running.do("PATCH", f"/sites/{site}/guard", {"edge_moves": "ignore"})
    edge = ReportingEdge(running, site, tmp_path / "edge")
    edge.rules()
    assert stands_at(running, edge, "198.51.100.7") == ""
    assert alerts(running, site) == []


def test_the_hub_itself_gives_a_thief_with_the_disk_nothing_secret(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Thief")
    running.phone(site, "00:1B:54:C2:7A:01")
    running.do("PATCH", f"/sites/{site}/guard", {"edge_moves": "hold"})
    running.publish(sites=[site])
    edge = running.enrol(site, tmp_path / "edge")
    trusted = TrustedMetadata(site, edge.response.root_metadata.encode())
    assert edge.get(paths.METADATA + "timestamp.json").status == 200
    with running.hub.database.reading() as session:
        (file,) = releases.newest_targets(session, [site])[site]
    thief = elsewhere(edge)
    for _ in range(2):  # also before the hub has noted where it is
        for path in (paths.METADATA + "timestamp.json", f"{paths.METADATA}{trusted.root_version}.root.json"):
            refused = answer_of(thief.request("GET", path))
            assert (refused.status, refused.problem.kind) == (403, "edge-moved")
    assert thief.request("GET", paths.BLOBS + file.digest).status == 404
    renewal = codec.to_json(RenewRequest(make_request(edge.key, "edge")))
    assert answer_of(thief.request("POST", paths.RENEW, body=renewal)).problem.kind == "edge-moved"
    state = codec.from_json(SiteState, thief.request("GET", paths.STATE).data)
    assert b"001B54C27A01" not in bytes(state.parts["guard"]), "not even which phones there are"
    assert edge.get(paths.BLOBS + file.digest).status == 200, "the one at home goes on"
    running.do("POST", f"/edges/{edge.response.edge_id}/accept")
    assert thief.request("GET", paths.BLOBS + file.digest).status == 200


def elsewhere(edge: EdgeInHand) -> urllib3.HTTPSConnectionPool:
    """The edge's key and certificate, in another network."""
    address = urlsplit(edge.hub.device_url)
    context = edge.hub.device_context()
    context.load_cert_chain(edge.folder / "certificate.pem", edge.folder / "key.pem")
    return urllib3.HTTPSConnectionPool(
        str(address.hostname), address.port, ssl_context=context, retries=False, source_address=("127.0.77.7", 0)
    )
