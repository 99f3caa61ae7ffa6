"""What phones know of VPN head ends, what ocserv is told, and how a phone signs in."""

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.phones.errors import ValueOutOfRange
from ringfence.phones.families import model as model_of
from ringfence.phones.family import Feature
from ringfence.phones.mac import Mac
from ringfence.phones.vpn import ocserv, users
from ringfence.phones.vpn.head_end import VpnLogin, host_and_port, pin_of, read_address, url_of, vpn_settings
from ringfence.phones.vpn.ocserv import Ocserv, OcservVersion
from ringfence.phones.vpn.sign_in import SignInState, VpnSignIn, cookies
from ringfence.secret import Secret

GET_ANSWER = (
    200,
    ["webvpn=; expires=Thu, 01 Jan 1970 22:00:00 GMT; path=/; secure", "webvpnlogin=1; secure"],
)
"""Recorded: what ocserv's worker-svc.c answers to GET /svc, and to a POST that has no name or password."""
POST_ANSWER = (200, ["webvpn=AbCd+/12==; secure"])
"""Recorded: what it answers to who may come in."""
REFUSAL: tuple[int, list[str]] = (401, [])
"""Recorded: what it answers to anybody else."""


@pytest.mark.parametrize(
    ("said", "read", "host", "port"),
    [
        ("VPN.Example.org.", "vpn.example.org", "vpn.example.org", 443),
        ("vpn.example.org:443", "vpn.example.org", "vpn.example.org", 443),
        ("vpn.example.org:8443", "vpn.example.org:8443", "vpn.example.org", 8443),
        ("192.0.2.1", "192.0.2.1", "192.0.2.1", 443),
        ("2001:db8::1", "[2001:db8::1]", "2001:db8::1", 443),
        ("[2001:db8::1]:8443", "[2001:db8::1]:8443", "2001:db8::1", 8443),
    ],
)
def test_where_a_head_end_is(said: str, read: str, host: str, port: int) -> None:
    assert read_address(said) == read
    assert host_and_port(read) == (host, port)
    assert url_of(read) == f"https://{read}/svc"


@pytest.mark.parametrize("said", ["", "a b", "vpn_x.example", "vpn:0", "vpn:65536", "vpn:x", "[::1", "https://a", "a:"])
def test_what_is_no_address(said: str) -> None:
    with pytest.raises(ValueOutOfRange):
        read_address(said)


@given(st.text(max_size=300))
def test_an_address_is_read_once_and_for_all(said: str) -> None:
    try:
        read = read_address(said)
    except ValueOutOfRange:
        return
    assert read_address(read) == read
    assert not set(read) & set(" \"'<>\n/")


def test_a_pin_is_what_phones_files_have() -> None:
    assert pin_of(b"certificate") == "c1rVccGJ17qERkv0qfHSKAF1sSg="  # openssl dgst -sha1 -binary | base64


def test_settings_that_follow_from_a_head_end_are_settings_of_every_model_with_a_vpn() -> None:
    said = vpn_settings(["vpn.example.org", "192.0.2.1:8443"], [pin_of(b"1"), pin_of(b"2")], VpnLogin.PASSWORD)
    for name in ("8851", "8861", "9971", "8945"):
        model = model_of(name)[1]
        assert Feature.VPN in model.features
        for setting, value in said.items():
            assert model.settings[setting].check(value) == value
    assert "vpn" not in model_of("7841")[1].settings


def head_end(**parts: object) -> Ocserv:
    usual = {
        "version": OcservVersion.WITH_PHONES, "folder": "/etc/ocserv/ringfence", "port": 443,
        "login": VpnLogin.CERTIFICATE, "certificate": "server-0123456789abcdef.pem",
        "network": IPv4Network("10.99.0.0/22"), "routes": ("192.0.2.0/24",), "mtu": 1290, "takes_old": False,
    }  # fmt: skip
    return Ocserv(**{**usual, **parts})  # type: ignore[arg-type]  # its own


def test_ocserv_for_phones() -> None:
    lines = ocserv.configuration(head_end(has_revoked=True)).splitlines()
    for line in (
        "cisco-svc-client-compat = true", "dtls-legacy = true", "udp-port = 443", 'auth = "certificate"',
        "cert-user-oid = 2.5.4.3", "crl = /etc/ocserv/ringfence/revoked.pem", "ipv4-netmask = 255.255.252.0",
        "route = 192.0.2.0/24", "server-key = /etc/ocserv/ringfence/server-0123456789abcdef.key",
        "connect-script = /etc/ocserv/ringfence/ringfence-connect",
    ):  # fmt: skip
        assert line in lines
    assert not any("VERS-TLS1.0" in line and "-VERS-TLS1.0" not in line for line in lines)


