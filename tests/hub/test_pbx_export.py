"""A PBX with the organisation's certificate: real Kamailios with the exported files, phones that register by TLS."""

import configparser
import itertools
import os
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509

from ringfence.hub.people.rights import asks_for_confirmation
from ringfence.hub.trust import trust_alerts
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.hub.trust.recovery_file import RecoveryKey
from ringfence.identity.certificates import to_pem
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.sip.register import Registering
from ringfence.secret import Secret
from ringfence.sim.capf_client import PhoneIdentity, phone_context
from ringfence.sim.errors import RegistrationFailed
from ringfence.sim.sip_agent import SipAgent, UdpTransport
from ringfence.sim.sip_over_tls import TlsTransport, show
from support.kamailio_server import REALM, Kamailio, running_kamailio
from support.running_hub import Answer, Json, RunningHub
from support.trusted_hub import certificate, issue, trust

CCM = KeyRole.CCM
OLD, OTHER, NEW = "00:1B:54:C4:00:01", "00:1B:54:C4:00:02", "00:1B:54:C4:00:03"
USERS = {OLD: "401", OTHER: "402", NEW: "403"}
PASSWORD = Secret("Known-Password-1")
AGAIN = "ringfence trust export-pbx FOLDER --for kamailio --replace"
OPTIONS_OF_A_TRANSPORT = {
    "type", "protocol", "bind", "method", "cert_file", "priv_key_file", "ca_list_file", "verify_client",
    "require_client_cert",
}  # fmt: skip
"""Of those in Asterisk's sample pjsip.conf: Debian 12 has no Asterisk that could read the file."""
_seconds = itertools.count(int(time.time()))
pytestmark = pytest.mark.needs("kamailio-tls")


@pytest.fixture(scope="module")
def trusted(running: RunningHub) -> RunningHub:
    """Two sites: one has old phones, the other has a new one."""
    trust(running)
    for site, phones in (("old", {OLD: "9971", OTHER: "8945"}), ("new", {NEW: "8841"})):
        running.do("POST", "/sites", {"name": site})
        for name, value in (
            ("sip_server", "127.0.0.1"), ("sip_transport", "tls"), ("device_security", "encrypted"),
        ):  # fmt: skip
            running.do("PUT", f"/settings/sites/{site}/{name}", {"value": value})
        for mac, model in phones.items():
            running.do("POST", "/phones", {"mac": mac, "site": site, "model": model})
            running.do("PUT", f"/phones/{mac}/lines/1", {"name": USERS[mac], "password": PASSWORD.reveal()})
    return running


def exported(running: RunningHub, folder: Path, **order: object) -> Json:
    """Write the files of an export into a folder."""
    made: Json = running.do("POST", "/trust/pbx", {"pbx": "kamailio", "folder": str(folder), **order})
    for name, text in made["files"].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        os.utime(folder / name, (next(_seconds),) * 2)  # db_text tells a file that is newer by whole seconds
    return made


def accounts(running: RunningHub) -> dict[str, str]:
    found: dict[str, str] = running.do("POST", "/sip/export", {"pbx": "kamailio", "realm": REALM})["files"]
    return found


@dataclass
class Sending:
    """A phone's SIP, and which certificate the server has shown."""

    server: Kamailio
    shown: list[bytes] = field(default_factory=list)

    def register(self, mac: str, who: PhoneIdentity | None, *, old: bool, user: str = "", by_tls: bool = True) -> int:
        """Register; return for how long it was granted."""
        context = phone_context(None, newest_tls="1.0" if old else "")
        if who is not None:
            show(context, who)
        address = ("127.0.0.1", self.server.tls_port if by_tls else self.server.port)
        transport = (
            TlsTransport("127.0.0.1", 0, address, "a phone", context, self.shown.append)
            if by_tls
            else UdpTransport("127.0.0.1", 0, "a phone")
        )
        try:
            line = Registering(
                server="127.0.0.1", user=user or USERS[mac], display_name="", transport=transport.name,
                local_host="127.0.0.1", local_port=transport.address[1], mac=Mac.parse(mac), model=model_of("9971")[1],
                expires_s=120,
            )  # fmt: skip
            return SipAgent(transport, address).register(line, user or USERS[mac], PASSWORD)
        finally:
            transport.close()


def open_alerts(running: RunningHub) -> dict[str, str]:
    """What PBXes lack, by whose they are."""
    trust_alerts.look(running.hub)
    alerts = running.do("GET", "/guard/alerts?kind=trust-pbx")["items"]
    return {each["subject"]: each["sentence"] for each in alerts}


@pytest.fixture(scope="module")
def own(trusted: RunningHub) -> PhoneIdentity:
    return issue(trusted, OLD, 1)


