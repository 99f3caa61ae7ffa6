"""Phones' provisioning credentials: made, put into files, told to edges, proved, and ended."""

from pathlib import Path

import pytest

from ringfence.content.release import TargetKind
from ringfence.guard.decision import Decision, FileRequest, HeldFile, decide
from ringfence.guard.evidence import CredentialShown, CredentialState, Evidence
from ringfence.guard.policy import EDGE_LEVELS, Policy
from ringfence.guard.record import to_text
from ringfence.hub.publishing.known_secrets import KnownSecrets
from ringfence.hub.publishing.site_rows import read_phones
from ringfence.hub.store.guard_models import ProvisioningCredentialRow
from ringfence.phones.credentials import credential_ha1
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.secret import Secret
from support.reporting_edge import ReportingEdge, alerts
from support.running_hub import RunningHub

MAC = "80:5E:C0:C2:B2:{:02X}"


def bare(number: int) -> str:
    return MAC.format(number).replace(":", "")


@pytest.fixture
def edge(running: RunningHub, tmp_path: Path, request: pytest.FixtureRequest) -> ReportingEdge:
    site = running.site(f"Credential {request.node.name}"[-60:])
    running.do("PUT", f"/settings/sites/{site}/sip_server", {"value": "192.0.2.10"})
    return ReportingEdge(running, site, tmp_path / "edge")


def create(running: RunningHub, number: int, *, only: bool = False) -> list[int]:
    made = running.do("POST", f"/phones/{bare(number)}/credential", {"only": only})
    return [each["serial"] for each in made["good"]]


def password(running: RunningHub, number: int) -> str:
    shown = running.do("POST", f"/phones/{bare(number)}/credential/reveal")
    assert shown["user"] == bare(number).lower()
    return str(shown["password"])


def serials(edge: ReportingEdge) -> list[int]:
    return [key.serial for credential in edge.rules().credentials for key in credential.keys]


def used(edge: ReportingEdge, number: int, serial: int, state: CredentialState = CredentialState.RIGHT) -> None:
    """Report what an edge reports when a phone has taken its file by a credential."""
    held = HeldFile(TargetKind.CONFIGURATION, bare(number))
    shown = Evidence(credential=CredentialShown(state, serial))
    name = f"{bare(number).lower()}.cfg"
    decision: Decision = decide(FileRequest(name, "192.168.1.77"), held, shown, Policy(EDGE_LEVELS), "Home")
    edge.report("file-served", name=name, owner=bare(number), peer="192.168.1.77", decision=to_text(decision, held))


def test_the_newest_is_in_the_phones_file_and_edges_get_what_proves_it(
    running: RunningHub, edge: ReportingEdge
) -> None:
    running.phone(edge.hand.response.site_id, MAC.format(1), "T46U")
    assert serials(edge) == []
    assert create(running, 1) == [1]
    first = password(running, 1)
    assert len(first) == 20
    (told,) = edge.rules().credentials
    assert (told.mac, [key.serial for key in told.keys]) == (bare(1), [1])
    assert told.keys[0].ha1 == credential_ha1(bare(1), Secret(first))
    assert create(running, 1) == [2, 1]
    second = password(running, 1)
    assert first != second
    with running.hub.database.reading() as session:
        (phone,) = read_phones(session, running.hub.sealer, [bare(1)], running.clock())
    assert isinstance(phone, PhoneToRender)
    (file,) = Renderer().render(phone)
    text = file.data.decode()
    assert f"static.auto_provision.server.username = {bare(1).lower()}\n" in text
    assert f"static.auto_provision.server.password = {second}\n" in text
    assert first not in text
    with running.hub.database.reading() as session:
        known = KnownSecrets.of_fleet(session, running.hub.sealer)
    for each in (first, second):
        assert known.owner_in(f"for all phones: {each}".encode()) == f"the credential of phone {MAC.format(1)}"


def test_an_old_one_is_good_until_the_phone_has_used_a_newer_one(running: RunningHub, edge: ReportingEdge) -> None:
    running.phone(edge.hand.response.site_id, MAC.format(2), "D785")
    create(running, 2)
    create(running, 2)
    used(edge, 2, 1)
    assert serials(edge) == [2, 1], "it fetched the file that brings it the new one"
    used(edge, 2, 2, CredentialState.WRONG)
    assert serials(edge) == [2, 1]
    used(edge, 2, 2)
    assert serials(edge) == [2]
    (good,) = running.do("GET", f"/phones/{bare(2)}/credential")["good"]
    assert good["created_at"] <= good["proved_at"] <= running.clock()


def test_a_stolen_one_ends_at_once_and_no_heap_of_them_grows(running: RunningHub, edge: ReportingEdge) -> None:
    running.phone(edge.hand.response.site_id, MAC.format(3), "T46U")
    for _ in range(6):
        create(running, 3)
    assert serials(edge) == [6, 5, 4, 3]
    assert create(running, 3, only=True) == [7]
    assert serials(edge) == [7]
    version = edge.rules().version
    running.do("DELETE", f"/phones/{bare(3)}/credential")
    assert serials(edge) == []
    assert edge.rules().version > version
    actions = [each["detail"] for each in running.do("GET", "/audit")["items"] if each["action"] == "guard.credential"]
    assert actions[:2] == ["removed", "new; the others ended"]


def test_another_sites_edge_ends_none(running: RunningHub, edge: ReportingEdge, tmp_path: Path) -> None:
    running.phone(edge.hand.response.site_id, MAC.format(4), "T46U")
    create(running, 4)
    create(running, 4)
    liar = ReportingEdge(running, running.site("Credential liar"), tmp_path / "liar")
    used(liar, 4, 2)
    assert serials(edge) == [2, 1]


def test_a_phone_that_can_give_none_gets_none_and_says_what_else_there_is(
    running: RunningHub, edge: ReportingEdge
) -> None:
    running.phone(edge.hand.response.site_id, MAC.format(5), "9971")
    refused = running.ask("POST", f"/phones/{bare(5)}/credential", {})
    assert refused.status == 422
    assert "can't give a credential" in refused.json["what"]
    assert running.ask("DELETE", f"/phones/{bare(5)}/credential").status == 404
    assert running.ask("POST", f"/phones/{bare(5)}/credential/reveal").status == 404
    assert running.ask("POST", f"/phones/{bare(99)}/credential", {}).status == 404


def test_a_wrong_one_is_an_alert_and_none_yet_is_not(running: RunningHub, edge: ReportingEdge) -> None:
    running.phone(edge.hand.response.site_id, MAC.format(6), "T46U")
    edge.asks("file-refused", bare(6), "no-credential")
    assert alerts(running, edge.hand.response.site_id) == []
    edge.asks("file-refused", bare(6), "wrong-credential")
    assert alerts(running, edge.hand.response.site_id) == [("wrong-credential", bare(6), 1)]


def test_what_can_not_be_opened_harms_no_other_phone(running: RunningHub, edge: ReportingEdge) -> None:
    for number in (7, 8):
        running.phone(edge.hand.response.site_id, MAC.format(number), "T46U")
        create(running, number)
    with running.hub.change("test") as change:
        broken = change.session.get_one(ProvisioningCredentialRow, (bare(7), 1))
        broken.sealed_password = change.session.get_one(ProvisioningCredentialRow, (bare(8), 1)).sealed_password
    assert [each.mac for each in edge.rules().credentials] == [bare(8)]
