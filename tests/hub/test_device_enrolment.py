import ssl
import threading
from pathlib import Path

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.content.trust import TrustedMetadata
from ringfence.hub.data.authority import new_authority
from ringfence.hub.fleet.edge_certificates import CHANGES_OVER_S, MOST_A_DAY, NOTED_EVERY_S
from ringfence.hub.store.models import EdgeRow, UnknownEdgeRow
from ringfence.identity.certificates import (
    DAY_S,
    EDGE_LIFETIME_S,
    EdgeIdentity,
    fingerprint,
    make_request,
    read_certificate,
    read_identity,
    read_request,
    to_pem,
)
from ringfence.identity.tokens import EnrolmentToken
from ringfence.secret import Secret
from ringfence.wire import codec, paths
from ringfence.wire.messages import (
    EnrolRequest,
    Greeting,
    RenewRequest,
    ReportBatch,
)
from support.reporting_edge import alerts
from support.running_hub import RunningHub


def test_a_token_lets_one_edge_in_and_gives_it_certificate_and_root(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Enrolment one")
    edge = running.enrol(site, tmp_path / "edge")
    identity = read_identity(read_certificate(edge.response.certificate_pem))
    assert identity == EdgeIdentity(edge.response.edge_id, site)
    assert TrustedMetadata(site, edge.response.root_metadata.encode()).root_version == 1
    greeting = codec.from_json(Greeting, edge.get(paths.GREETING).data)
    assert (greeting.edge_id, greeting.site_id, greeting.site_name, greeting.release) == (
        edge.response.edge_id,
        site,
        "Enrolment one",
        0,
    )
    (listed,) = running.do("GET", f"/edges?site={site}")["items"]
    assert (listed["id"], listed["hostname"], listed["version"]) == (identity.edge_id, "pi-in-the-hall", "0.1.0")


def test_the_token_names_this_hub_and_its_authority(running: RunningHub) -> None:
    token = running.token_for(running.site("Token site"))
    assert token.hub_url == running.device_url
    served = running.stranger("GET", paths.AUTHORITY).data.decode()
    assert fingerprint(read_certificate(served)) == token.authority_fingerprint
    assert token.expires_at == pytest.approx(running.clock() + 24 * 3600, abs=10)


def test_a_wrong_token_is_refused_by_name(running: RunningHub) -> None:
    answer = running.ask_to_enrol(Secret("no-such-secret"))
    assert (answer.status, answer.problem.kind) == (403, "token-wrong")


def test_a_token_of_another_hub_is_refused_by_name(running: RunningHub) -> None:
    foreign = Secret("x" * 32)  # another hub's secret is one that this hub never made
    assert running.ask_to_enrol(foreign).problem.kind == "token-wrong"


def test_a_used_token_is_refused_by_name(running: RunningHub) -> None:
    secret = running.token_for(running.site("Used token")).secret
    assert running.ask_to_enrol(secret).status == 200
    answer = running.ask_to_enrol(secret)
    assert (answer.status, answer.problem.kind) == (403, "token-used")
    assert "ringfence site token" in answer.problem.to_do


def test_an_expired_token_is_refused_by_name(running: RunningHub) -> None:
    secret = running.token_for(running.site("Late token")).secret
    with running.clock.forward(24 * 3600 + 1):
        assert running.ask_to_enrol(secret).problem.kind == "token-expired"


def test_a_revoked_token_is_refused_by_name(running: RunningHub) -> None:
    made = running.do("POST", f"/sites/{running.site('Revoked token')}/tokens")
    running.do("DELETE", f"/tokens/{made['id']}")
    assert running.ask_to_enrol(EnrolmentToken.from_text(made["token"]).secret).problem.kind == "token-revoked"


def test_of_eight_simultaneous_uses_of_a_token_one_wins(running: RunningHub) -> None:
    site = running.site("Race")
    secret = running.token_for(site).secret
    start, kinds = threading.Barrier(8), list[str]()

    def use() -> None:
        start.wait()
        answer = running.ask_to_enrol(secret)
        kinds.append("in" if answer.status == 200 else answer.problem.kind)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kinds) == ["in", *["token-used"] * 7]
    assert len(running.do("GET", f"/edges?site={site}")["items"]) == 1