@pytest.fixture(scope="module")
def demanding(
    trusted: RunningHub, own: PhoneIdentity, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Sending, Path]]:
    """A PBX of the old phones, which demands their certificates: one has one, the other one has none."""
    del own  # it is there before the export
    folder = tmp_path_factory.mktemp("old")
    made = exported(trusted, folder, site="old", demand_certificate=True, leave_out=True)
    assert "TLS 1.0 is allowed" in made["warnings"][0]
    with running_kamailio(folder, accounts(trusted), by_tls=True) as server:
        yield Sending(server), folder


def test_a_pbx_that_demands_certificates_takes_a_phone_as_itself_alone(
    trusted: RunningHub, own: PhoneIdentity, demanding: tuple[Sending, Path]
) -> None:
    sending, folder = demanding
    assert sending.register(OLD, own, old=True) > 0
    (der,) = sending.shown
    assert x509.load_der_x509_certificate(der) == certificate(trusted, CCM)
    with pytest.raises(RegistrationFailed, match=r"refuses TLS|ended the connection"):
        sending.register(OLD, None, old=True)
    with pytest.raises(RegistrationFailed, match="Not This Phone's"):  # it knows another phone's password
        sending.register(OLD, own, old=True, user=USERS[OTHER])
    forged = PhoneIdentity(certificate(trusted, CCM), own.key)
    with pytest.raises((RegistrationFailed, ssl.SSLError)):
        sending.register(OLD, forged, old=True)
    with pytest.raises(RegistrationFailed, match="By The Phone's Certificate Only"):
        sending.register(OLD, None, old=False, by_tls=False)
    assert sending.register(OTHER, None, old=False, by_tls=False) > 0  # not by TLS only: it has no certificate

    other = issue(trusted, OTHER, 2)  # after the export
    with pytest.raises(RegistrationFailed, match="Not This Phone's"):
        sending.register(OTHER, other, old=True)
    alert = open_alerts(trusted)["kamailio old"]
    assert "phones' certificates, and these or the phones' lines have changed" in alert
    again = exported(trusted, folder, site="old", demand_certificate=True)
    assert len(again["warnings"]) == 1
    sending.server.call("htable.reload", "ringfence_phones")
    assert sending.register(OTHER, other, old=True) > 0
    assert "kamailio old" not in open_alerts(trusted)

    trusted.do("DELETE", f"/phones/{OTHER}/certificate")
    assert open_alerts(trusted)["kamailio old"].endswith("--site old --demand-certificate --replace")
    exported(trusted, folder, site="old", demand_certificate=True, leave_out=True)
    sending.server.call("htable.reload", "ringfence_phones")
    with pytest.raises(RegistrationFailed, match="Certificate Revoked"):
        sending.register(OTHER, other, old=True)
    assert sending.register(OLD, own, old=True) > 0


def test_a_site_without_old_phones_gets_todays_tls(trusted: RunningHub, tmp_path: Path) -> None:
    made = exported(trusted, tmp_path, site="new")
    assert made["warnings"] == []
    assert "method = TLSv1.2+\n" in made["files"]["tls.cfg"]
    assert "SECLEVEL" not in made["files"]["tls.cfg"]
    with running_kamailio(tmp_path, accounts(trusted), by_tls=True) as server:
        sending = Sending(server)
        assert sending.register(NEW, None, old=False) > 0
        assert x509.load_der_x509_certificate(sending.shown.pop()) == certificate(trusted, CCM)
        with pytest.raises(RegistrationFailed, match=r"refuses TLS"):
            sending.register(NEW, None, old=True)


def test_a_phone_that_comes_later_and_knows_old_tls_alone_is_told(trusted: RunningHub) -> None:
    later = "00:1B:54:C4:00:09"
    trusted.do("POST", "/trust/pbx", {"pbx": "asterisk", "folder": "/etc/asterisk/ringfence", "site": "new"})
    assert "asterisk new" not in open_alerts(trusted)
    trusted.do("POST", "/phones", {"mac": later, "site": "new", "model": "7945"})
    alert = open_alerts(trusted)["asterisk new"]
    assert "speaks TLS 1.2 and newer alone, which 1 phone does not know: 7945 (1)." in alert
    assert alert.endswith("ringfence trust export-pbx FOLDER --for asterisk --site new --replace")
    made = trusted.do("POST", "/trust/pbx", {"pbx": "asterisk", "folder": "/etc/asterisk/ringfence", "site": "new"})
    assert "7945 (1)" in made["warnings"][0]
    assert "asterisk new" not in open_alerts(trusted)
    trusted.do("DELETE", f"/phones/{later}")


