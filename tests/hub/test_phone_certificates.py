"""Phones' certificates at the hub: what a session with CAPF leaves, what is ordered, and every refusal by name."""

import contextlib
import datetime as dt
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ringfence.hub.certificate_errors import PhoneServicesUnfit
from ringfence.hub.fleet import phone_certificate_alerts, phone_certificates
from ringfence.hub.phone_services import services as services_module
from ringfence.hub.phone_services.messages import PhoneService
from ringfence.hub.phone_services.services import PhoneServices
from ringfence.hub.trust.errors import TrustNotInitialised
from ringfence.phones.mac import Mac
from ringfence.phones.trust.capf import CapfCommand, CapfReason
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.tvs import TvsStatus
from ringfence.sim import tvs_client
from ringfence.sim.capf_client import Answer, AtOrder, CapfClient, CapfPhone, PhoneIdentity, phone_context
from support.phone_identities import forger, identity
from support.reporting_edge import alerts
from support.running_hub import Json, RunningHub
from support.serving_hub import served_hub
from support.trusted_hub import CAPF, TVS, certificate, site_of, trust

WITHIN_S = 60.0


@pytest.fixture(scope="module")
def trusted(running: RunningHub) -> RunningHub:
    return trust(running)


@pytest.fixture(scope="module")
def services() -> Iterator[PhoneServices]:
    held = PhoneServices()
    yield held
    held.end()


class AtSite:
    """A site with phones, each of which comes to CAPF as it is told."""

    numbers = iter(range(1, 250))

    def __init__(self, running: RunningHub, services: PhoneServices) -> None:
        self.running, self.services = running, services
        self.site = running.site(f"Certificates {next(self.numbers)}")

    def phone(self, **as_it_is: object) -> CapfPhone:
        bare = f"001B54CE00{next(self.numbers):02X}"
        self.running.phone(self.site, str(Mac(bare)))
        phone = CapfPhone(f"SEP{bare}", identity(f"CP-9971-SEP{bare}"))
        for name, value in as_it_is.items():
            setattr(phone, name, value)
        return phone

    def comes(
        self, phone: CapfPhone, answer: Answer | None = None, *, site: str = "", source: Mac | None = None
    ) -> CapfReason:
        line = self.services.connect(self.running.hub, site or self.site, PhoneService.CAPF, source or mac_of(phone))
        context = phone_context(certificate(self.running, CAPF))
        with contextlib.closing(CapfClient(line, context)) as client:
            return client.run(phone, answer)

    def path(self, phone: CapfPhone) -> str:
        return f"/phones/{Mac(phone.device_name[3:])}/certificate"

    def shown(self, phone: CapfPhone) -> Json:
        return self.running.do("GET", self.path(phone))

    def refusal(self) -> str:
        """The sentence of the newest alert about a phone that was refused; it comes after the phone was told."""
        until = time.monotonic() + WITHIN_S
        while time.monotonic() < until:
            rows = self.running.do("GET", f"/guard/alerts?site={self.site}")["items"]
            found = [row["sentence"] for row in rows if row["kind"] == "phone-key-refused"]
            if found:
                return str(found[0])
            time.sleep(0.02)
        raise AssertionError(self.running.do("GET", f"/guard/alerts?site={self.site}"))


def mac_of(phone: CapfPhone) -> Mac:
    return Mac(phone.device_name[3:])


def has_one(phone: CapfPhone) -> bool:
    return phone.lsc is not None


@pytest.fixture
def at_site(trusted: RunningHub, services: PhoneServices) -> AtSite:
    return AtSite(trusted, services)


def test_a_session_hands_over_the_makers_certificate_and_changes_nothing(at_site: AtSite) -> None:
    phone = at_site.phone()
    assert at_site.shown(phone) == {"mac": at_site.shown(phone)["mac"], "certificates": [], "waiting": None}
    assert at_site.comes(phone) is CapfReason.NO_ACTION
    (row,) = at_site.shown(phone)["certificates"]
    assert (row["kind"], row["proof"], row["is_stored"], row["revoked_at"]) == ("mic", "replayable", True, None)
    assert phone.mic is not None
    with at_site.running.hub.database.reading() as session:
        kept = phone_certificates.to_encrypt_to(session, Mac(phone.device_name[3:]))
    assert kept == phone.mic.certificate
    assert at_site.comes(phone) is CapfReason.NO_ACTION
    assert len(at_site.shown(phone)["certificates"]) == 1
    assert alerts(at_site.running, at_site.site) == []