def test_ocserv_as_debian_has_it_gets_nothing_that_it_does_not_know() -> None:
    text = ocserv.configuration(head_end(version=OcservVersion.WITHOUT_PHONES, login=VpnLogin.PASSWORD))
    assert "cisco-svc-client-compat" not in text
    assert 'auth = "plain[passwd=/etc/ocserv/ringfence/ocpasswd]"' in text
    assert "ca-cert" not in text


def test_older_phones_get_the_one_cipher_that_they_find_for_both() -> None:
    (line,) = [each for each in ocserv.configuration(head_end(takes_old=True)).splitlines() if "tls-prior" in each]
    assert "+AES-256-CBC" in line
    assert "+VERS-TLS1.0" in line
    assert "GCM" not in line


def test_users_are_phones_of_the_fleet() -> None:
    mac = Mac("001122334455")
    assert users.user_of(mac) == "SEP001122334455"
    assert users.makers_user("CP-8851-SEP001122334455", mac) == "CP-8851-SEP001122334455"
    for other in ("CP-8851-SEP001122334456", "SEP001122334455", "CP-8851-SEP001122334455\nroot", "root", ""):
        assert users.makers_user(other, mac) is None
    assert users.mac_of("CP-8851-SEP001122334455") == users.mac_of("SEP001122334455") == "001122334455"
    assert users.mac_of("root") == ""


def test_a_password_file_holds_hashes_alone() -> None:
    hashed = "$2b$10$Ui9yCbAlWlV0B4S0F4IZwOnips8cHvxE3u9hYe8ZNpZfcEODLCGYK"
    assert users.ocpasswd({"SEP001122334455": hashed}) == f"SEP001122334455:*:{hashed}\n"
    with pytest.raises(ValueError, match="crypt"):
        users.ocpasswd({"SEP001122334455": "clear\nroot:*:x"})


def test_a_phone_signs_in_by_name_and_password() -> None:
    phone = VpnSignIn("vpn.example.org", "SEP001122334455", Secret("12 34&5"))
    first = phone.poll()
    assert first is not None
    assert (first.method, first.path, first.body) == ("GET", "/svc", "")
    phone.on_answer(*GET_ANSWER)
    second = phone.poll()
    assert second is not None
    assert (second.method, second.path) == ("POST", "/svc")
    assert second.body == "username=SEP001122334455&password=12%2034%265"
    phone.on_answer(*POST_ANSWER)
    third = phone.poll()
    assert third is not None
    assert (third.method, third.path) == ("CONNECT", "/CSCOSSLC/tunnel")
    assert third.headers["Cookie"] == "webvpn=AbCd+/12=="


def test_a_phone_signs_in_by_its_certificate_with_an_empty_post() -> None:
    phone = VpnSignIn("vpn.example.org")
    phone.on_answer(*GET_ANSWER)
    post = phone.poll()
    assert post is not None
    assert (post.method, post.body, post.headers["Content-Length"]) == ("POST", "", "0")
    phone.on_answer(*POST_ANSWER)
    assert phone.state is SignInState.IN


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([(404, [])], "does not ask to sign in"),
        ([(200, ["webvpnlogin=; secure"])], "does not ask to sign in"),
        ([GET_ANSWER, REFUSAL], "refuses this phone"),
        ([GET_ANSWER, GET_ANSWER], "sign in again"),
        ([GET_ANSWER, (500, [])], "not understood"),
    ],
)
def test_a_phone_gives_up(answers: list[tuple[int, list[str]]], why: str) -> None:
    phone = VpnSignIn("vpn.example.org", "SEP001122334455", Secret("1"))
    for answer in answers:
        phone.on_answer(*answer)
    assert phone.state is SignInState.REFUSED
    assert why in phone.why
    assert phone.poll() is None


@given(st.lists(st.text(max_size=200), max_size=50))
def test_whatever_a_server_sets_is_bounded(lines: list[str]) -> None:
    assert len(cookies(lines)) <= 32