def test_phones_without_a_certificate_are_named_before_a_pbx_refuses_them(trusted: RunningHub) -> None:
    order = {"pbx": "kamailio", "folder": "/etc/kamailio/ringfence", "site": "new", "demand_certificate": True}
    refused = trusted.ask("POST", "/trust/pbx", order)
    assert (refused.status, refused.json["kind"]) == (409, "phones-without-certificate")
    assert NEW in refused.json["what"]
    assert trusted.do("POST", "/trust/pbx", {**order, "leave_out": True})["files"]


def test_asterisk_gets_a_transport_and_is_told_what_it_cannot_check(trusted: RunningHub, own: PhoneIdentity) -> None:
    del own
    order = {"pbx": "asterisk", "folder": "/etc/asterisk/ringfence", "site": "old", "leave_out": True}
    files = trusted.do("POST", "/trust/pbx", order)["files"]
    transport = configparser.ConfigParser()
    transport.read_string(files["pjsip_ringfence_tls.conf"])
    said = dict(transport["transport-ringfence-tls"])
    assert said.keys() <= OPTIONS_OF_A_TRANSPORT
    assert (said["protocol"], said["method"], said["verify_client"]) == ("tls", "sslv23", "no")
    assert "CipherString = DEFAULT@SECLEVEL=0" in files["openssl-old-tls.cnf"]
    made = trusted.do("POST", "/trust/pbx", {**order, "demand_certificate": True})
    transport.read_string(made["files"]["pjsip_ringfence_tls.conf"])
    said = dict(transport["transport-ringfence-tls"])
    assert (said["require_client_cert"], said["ca_list_file"]) == ("yes", f"{order['folder']}/ringfence-phones-ca.pem")
    assert "it can compare neither" in made["warnings"][-1]
    new = trusted.do("POST", "/trust/pbx", {**order, "site": "new"})["files"]
    assert "method = tlsv1_2\n" in new["pjsip_ringfence_tls.conf"]
    assert "openssl-old-tls.cnf" not in new


def test_the_key_is_for_who_may_see_secrets_of_the_whole_organisation(trusted: RunningHub) -> None:
    order = {"pbx": "kamailio", "folder": "/etc/kamailio/ringfence"}
    for role, limits, status in (
        ("owner", None, 200), ("administrator", None, 200), ("operator", None, 403), ("read", None, 403),
        ("administrator", {"sites": ["old"]}, 403),
    ):  # fmt: skip
        made = trusted.do("POST", "/api-tokens", {"name": "x", "role": role, "limited_to": limits})
        asked = trusted.ask("POST", "/trust/pbx", order, token=made["token"])
        assert asked.status == status, (role, asked.data)
    assert asks_for_confirmation("POST", "/api/v1/trust/pbx")
    assert trusted.ask("POST", "/trust/pbx", {**order, "folder": '/etc/"x'}).json["kind"] == "unfit-account"


def test_while_the_key_is_changed_a_pbx_gets_the_new_one_before_the_old_one_goes(running: RunningHub) -> None:
    running.do("POST", "/organisations", {"id": "changing", "name": "Changing"})

    def ask(method: str, path: str, body: object = None) -> Answer:
        return running.ask(method, path, body, headers={"Ringfence-Organisation": "changing"})

    def given() -> list[Json]:
        found: list[Json] = ask("GET", "/trust").json["pbxes"]
        return found

    order = {"pbx": "kamailio", "folder": "/etc/kamailio/ringfence"}
    assert ask("POST", "/trust/pbx", order).json["kind"] == "trust-not-initialised"
    ask("POST", "/trust", {"recovery_certificate": to_pem(RecoveryKey.new("changing").certificate)})
    first = ask("POST", "/trust/pbx", order).json
    assert first["warnings"] == [
        "No phone has SIP over TLS yet: ringfence set site SITE trust=signed protect_calls=tls"
    ]
    assert [(each["site"], each["fingerprint"], each["behind"]) for each in given()] == [
        (None, first["fingerprint"], "")
    ]
    ask("POST", "/trust/rotate", {"role": "ccm"})
    refused = ask("POST", "/trust/rotate", {"role": "ccm"})
    assert (refused.status, refused.json["kind"]) == (409, "pbx-behind")
    assert "ringfence trust export-pbx FOLDER --for kamailio --replace" in refused.json["to_do"]
    assert given()[0]["behind"].endswith("the new one by now. Give it what is newer: " + AGAIN)
    second = ask("POST", "/trust/pbx", order).json
    assert "take the next step: ringfence trust rotate ccm" in second["warnings"][-1]
    ask("POST", "/trust/rotate", {"role": "ccm"})
    current = next(each for each in ask("GET", "/trust").json["keys"] if each["role"] == "ccm")
    assert first["fingerprint"] != second["fingerprint"] == current["fingerprint"]
    assert second["files"]["ringfence-pbx.key"] != first["files"]["ringfence-pbx.key"]
    assert given()[0]["behind"] == ""
