"""VPN head ends: a new certificate is in every phone's file before the head end shows it."""

import itertools
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ringfence.content.digests import Digest
from ringfence.hub.fleet import phone_certificates, vpn_phones
from ringfence.hub.fleet.vpn_phones import VpnOffer
from ringfence.hub.people.rights import Role
from ringfence.hub.publishing import releases
from ringfence.hub.store.models import SiteRow
from ringfence.hub.vpn import vpn_alerts
from ringfence.hub.vpn.certificates import ENDS_WITHIN_S
from ringfence.identity.certificates import fingerprint
from ringfence.phones.document import parse
from ringfence.phones.mac import Mac
from ringfence.phones.vpn.head_end import pin_of
from support import trusted_hub
from support.phone_identities import cisco
from support.reporting_edge import ReportingEdge
from support.running_hub import Json, RunningHub
from support.vpn_certificates import head_end_certificate, head_end_pem

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def running(running: RunningHub) -> RunningHub:
    return trusted_hub.trust(running)


class Scene:
    """A site with a few phones that use a head end of their own, and the edge that reports what they took."""

    def __init__(self, running: RunningHub, folder: Path, login: str = "certificate", model: str = "8851") -> None:
        number = next(_numbers)
        self.running, self.name = running, f"head-end-{number}"
        self.site = running.site(f"Home {number}")
        self.edge = ReportingEdge(running, self.site, folder)
        self.macs = [f"0011223{number:03X}{index:02X}" for index in (1, 2)]
        for mac in self.macs:
            running.phone(self.site, mac, model)
        body = {"name": self.name, "addresses": ["vpn.example.org"], "network": "10.99.0.0/24", "login": login}
        running.do("POST", "/vpn", {**body, "routes": ["192.0.2.0/24"]})

    def announce(self, number: int) -> Json:
        return self.running.do("POST", f"/vpn/{self.name}/certificates", {"pem": head_end_pem(number)})

    def use(self) -> None:
        self.running.do("PUT", f"/settings/sites/{self.site}/vpn", {"value": self.name})

    def publish(self) -> int:
        self.running.do("POST", "/publish", {"sites": [self.site]})
        return int(self.running.do("GET", f"/sites/{self.site}/releases?limit=1")["items"][0]["number"])

    def took(self, mac: str, release: int, suffix: str = "") -> None:
        name = f"SEP{mac}.cnf.xml{suffix}"
        self.edge.report("file-served", name=name, owner=mac, peer="192.168.1.77", release=release)

    def pins(self, mac: str, release: int | None = None) -> list[str]:
        """The pins in a phone's file."""
        with self.running.hub.database.reading() as session:
            number = release or session.get_one(SiteRow, self.site).newest_release
            (target,) = [
                each
                for each in releases.targets_of(session, self.site, number, Mac(mac))
                if each.name == f"SEP{mac}.cnf.xml"
            ]
        root = parse(self.running.hub.blobs.get(Digest(target.digest))).root
        return [element.text or "" for element in root.iter() if str(element.tag).startswith("certHash")]

    @property
    def shown(self) -> Json:
        return self.running.do("GET", f"/vpn/{self.name}")

    def missing(self) -> list[str]:
        found = self.running.do("GET", f"/vpn/{self.name}/phones?missing=true")["items"]
        return [each["mac"].replace(":", "") for each in found]

    def states(self) -> dict[str, str]:
        return {each["pin"]: each["state"] for each in self.shown["certificates"]}


def pin(number: int) -> str:
    return pin_of(head_end_certificate(number)[1].public_bytes(Encoding.DER))


def digest(number: int) -> str:
    return fingerprint(head_end_certificate(number)[1])


@pytest.fixture
def scene(running: RunningHub, tmp_path: Path) -> Scene:
    return Scene(running, tmp_path)