def test_a_broken_certificate_request_does_not_use_the_token_up(running: RunningHub) -> None:
    secret = running.token_for(running.site("Broken request")).secret
    answer = running.stranger("POST", paths.ENROL, codec.to_json(EnrolRequest(secret, "not a request", "0.1.0")))
    assert (answer.status, answer.problem.kind) == (400, "bad-request")
    assert running.ask_to_enrol(secret).status == 200


def test_a_message_that_is_none_is_refused(running: RunningHub) -> None:
    assert running.stranger("POST", paths.ENROL, b"{}").problem.kind == "bad-request"
    assert running.stranger("POST", paths.ENROL, b"\xff").problem.kind == "bad-request"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", paths.GREETING),
        ("POST", paths.RENEW),
        ("GET", paths.METADATA + "timestamp.json"),
        ("GET", paths.BLOBS + "0" * 64),
        ("GET", paths.EVENTS),
        ("POST", paths.REPORTS),
    ],
)
def test_without_a_certificate_nothing_but_enrolment_answers(running: RunningHub, method: str, path: str) -> None:
    csr = make_request(ec.generate_private_key(ec.SECP256R1()), "edge")
    bodies = {paths.RENEW: codec.to_json(RenewRequest(csr)), paths.REPORTS: codec.to_json(ReportBatch())}
    answer = running.stranger(method, path, bodies.get(path))
    assert (answer.status, answer.problem.kind) == (401, "certificate-missing")