def test_an_expired_one_is_accepted_and_shown_as_ended(at_site: AtSite) -> None:
    phone = at_site.phone()
    phone.mic = identity(f"CP-7965G-{phone.device_name}", ends=dt.timedelta(days=-1))
    assert at_site.comes(phone) is CapfReason.NO_ACTION
    (row,) = at_site.shown(phone)["certificates"]
    assert row["ends_at"] < at_site.running.clock()


def test_an_expired_one_is_refused_where_the_policy_says_so(at_site: AtSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_site.running.hub.config, "expired_phone_certificates", False)
    phone = at_site.phone()
    phone.mic = identity(f"CP-7965G-{phone.device_name}", ends=dt.timedelta(days=-1))
    assert at_site.comes(phone) is CapfReason.INVALID_ELEMENT
    assert "has expired, and the policy does not accept that" in at_site.refusal()
    assert at_site.shown(phone)["certificates"] == []


def test_a_phone_that_proves_itself_afresh_gets_renews_and_loses_a_certificate(at_site: AtSite) -> None:
    phone = at_site.phone(signs_for_session=True)
    ordered = at_site.running.do("POST", f"{at_site.path(phone)}/issue", {})
    assert (ordered["operation"], ordered["password"]) == ("issue", None)
    assert at_site.comes(phone) is CapfReason.UPDATE_CERTIFICATE
    assert phone.lsc is not None
    first = phone.lsc
    by_kind = {row["kind"]: row for row in at_site.shown(phone)["certificates"]}
    assert (by_kind["lsc"]["proof"], by_kind["lsc"]["is_stored"]) == ("fresh", True)
    assert at_site.shown(phone)["waiting"] is None
    with at_site.running.hub.database.reading() as session:
        assert phone_certificates.to_encrypt_to(session, Mac(phone.device_name[3:])) == first.certificate

    at_site.running.do("POST", f"{at_site.path(phone)}/fetch")
    assert at_site.comes(phone) is CapfReason.UPDATE_CERTIFICATE
    assert at_site.shown(phone)["waiting"] is None

    at_site.running.do("POST", f"{at_site.path(phone)}/issue", {"key_bits": 1024})
    assert at_site.comes(phone) is CapfReason.UPDATE_CERTIFICATE
    assert phone.lsc.certificate != first.certificate
    assert phone.lsc.key.key_size == 1024

    deleted = at_site.running.do("DELETE", at_site.path(phone))
    assert {row["revoked_at"] is not None for row in deleted["certificates"] if row["kind"] == "lsc"} == {True}
    with at_site.running.hub.database.reading() as session:
        assert phone_certificates.to_encrypt_to(session, Mac(phone.device_name[3:])) == phone.mic.certificate  # type: ignore[union-attr]
    revoked = phone.lsc
    assert at_site.comes(phone) is CapfReason.UPDATE_CERTIFICATE  # what is revoked is still deleted where it is
    assert not has_one(phone)
    assert at_site.shown(phone)["waiting"] is None
    phone.lsc = revoked
    assert at_site.comes(phone) is CapfReason.INVALID_ELEMENT
    assert "was revoked" in at_site.refusal()


def test_an_old_phone_gets_one_by_a_string_that_is_typed_at_it(at_site: AtSite) -> None:
    phone = at_site.phone()
    ordered = at_site.running.do("POST", f"{at_site.path(phone)}/issue", {"with_password": True})
    assert len(ordered["password"]) == 10
    assert at_site.comes(phone) is CapfReason.INVALID_ELEMENT
    assert "authentication string is not the one" in at_site.refusal()
    phone.password = ordered["password"]
    assert at_site.comes(phone) is CapfReason.UPDATE_CERTIFICATE
    assert phone.lsc is not None
    assert {row["proof"] for row in at_site.shown(phone)["certificates"]} == {"fresh"}


def test_a_string_that_is_wrong_too_often_ends_the_order(at_site: AtSite) -> None:
    phone = at_site.phone(password="0000")
    at_site.running.do("POST", f"{at_site.path(phone)}/issue", {"with_password": True})
    for _time in range(phone_certificates.MOST_WRONG_PASSWORDS):
        assert at_site.comes(phone) is CapfReason.INVALID_ELEMENT
    assert at_site.shown(phone)["waiting"] is None
    assert phone.lsc is None