def test_a_head_end_changes_its_certificate_and_nobody_is_locked_out(scene: Scene) -> None:
    """From the first certificate to the second, with one phone that is slow."""
    anna, bert = scene.macs
    assert "Announce its certificate" in scene.shown["next_step"]
    assert scene.announce(1)["state"] == "in-use"
    scene.use()
    first = scene.publish()
    assert scene.pins(anna) == [pin(1)]
    for mac in (anna, bert):
        scene.took(mac, first)
    assert scene.missing() == []

    assert scene.announce(2)["state"] == "announced"
    assert "ringfence publish" in scene.shown["next_step"]
    assert scene.missing() == [anna, bert]
    both = scene.publish()
    assert scene.pins(anna) == scene.pins(bert) == [pin(1), pin(2)]
    scene.took(anna, both)
    scene.took(bert, first)
    assert scene.missing() == [bert]

    refused = scene.running.ask("POST", f"/vpn/{scene.name}/switch", {})
    assert (refused.status, refused.json["kind"]) == (409, "vpn-phones-missing")
    assert str(Mac(bert)) in refused.json["what"]
    assert str(Mac(anna)) not in refused.json["what"]
    assert scene.states() == {pin(1): "in-use", pin(2): "announced"}

    scene.took(bert, both)
    assert f"ringfence vpn switch {scene.name}" in scene.shown["next_step"]
    scene.running.do("POST", f"/vpn/{scene.name}/switch", {})
    assert scene.states() == {pin(1): "leaving", pin(2): "in-use"}
    scene.publish()
    assert scene.pins(anna) == [pin(1), pin(2)], "the head end may show the old one still"

    scene.running.do("POST", f"/vpn/{scene.name}/shown", {"fingerprint": digest(2)})
    assert scene.states() == {pin(1): "retired", pin(2): "in-use"}
    scene.publish()
    assert scene.pins(anna) == [pin(2)]
    told = [(each["action"], each["object"]) for each in scene.running.do("GET", "/audit?limit=40")["items"]]
    assert told.count(("vpn.switch", scene.name)) == 1


def test_phones_may_be_left_behind_by_a_person_alone(scene: Scene) -> None:
    scene.announce(1)
    scene.use()
    scene.publish()
    scene.announce(2)
    scene.publish()
    assert scene.shown["missing"] == len(scene.macs), "neither was seen to take any file"
    scene.running.do("POST", f"/vpn/{scene.name}/switch", {"leave_behind": True})
    entry = next(
        each
        for each in scene.running.do("GET", "/audit?limit=5")["items"]
        if (each["action"], each["object"]) == ("vpn.switch", scene.name)
    )
    assert str(Mac(scene.macs[0])) in entry["detail"]


def test_what_an_older_release_said_counts_when_a_phone_takes_it(scene: Scene) -> None:
    """A spare edge that is behind serves the file of before: the phone knows the old certificate alone again."""
    scene.announce(1)
    scene.use()
    first = scene.publish()
    scene.announce(2)
    both = scene.publish()
    scene.took(scene.macs[0], both)
    assert scene.macs[0] not in scene.missing()
    scene.took(scene.macs[0], first)
    assert scene.macs[0] in scene.missing()


def test_going_back_to_a_release_without_the_certificate_in_use_is_refused(scene: Scene) -> None:
    scene.announce(1)
    scene.use()
    first = scene.publish()
    scene.announce(2)
    both = scene.publish()
    for mac in scene.macs:
        scene.took(mac, both)
    scene.running.do("POST", f"/vpn/{scene.name}/switch", {})
    refused = scene.running.ask("POST", f"/sites/{scene.site}/releases/{first}/rollback")
    assert (refused.status, refused.json["kind"]) == (409, "head-end-forgotten")
    scene.running.do("POST", f"/sites/{scene.site}/releases/{both}/rollback")
    back = int(scene.running.do("GET", f"/sites/{scene.site}/releases?limit=1")["items"][0]["number"])
    scene.took(scene.macs[0], back)
    assert scene.missing() == []


def test_the_signed_stub_of_an_encrypted_file_is_not_the_file(running: RunningHub, tmp_path: Path) -> None:
    scene = Scene(running, tmp_path)
    scene.announce(1)
    scene.use()
    scene.publish()
    running.do("PUT", f"/settings/sites/{scene.site}/phone_label", {"value": "Hall"})
    release, mac = scene.publish(), scene.macs[0]
    with running.hub.change("Anna") as change:
        offer = VpnOffer(scene.name, (pin(1),), sealed=True)
        vpn_phones.note_offered(change, scene.site, release, {mac: offer})
    scene.took(mac, release, ".sgn")
    assert mac in scene.missing()
    scene.took(mac, release, ".enc.sgn")
    assert mac not in scene.missing()


@pytest.mark.parametrize(
    ("pem", "kind"),
    [
        ("no certificate", "bad-vpn-certificate"),
        ("-----BEGIN PRIVATE KEY-----", "bad-vpn-certificate"),
        ("wrong host", "bad-vpn-certificate"),
        ("maker", "bad-vpn-certificate"),
    ],
)
def test_a_certificate_that_phones_could_not_use_is_refused(scene: Scene, pem: str, kind: str) -> None:
    body = {"wrong host": head_end_pem(3, "other.example.org"), "maker": cisco().pem}.get(pem, pem)
    refused = scene.running.ask("POST", f"/vpn/{scene.name}/certificates", {"pem": body})
    assert (refused.status, refused.json["kind"]) == (422, kind)
    assert refused.json["to_do"]


