"""A real ocserv (Debian's) by an export, and real openconnect in the place of phones.

openconnect takes the certificates whose SHA-1 it is given and no other, as phones do by their files. Debian's ocserv
knows no phones, so what is tried is all but how a phone asks at /svc (tests/phones/test_vpn.py).
"""

import base64
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ringfence.cli.support.api import Login, PeoplesApi
from ringfence.cli.support.vpn_follower import VpnFollower
from ringfence.hub.people.rights import Role
from ringfence.hub.store.phone_certificate_models import PhoneCertificateRow
from ringfence.identity.certificates import fingerprint
from ringfence.phones.vpn.ocserv import key_file
from ringfence.secret import Secret
from support import trusted_hub
from support.namespaces import Wire
from support.ocserv_server import CLIENT, SERVER, OcservServer, OpenConnect, ocserv_on, wait_until
from support.phone_identities import forger, identity
from support.running_hub import Json, RunningHub
from support.vpn_certificates import head_end_certificate, head_end_pem

pytestmark = [pytest.mark.slow, pytest.mark.needs("netns", "ocserv")]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def running(running: RunningHub) -> RunningHub:
    return trusted_hub.trust(running)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with Wire([f"{SERVER}/24"], [f"{CLIENT}/24"]) as joined:
        yield joined


def hexadecimal(pin: str) -> str:
    return base64.b64decode(pin).hex()


class Scene:
    """A head end with ocserv, and two phones at home whose files name it."""

    def __init__(self, running: RunningHub, server: OcservServer, login: str) -> None:
        number = next(_numbers)
        self.running, self.server, self.name = running, server, f"ocserv-{number}"
        self.site = running.site(f"Ocserv {number}")
        self.anna, self.bert = (f"00112F{number:04X}{index:02X}" for index in (1, 2))
        for mac in (self.anna, self.bert):
            running.phone(self.site, mac, "8851")
        body = {"name": self.name, "addresses": [SERVER], "network": "10.99.0.0/24", "login": login}
        running.do("POST", "/vpn", {**body, "routes": ["192.0.2.0/24"]})
        self.announce(1)
        running.do("PUT", f"/settings/sites/{self.site}/vpn", {"value": self.name})
        self.publish()

    def announce(self, number: int) -> None:
        self.running.do("POST", f"/vpn/{self.name}/certificates", {"pem": head_end_pem(number, SERVER)})
        key, certificate = head_end_certificate(number, SERVER)
        (self.server.folder / key_file(fingerprint(certificate))).write_text(key.reveal())

    def publish(self) -> None:
        self.running.do("POST", "/publish", {"sites": [self.site]})

    @property
    def pins(self) -> list[str]:
        """What phones' files name now."""
        known = self.running.do("GET", f"/vpn/{self.name}")["certificates"]
        return [hexadecimal(each["pin"]) for each in known if each["state"] != "retired"]

    def export(self) -> None:
        order = {"folder": str(self.server.folder), "version": "1.1"}
        self.server.write(self.running.do("POST", f"/vpn/{self.name}/export", order)["files"])

    def phone(self, name: str, **parts: object) -> OpenConnect:
        usual = {"pins": self.pins, "name": name}
        folder = self.server.folder.parent / "phones"
        made = OpenConnect(self.server.wire, folder, **{**usual, **parts})  # type: ignore[arg-type]  # its own
        self.server.clients.append(made)
        return made

    @contextmanager
    def followed(self) -> Iterator[list[str]]:
        """What runs beside ocserv, with a token that may do nothing else; yields what it says."""
        made: Json = self.running.do("POST", "/api-tokens", {"name": self.name, "role": Role.HEAD_END.value})
        authority = self.running.folder.authority_certificate.read_text()
        api = PeoplesApi(Login(self.running.people_url, Secret(made["token"]), authority))
        said: list[str] = []
        shown = fingerprint(head_end_certificate(1, SERVER)[1])
        follower = VpnFollower(
            api, self.name, self.server.folder, self.server.occtl, lambda: shown, said.append, time.monotonic
        )
        stopped = threading.Event()
        thread = threading.Thread(target=follower.run, args=(stopped,), daemon=True)
        thread.start()
        try:
            wait_until(lambda: self.running.do("GET", f"/vpn/{self.name}")["followed_at"], f"{said}")
            yield said
        finally:
            stopped.set()
            thread.join()


@pytest.fixture
def server(wire: Wire, tmp_path: Path) -> Iterator[OcservServer]:
    with ocserv_on(wire, tmp_path / "ocserv") as made:
        yield made