def test_whoever_recorded_an_old_phone_gets_no_certificate_for_a_key_of_his_own(at_site: AtSite) -> None:
    phone = at_site.phone()
    at_site.comes(phone)
    recorded = dict(phone.shown)
    at_site.running.do("POST", f"{at_site.path(phone)}/issue", {})
    impostor = CapfPhone(phone.device_name)
    assert at_site.comes(impostor, lambda _session: recorded) is CapfReason.INVALID_ELEMENT
    assert impostor.lsc is None
    assert "could be a recorded one" in at_site.refusal()
    assert at_site.shown(phone)["waiting"]["refusal"] == "not-fresh"
    at_site.running.do("DELETE", f"{at_site.path(phone)}/order")
    assert at_site.shown(phone)["waiting"] is None


def _of_another(phone: CapfPhone) -> None:
    phone.mic = identity("CP-9971-SEP001B54CEFFFF")


def _of_a_forger(phone: CapfPhone) -> None:
    phone.mic = identity(f"CP-9971-{phone.device_name}", forger())


def _unknown(phone: CapfPhone) -> None:
    phone.device_name = "SEP001B54CEFFFE"
    phone.mic = identity(f"CP-9971-{phone.device_name}")


def _without(phone: CapfPhone) -> None:
    phone.mic = None


IMPOSTORS: dict[str, tuple[Callable[[CapfPhone], None], str, CapfReason]] = {
    "another phone's certificate": (_of_another, "is another phone's", CapfReason.INVALID_ELEMENT),
    "a forger's CA of the maker's name": (_of_a_forger, "no CA that the organisation", CapfReason.INVALID_ELEMENT),
    "a phone that nobody added": (_unknown, "has no such phone", CapfReason.UNKNOWN_DEVICE),
    "no certificate": (_without, "no certificate was shown", CapfReason.INVALID_ELEMENT),
}


@pytest.mark.parametrize("who", IMPOSTORS)
def test_impostors_are_refused_by_name_and_leave_nothing(at_site: AtSite, who: str) -> None:
    make, sentence, reason = IMPOSTORS[who]
    real = at_site.phone()
    impostor = CapfPhone(real.device_name, real.mic)
    make(impostor)
    assert at_site.comes(impostor) is reason
    assert sentence in at_site.refusal()
    assert at_site.shown(real)["certificates"] == []


def test_a_phones_name_from_another_machine_is_refused(at_site: AtSite) -> None:
    phone = at_site.phone()
    assert at_site.comes(phone, source=Mac("001B54CEFFFC")) is CapfReason.INVALID_ELEMENT
    assert "from another MAC address" in at_site.refusal()
    assert at_site.shown(phone)["certificates"] == []


def test_a_phone_of_another_site_is_not_this_sites(at_site: AtSite) -> None:
    phone = at_site.phone()
    other = at_site.running.site("Certificates elsewhere")
    assert at_site.comes(phone, site=other) is CapfReason.UNKNOWN_DEVICE
    assert at_site.shown(phone)["certificates"] == []
    assert site_of(at_site.running, phone.device_name[3:]) == at_site.site


@pytest.mark.parametrize("operation", ["issue", "fetch"])
def test_a_phone_that_refuses_is_told_of_and_its_order_stays(at_site: AtSite, operation: str) -> None:
    phone = at_site.phone(signs_for_session=True, at_order=AtOrder.REFUSES)
    at_site.running.do("POST", f"{at_site.path(phone)}/{operation}", {} if operation == "issue" else None)
    assert at_site.comes(phone) is CapfReason.INVALID_ELEMENT
    assert "answered that it did not do it" in at_site.refusal()
    assert at_site.shown(phone)["waiting"]["refusal"] == "phone-refuses"


def test_a_phone_has_one_session_at_a_time(at_site: AtSite) -> None:
    phone = at_site.phone(signs_for_session=True)
    at_site.running.do("POST", f"{at_site.path(phone)}/issue", {})
    line = at_site.services.connect(at_site.running.hub, at_site.site, PhoneService.CAPF, mac_of(phone))
    context = phone_context(certificate(at_site.running, CAPF))
    with contextlib.closing(CapfClient(line, context)) as client:
        first = client.receive()
        client._session = first.session
        client.send(CapfCommand.AUTH_RESPONSE, phone.answer(first.session))
        client.receive()  # it is to make a key, and takes its time
        assert at_site.comes(phone) is CapfReason.INVALID_ELEMENT
        assert "last session has not ended" in at_site.refusal()  # before the first one is told of