def test_a_header_does_not_stand_in_for_a_certificate(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Header"), tmp_path / "edge")
    pem = edge.response.certificate_pem.replace("\n", "")
    pool = running._pool(running.device_url, running.device_context())
    answer = pool.request("GET", paths.GREETING, headers={"Client-Cert": f":{pem}:", "X-Client-Cert": pem})
    assert answer.status == 403
    answer = pool.request("GET", paths.GREETING, headers={"X-Client-Cert": pem})
    assert answer.status == 401


def test_a_certificate_of_another_authority_fails_the_handshake(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Other authority"), tmp_path / "edge")
    other = new_authority("Somebody else", running.clock())
    identity = read_identity(read_certificate(edge.response.certificate_pem))
    forged = other.issue_edge(read_request(make_request(edge.key, "edge")), identity, running.clock())
    edge.use(to_pem(forged))
    with pytest.raises((urllib3.exceptions.HTTPError, ssl.SSLError)):
        edge.get(paths.GREETING)


def test_a_certificate_of_ours_that_no_edge_has_is_refused(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Unknown certificate"), tmp_path / "edge")
    identity = EdgeIdentity("edge-nobody", edge.response.site_id)
    issued = running.hub.authority.issue_edge(read_request(make_request(edge.key, "edge")), identity, running.clock())
    edge.use(to_pem(issued))
    answer = edge.get(paths.GREETING)
    assert (answer.status, answer.problem.kind) == (403, "certificate-unknown")


def test_the_hubs_own_server_certificate_is_no_edges(running: RunningHub) -> None:
    context = running.device_context()
    context.load_cert_chain(running.folder.server_certificate, running.folder.server_key)
    pool = running._pool(running.device_url, context)
    with pytest.raises((urllib3.exceptions.HTTPError, ssl.SSLError)):
        pool.request("GET", paths.GREETING)


def test_every_certificate_of_an_edge_is_let_in_until_it_ends(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Renewal"), tmp_path / "edge")
    certificates = [edge.response.certificate_pem]
    for _ in range(3):
        certificates.append(edge.renewed())
        edge.use(certificates[-1])
    for each in certificates:
        edge.use(each)
        assert edge.get(paths.GREETING).status == 200, "an answer may be lost, or a copy of the key have renewed"
    with running.clock.forward(EDGE_LIFETIME_S + DAY_S):
        refused = edge.get(paths.GREETING)
        assert (refused.status, refused.problem.kind) == (403, "certificate-expired")


def test_a_copy_that_renews_first_is_told_of_and_shuts_nobody_out(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Copied")
    edge = running.enrol(site, tmp_path / "edge")
    first = edge.response.certificate_pem
    assert edge.get(paths.GREETING).status == 200
    for _ in range(2):  # the copy
        edge.use(edge.renewed())
        assert edge.get(paths.GREETING).status == 200
    assert alerts(running, site) == [], "so far it may be one machine"
    with running.clock.forward(CHANGES_OVER_S + NOTED_EVERY_S + 1):
        edge.use(first)
        assert edge.get(paths.GREETING).status == 200
        ((kind, subject, _count),) = alerts(running, site)
    assert (kind, subject) == ("two-holders", edge.response.edge_id)
    assert running.newest_action() == ("edge.two-holders", edge.response.edge_id)
    second = edge.renewed()
    edge.use(second)
    assert edge.get(paths.GREETING).status == 200, "and the one that was first can renew too"


def test_an_ended_certificate_can_be_renewed_for_a_year_and_does_nothing_else(
    running: RunningHub, tmp_path: Path
) -> None:
    edge = running.enrol(running.site("Long away"), tmp_path / "edge")
    with running.clock.forward(EDGE_LIFETIME_S + 366 * DAY_S):
        refused = edge.post(paths.RENEW, RenewRequest(make_request(edge.key, "edge")))
        assert (refused.status, refused.problem.kind) == (403, "certificate-expired")
    with running.clock.forward(EDGE_LIFETIME_S + 60 * DAY_S):
        for path in (paths.GREETING, paths.STATE, paths.METADATA + "1.root.json", paths.EVENTS):
            assert edge.get(path).problem.kind == "certificate-expired"
        ended = edge.response.certificate_pem
        edge.use(edge.renewed())
        assert edge.get(paths.GREETING).status == 200
        edge.use(ended)
        refused = edge.post(paths.RENEW, RenewRequest(make_request(edge.key, "edge")))
        assert refused.problem.kind == "certificate-expired", "what is renewed and in use needs the old one no more"
        assert "Two machines" in refused.problem.to_do


def test_an_old_disk_renews_nothing_once_its_edge_has_gone_on(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Old disk"), tmp_path / "edge")
    on_the_disk = edge.response.certificate_pem
    for _ in range(4):  # months pass: what came between is forgotten
        running.clock.ahead_s += EDGE_LIFETIME_S * 0.9
        edge.use(edge.renewed())
        assert edge.get(paths.GREETING).status == 200
    try:
        edge.use(on_the_disk)
        refused = edge.post(paths.RENEW, RenewRequest(make_request(edge.key, "edge")))
        assert (refused.status, refused.problem.kind) == (403, "certificate-expired")
        assert "Two machines" in refused.problem.to_do
    finally:
        running.clock.ahead_s = 0.0


def test_renewing_without_end_is_refused(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Endless"), tmp_path / "edge")
    for _ in range(MOST_A_DAY - 1):
        edge.renewed()
    refused = edge.post(paths.RENEW, RenewRequest(make_request(edge.key, "edge")))
    assert refused.problem.kind == "renewed-too-often"
    assert edge.get(paths.GREETING).status == 200


def test_an_edge_enrolled_after_the_copy_that_the_hub_goes_on_from_is_kept_in_mind(
    running: RunningHub, tmp_path: Path
) -> None:
    edge = running.enrol(running.site("Unknown"), tmp_path / "edge")
    with running.hub.database.writing() as session:
        session.delete(session.get_one(EdgeRow, edge.response.edge_id))
    assert edge.get(paths.GREETING).problem.kind == "certificate-unknown"
    with running.hub.database.reading() as session:
        assert session.get_one(UnknownEdgeRow, edge.response.edge_id).site_id == edge.response.site_id


def test_a_certificate_is_renewed_for_the_enrolled_key_only(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Other key"), tmp_path / "edge")
    other = ec.generate_private_key(ec.SECP256R1())
    answer = edge.post(paths.RENEW, RenewRequest(make_request(other, "edge")))
    assert (answer.status, answer.problem.kind) == (403, "certificate-unknown")


def test_a_revoked_edge_is_refused_on_every_path_at_once(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Revoked"), tmp_path / "edge")
    assert edge.get(paths.GREETING).status == 200
    running.do("POST", f"/edges/{edge.response.edge_id}/revoke", {"wipe": False})
    renewal = RenewRequest(make_request(edge.key, "edge"))
    answers = [
        edge.get(paths.GREETING),
        edge.get(paths.METADATA + "timestamp.json"),
        edge.get(paths.EVENTS),
        edge.post(paths.RENEW, renewal),
        edge.post(paths.REPORTS, ReportBatch()),
    ]
    assert {(answer.status, answer.problem.kind) for answer in answers} == {(403, "edge-revoked")}