def test_a_phone_with_a_password_is_in_and_one_that_is_removed_is_out(
    running: RunningHub, server: OcservServer
) -> None:
    scene = Scene(running, server, "name-and-password")
    made = {mac: running.do("POST", f"/vpn/{scene.name}/passwords", {"mac": mac}) for mac in (scene.anna, scene.bert)}
    anna, bert = (
        scene.phone(mac, user=made[mac]["user"], password=made[mac]["password"]) for mac in (scene.anna, scene.bert)
    )
    scene.export()
    server.start()
    with scene.followed() as said:
        anna.comes_in()
        (status,) = server.statuses()
        assert "AES" in str(status.get("DTLS cipher")), "what phones and it agree on for DTLS"
        assert "fail" in scene.phone("guess", user=made[scene.bert]["user"], password="1" * 14).stays_out().lower()
        assert "fail" in scene.phone("nobody", user="SEP000000000001", password="1" * 14).stays_out().lower()

        running.do("DELETE", f"/phones/{scene.anna}")
        assert "disconnect" in anna.is_put_out().lower()
        assert any(f"{made[scene.anna]['user']} disconnected" in each for each in said)
        assert "fail" in anna.stays_out().lower(), "its name and password count no more"

        bert.comes_in()
        running.do("POST", f"/phones/{scene.bert}/block", {})
        bert.is_put_out()
        assert server.users() == set()


def test_phones_are_known_by_their_own_certificates(running: RunningHub, server: OcservServer) -> None:
    """A maker's of a phone of ours, one that was issued here; not a stranger's, a forger's, or a revoked one."""
    scene = Scene(running, server, "certificate")
    bert = identity(f"CP-8851-SEP{scene.bert}", key=2)
    first, second = (trusted_hub.issue(running, scene.anna, key) for key in (3, 4))
    scene.export()
    server.start()
    with scene.followed():
        phones = {
            "maker's": scene.phone("maker", certificate=(bert.key, bert.certificate)),
            "issued": scene.phone("issued", certificate=(first.key, first.certificate)),
        }
        for phone in phones.values():
            phone.comes_in()
        assert server.users() == {f"CP-8851-SEP{scene.bert}", f"SEP{scene.anna}"}

        stranger, forged = identity("CP-8851-SEP0011223344FF", key=5), identity(bert_name(scene), forger(), key=5)
        for name, other in (("stranger", stranger), ("forged", forged)):
            scene.phone(name, certificate=(other.key, other.certificate)).stays_out()
        assert server.users() == {f"CP-8851-SEP{scene.bert}", f"SEP{scene.anna}"}

        with running.hub.change("Anna") as change:
            row = change.session.get_one(PhoneCertificateRow, (scene.anna, fingerprint(first.certificate)))
            row.revoked_at, row.revoked_by = change.now, change.who
        phones["issued"].is_put_out()
        scene.phone("revoked", certificate=(first.key, first.certificate)).stays_out()
        newer = scene.phone("newer", certificate=(second.key, second.certificate))
        newer.comes_in()
        newer.stop()

        trusted_hub.issue(running, scene.bert, 6)
        phones["maker's"].is_put_out()
        scene.phone("maker-again", certificate=(bert.key, bert.certificate)).stays_out()


def bert_name(scene: Scene) -> str:
    return f"CP-8851-SEP{scene.bert}"


def test_the_certificate_changes_under_a_connected_phone(running: RunningHub, server: OcservServer) -> None:
    """The phone has taken the file with both: it is back after the switch. One with the old file alone stays out."""
    scene = Scene(running, server, "name-and-password")
    made = running.do("POST", f"/vpn/{scene.name}/passwords", {"mac": scene.anna})
    who = {"user": made["user"], "password": made["password"]}
    scene.export()
    server.start()
    old_file = scene.pins
    late = scene.phone("late", pins=old_file, **who)
    late.comes_in()
    late.stop()

    scene.announce(2)
    scene.publish()
    ready = scene.phone("ready", **who)
    assert len(ready.pins) == 2
    ready.comes_in()
    running.do("POST", f"/vpn/{scene.name}/switch", {"leave_behind": True})
    scene.export()
    server.stop()
    server.start()
    ready.is_put_out()
    ready.comes_in()
    assert "certificate" in late.stays_out().lower()
    running.do("POST", f"/vpn/{scene.name}/shown", {"fingerprint": fingerprint(head_end_certificate(2, SERVER)[1])})
    scene.publish()
    assert len(scene.pins) == 1
    ready.stop()
    ready.pins = scene.pins
    ready.comes_in()
    ready.stop()