def test_tvs_vouches_for_what_may_change_without_a_list_and_for_this_sites_phones(at_site: AtSite) -> None:
    phone = at_site.phone()
    context = phone_context(certificate(at_site.running, TVS))

    def asked(
        name: str, about: PhoneIdentity | None = None, role: object = CAPF, source: Mac | None = None
    ) -> tuple[TvsStatus, tuple[TrustRole, ...]]:
        line: socket.socket = at_site.services.connect(
            at_site.running.hub, at_site.site, PhoneService.TVS, source or mac_of(phone)
        )
        der = about.der if about is not None else tvs_client.der_of(certificate(at_site.running, role))  # type: ignore[arg-type]
        answer = tvs_client.ask(line, context, name, der)
        return answer.status, answer.roles

    name = f"CP-9971-{phone.device_name}"
    assert asked(name) == (TvsStatus.VALID, (TrustRole.CAPF,))
    assert asked(name, role=TVS) == (TvsStatus.INVALID, ())
    assert asked(name, phone.mic) == (TvsStatus.INVALID, ())
    assert asked(name, source=Mac("001B54CEFFFD")) == (TvsStatus.INVALID, ())
    assert asked("CP-9971-SEP001B54CEFFFD") == (TvsStatus.INVALID, ())
    assert asked("somebody") == (TvsStatus.INVALID, ())


def test_a_certificate_that_ends_while_the_phone_is_off_is_told_of_until_it_is_renewed(at_site: AtSite) -> None:
    phone = at_site.phone(signs_for_session=True)
    at_site.running.do("POST", f"{at_site.path(phone)}/issue", {})
    at_site.comes(phone)
    hub = at_site.running.hub
    phone_certificate_alerts.look(hub)
    assert alerts(at_site.running, at_site.site) == []
    bare = phone.device_name[3:]
    with at_site.running.clock.forward(5 * 365 * 86_400 - 30 * 86_400):
        phone_certificate_alerts.look(hub)
        assert alerts(at_site.running, at_site.site) == [("phone-certificate-ends", bare, 1)]
        at_site.running.do("DELETE", at_site.path(phone))
        phone_certificate_alerts.look(hub)
        assert alerts(at_site.running, at_site.site) == []


def test_what_is_kept_of_one_phone_is_bounded(at_site: AtSite) -> None:
    phone = at_site.phone()
    for number in range(phone_certificates.MOST_KEPT + 3):
        phone.mic = identity(f"CP-9971-{phone.device_name}", ends=dt.timedelta(days=30 + number))
        assert at_site.comes(phone) is CapfReason.NO_ACTION
    assert len(at_site.shown(phone)["certificates"]) == phone_certificates.MOST_KEPT


def test_processes_end_when_no_phone_needs_them(trusted: RunningHub) -> None:
    now = [0.0]
    held = PhoneServices(lambda: time.monotonic() + now[0])
    try:
        at_site = AtSite(trusted, held)
        at_site.comes(at_site.phone())
        (_keys, process) = held._processes[trusted.hub.organisation_id]
        held.end_idle()
        assert held._processes
        until = time.monotonic() + WITHIN_S
        while not process.is_idle:
            assert time.monotonic() < until
            time.sleep(0.02)
        now[0] = services_module.IDLE_S + 60
        held.end_idle()
        assert not held._processes
        at_site.comes(at_site.phone())  # the next one starts another
    finally:
        held.end()


def test_a_hub_without_keys_says_what_to_do(tmp_path: Path, services: PhoneServices) -> None:
    with served_hub(tmp_path / "data") as running, pytest.raises(TrustNotInitialised, match="ringfence trust init"):
        services.connect(running.hub, running.site("Nowhere"), PhoneService.CAPF, Mac("001B54CE0000"))


def test_too_many_organisations_at_once_are_refused(trusted: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services_module, "MOST_PROCESSES", 0)
    held = PhoneServices()
    with pytest.raises(PhoneServicesUnfit, match="too many organisations"):
        held.connect(trusted.hub, trusted.site("One too many"), PhoneService.CAPF, Mac("001B54CE0000"))