def test_a_head_end_does_not_move_to_where_its_certificate_is_not_valid(scene: Scene) -> None:
    scene.announce(1)
    refused = scene.running.ask("PATCH", f"/vpn/{scene.name}", {"addresses": ["vpn.example.org", "vpn2.example.org"]})
    assert (refused.status, refused.json["kind"]) == (422, "bad-vpn-certificate")
    assert "vpn2.example.org" in refused.json["what"]
    assert scene.shown["addresses"] == ["vpn.example.org"]
    scene.running.do("PATCH", f"/vpn/{scene.name}", {"addresses": ["vpn.example.org:8443"]})


def test_one_certificate_at_a_time_is_announced_and_may_be_withdrawn(scene: Scene) -> None:
    scene.announce(1)
    scene.announce(2)
    refused = scene.running.ask("POST", f"/vpn/{scene.name}/certificates", {"pem": head_end_pem(4)})
    assert (refused.status, refused.json["kind"]) == (409, "vpn-certificate-taken")
    scene.running.do("DELETE", f"/vpn/{scene.name}/certificates")
    assert scene.states() == {pin(1): "in-use", pin(2): "retired"}
    assert scene.running.ask("POST", f"/vpn/{scene.name}/switch", {}).json["kind"] == "nothing-announced"
    assert scene.announce(2)["state"] == "announced"


def test_no_phone_gets_a_head_end_that_has_no_certificate(scene: Scene) -> None:
    refused = scene.running.ask("PUT", f"/settings/sites/{scene.site}/vpn", {"value": scene.name})
    assert (refused.status, refused.json["kind"]) == (422, "bad-head-end")
    assert "ringfence vpn announce" in refused.json["to_do"]


def test_a_setting_names_a_head_end_that_is_there_and_keeps_it(scene: Scene) -> None:
    refused = scene.running.ask("PUT", f"/settings/sites/{scene.site}/vpn", {"value": "nowhere"})
    assert (refused.status, refused.json["kind"]) == (404, "unknown-head-end")
    scene.announce(1)
    scene.use()
    refused = scene.running.ask("DELETE", f"/vpn/{scene.name}")
    assert (refused.status, refused.json["kind"]) == (409, "head-end-in-use")
    assert scene.site in refused.json["what"]
    scene.running.do("DELETE", f"/settings/sites/{scene.site}/vpn")
    assert scene.running.ask("DELETE", f"/vpn/{scene.name}").status == 204


def test_a_certificate_that_ends_is_told_with_the_next_step(scene: Scene) -> None:
    running = scene.running
    scene.announce(1)
    ends_at = scene.shown["certificates"][0]["ends_at"]
    with running.clock.forward(ends_at - running.clock() - ENDS_WITHIN_S + 3600):
        assert f"ringfence vpn export FOLDER {scene.name}" in scene.shown["attention"]
        vpn_alerts.look(running.hub)
        assert scene.name in _alerts(running)
        scene.announce(2)
        vpn_alerts.look(running.hub)
        sentence = _alerts(running)[scene.name]
        assert "ringfence vpn switch" in sentence or "ringfence publish" in sentence
        running.do("POST", f"/vpn/{scene.name}/switch", {"leave_behind": True})
    vpn_alerts.look(running.hub)
    assert scene.name not in _alerts(running)
    running.do("POST", f"/vpn/{scene.name}/shown", {"fingerprint": "ab" * 32})
    vpn_alerts.look(running.hub)
    assert "do not name" in _alerts(running)[scene.name]


def _alerts(running: RunningHub) -> dict[str, str]:
    found = running.do("GET", "/guard/alerts?limit=200")["items"]
    return {each["subject"]: each["sentence"] for each in found if each["kind"] == "vpn-certificate"}


def test_users_follow_the_fleet_by_certificate(running: RunningHub, tmp_path: Path) -> None:
    """A maker's certificate until one is issued here; then that alone, until it is revoked; nothing once removed."""
    scene = Scene(running, tmp_path)
    anna, bert = scene.macs
    scene.announce(1)
    scene.use()
    scene.publish()

    def users() -> list[str]:
        return sorted(running.do("GET", f"/vpn/{scene.name}/users")["users"])

    assert users() == [f"CP-8851-SEP{anna}", f"CP-8851-SEP{bert}"]
    trusted_hub.issue(running, anna, 1)
    assert users() == [f"CP-8851-SEP{bert}", f"SEP{anna}"]
    with running.hub.change("Anna") as change:
        phone_certificates.revoke_issued(change, Mac(anna))
    assert users() == [f"CP-8851-SEP{bert}"]
    before = running.do("GET", f"/vpn/{scene.name}/users")
    assert "BEGIN X509 CRL" in before["files"]["revoked.pem"]
    assert running.do("GET", f"/vpn/{scene.name}/users?since={before['version']}")["files"] == {}
    running.do("POST", f"/phones/{bert}/block", {})
    assert users() == []
    running.do("DELETE", f"/phones/{bert}")
    assert users() == []


