"""The simulated phone signs in at a head end as its file says, and gives nothing to any other."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.vpn.head_end import VpnLogin, pin_of, vpn_settings
from ringfence.secret import Secret
from ringfence.sim.vpn_client import VpnProfile, sign_in
from support.phone_identities import cisco, forger, identity
from support.svc_server import SvcServer, svc_server
from support.vpn_certificates import head_end_certificate

MAC = Mac.parse("001122334455")
USER, PASSWORD = f"SEP{MAC.bare}", "12345678901234"


def pin(number: int) -> str:
    return pin_of(head_end_certificate(number, "127.0.0.1")[1].public_bytes(Encoding.DER))


def profile(address: str, *pins: str, login: VpnLogin = VpnLogin.PASSWORD) -> VpnProfile:
    """What the file of a phone says, rendered as a publish does and read as a phone does."""
    line = LineAccount(1, "Anna", "anna", "Anna", "anna", Secret("x"))
    settings = {"sip_server": "192.0.2.10", **vpn_settings([address], pins, login)}
    found = VpnProfile.of(Renderer().render(PhoneToRender(MAC, "8851", "", settings, (line,)))[-1].data)
    assert found is not None
    return found


def test_a_phone_signs_in_by_its_password() -> None:
    with svc_server(head_end_certificate(1, "127.0.0.1"), SvcServer({USER: PASSWORD})) as head_end:
        said = profile(head_end.address, pin(1), pin(2))
        assert said.urls == (f"https://{head_end.address}/svc",)
        assert said.pins == frozenset({pin(1), pin(2)})
        assert sign_in(said, USER, Secret(PASSWORD)).is_in
        assert head_end.heard == [
            "GET /svc", f"POST /svc username={USER}&password={PASSWORD}", "CONNECT /CSCOSSLC/tunnel",
        ]  # fmt: skip
        assert "refuses this phone" in sign_in(said, USER, Secret("1")).said
        assert "sign in again" in sign_in(said, USER).said


def test_a_phone_signs_in_by_its_makers_certificate() -> None:
    own, name = identity(f"CP-8851-{USER}"), f"CP-8851-{USER}"
    shown = head_end_certificate(1, "127.0.0.1")
    with svc_server(shown, SvcServer(names=frozenset({name})), cisco().pem) as head_end:
        said = profile(head_end.address, pin(1), login=VpnLogin.CERTIFICATE)
        assert sign_in(said, identity=own).is_in
        assert head_end.heard[1] == "POST /svc", "an empty one"
        assert "refuses" in sign_in(said, identity=identity("CP-8851-SEP001122334456")).said
        before = list(head_end.heard)
        for other in (None, identity(name, forger())):
            assert not sign_in(said, identity=other).is_in
        assert head_end.heard == before


@pytest.mark.parametrize("shown", [2, 3])
def test_a_head_end_that_the_file_does_not_name_hears_nothing(shown: int) -> None:
    with svc_server(head_end_certificate(shown, "127.0.0.1"), SvcServer({USER: PASSWORD})) as head_end:
        ended = sign_in(profile(head_end.address, pin(1)), USER, Secret(PASSWORD))
        assert not ended.is_in
        assert not ended.gave
        assert "not one of those in the file" in ended.said
        assert head_end.heard == []


def test_a_certificate_for_another_host_is_refused_though_the_file_names_it() -> None:
    other = head_end_certificate(1, "vpn.example.org")
    with svc_server(other) as head_end:
        said = profile(head_end.address, pin_of(other[1].public_bytes(Encoding.DER)))
        assert "does not name 127.0.0.1" in sign_in(said, USER, Secret(PASSWORD)).said
        assert head_end.heard == []


def test_a_file_without_a_head_end_has_none() -> None:
    assert VpnProfile.of(b"<device></device>") is None