def test_passwords_are_shown_once_and_kept_as_hashes(running: RunningHub, tmp_path: Path) -> None:
    scene = Scene(running, tmp_path, "name-and-password")
    scene.announce(1)
    scene.use()
    scene.publish()
    made = running.do("POST", f"/vpn/{scene.name}/passwords", {"mac": scene.macs[0]})
    exported = running.do("POST", f"/vpn/{scene.name}/export", {"folder": "/etc/ocserv/ringfence"})
    assert made["user"] == f"SEP{scene.macs[0]}"
    assert exported["files"]["ocpasswd"].startswith(f"{made['user']}:*:$2b$")
    assert made["password"] not in str(exported)
    assert "1 phone" in str(exported["warnings"])
    text = str(running.do("GET", "/audit?limit=20"))
    assert made["password"] not in text
    assert "$2b$" not in text


def test_the_export_carries_the_old_certificate_until_the_switch(scene: Scene) -> None:
    scene.announce(1)
    scene.use()
    scene.publish()
    scene.announce(2)

    def certificate() -> str:
        made = scene.running.do("POST", f"/vpn/{scene.name}/export", {"folder": "/etc/ocserv/ringfence"})
        assert (
            f"server-cert = /etc/ocserv/ringfence/server-{made['certificate'][:16]}.pem" in made["files"]["ocserv.conf"]
        )
        assert "PRIVATE KEY" not in str(made)
        return str(made["certificate"])

    assert certificate() == digest(1)
    scene.running.do("POST", f"/vpn/{scene.name}/switch", {"leave_behind": True})
    assert certificate() == digest(2)


def test_who_follows_a_head_end_may_do_nothing_else(scene: Scene) -> None:
    running = scene.running
    scene.announce(1)
    scene.use()
    scene.publish()
    made = running.do("POST", "/api-tokens", {"name": f"at {scene.name}", "role": Role.HEAD_END.value})
    token = made["token"]
    assert running.ask("GET", f"/vpn/{scene.name}/users", token=token).status == 200
    shown = {"fingerprint": digest(1), "follows": True}
    assert running.ask("POST", f"/vpn/{scene.name}/shown", shown, token=token).status == 200
    assert scene.shown["followed_at"] is not None
    for method, path in (
        ("GET", "/vpn"), ("GET", f"/vpn/{scene.name}"), ("POST", f"/vpn/{scene.name}/export"), ("GET", "/phones"),
        ("POST", f"/vpn/{scene.name}/switch"), ("POST", f"/vpn/{scene.name}/passwords"), ("GET", "/sites"),
    ):  # fmt: skip
        assert running.ask(method, path, {} if method == "POST" else None, token=token).status == 403, (method, path)


def explained(scene: Scene, name: str) -> Json:
    found: Json
    (found,) = scene.running.do("GET", f"/phones/{scene.macs[0]}/explain?name={name}")["items"]
    return found


def test_what_follows_from_a_head_end_is_explained_and_nearer_values_win(running: RunningHub, tmp_path: Path) -> None:
    scene = Scene(running, tmp_path)
    scene.announce(1)
    scene.use()
    pin = explained(scene, "vpn_certificates")["given"][-1]
    assert (pin["scope"], pin["place"]) == ("vpn", f"vpn is {scene.name}")
    assert explained(scene, "vpn")["notes"] == []
    own = "https://other.example.org/svc"
    running.do("PUT", f"/settings/phones/{scene.macs[0]}/vpn_url", {"value": own})
    running.do("PUT", "/settings/organisation/vpn_login", {"value": "name-and-password"})
    assert explained(scene, "vpn_url")["given"][-1]["value"] == own
    assert explained(scene, "vpn_login")["given"][-1]["scope"] == "vpn", "the head end is nearer"
    assert explained(scene, "vpn")["notes"] == ["vpn_url was set for this phone, which wins over vpn."]
    release = scene.publish()
    with running.hub.database.reading() as session:
        urls = []
        for mac in scene.macs:
            targets = releases.targets_of(session, scene.site, release, Mac(mac))
            digest = next(each.digest for each in targets if each.name == f"SEP{mac}.cnf.xml")
            root = parse(running.hub.blobs.get(Digest(digest))).root
            urls.append([each.text for each in root.iter() if str(each.tag) == "url1"])
    assert urls == [[own], ["https://vpn.example.org/svc"]]
    running.do("DELETE", "/settings/organisation/vpn_login")
