"""What protects calls: what follows from ``protect_calls`` for each model, what is refused, and what is told."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import BadInput
from ringfence.phones.errors import IncompletePhone, ValueOutOfRange
from ringfence.phones.families import families
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.protection import FOLLOWS, SiteTunnel, check_tunnel, told
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.rendering.resolve_settings import BUILT_IN, Scope, Value, resolve
from ringfence.phones.settings.protection import PROTECT_CALLS, SERVERS
from ringfence.secret import Secret
from support.phone_reading import read_configuration

MODELS = sorted(name for family in families().values() for name in family.models if name != "generic")
TAKE_TLS = frozenset({"cisco-spa", "cisco-mpp", "yealink", "snom"})
NO_SRTP = frozenset({"SPA112", "SPA122"})
RENDERER = Renderer()
LINE = LineAccount(1, "Anna", "anna", "Anna Berg", "anna-auth", Secret("s3cr3tOfAnna"))
NO_TUNNEL = SiteTunnel("site home has no box", "Make one.")
HAS_TUNNEL = SiteTunnel(names=frozenset({"pbx.inside"}))
SCOPES = (Scope.ORGANISATION, Scope.SITE, Scope.GROUP, Scope.PHONE)
Layers = Mapping[str, Mapping[str, Value]]


def resolved(kind: str, layers: Layers) -> tuple[dict[str, Value], dict[str, str]]:
    """Return a phone's values that are not defaults, and the scope of each."""
    ordered = [(str(scope), layers.get(str(scope), {})) for scope in SCOPES]
    found = {name: each for name, each in resolve(ordered, kind).items() if each.scope != BUILT_IN}
    return {name: each.value for name, each in found.items()}, {name: each.scope for name, each in found.items()}


def file_of(kind: str, layers: Layers) -> bytes:
    values, _scopes = resolved(kind, {"organisation": {"sip_server": "192.0.2.10"}} | dict(layers))
    return RENDERER.render(PhoneToRender(Mac("001122334455"), kind, "", values, (LINE,)))[-1].data


def said(kind: str, layers: Layers, tunnel: SiteTunnel = NO_TUNNEL) -> str:
    ordered = [(str(scope), layers.get(str(scope), {})) for scope in SCOPES]
    values = {name: each.value for name, each in resolve(ordered, kind).items()}
    return " ".join(told(values, model_of(kind)[1], tunnel))


@pytest.mark.parametrize("kind", MODELS)
def test_nothing_follows_where_nobody_asked_for_protection(kind: str) -> None:
    plain = file_of(kind, {})
    assert file_of(kind, {"site": {PROTECT_CALLS: "none"}}) == plain
    assert file_of(kind, {"site": {"tunnel_sip_server": "10.0.0.1"}}) == plain


@pytest.mark.parametrize("kind", MODELS)
def test_tls_is_written_whole_or_the_phone_gets_no_file(kind: str) -> None:
    asked: Layers = {"site": {PROTECT_CALLS: "tls"}}
    if model_of(kind)[0].id not in TAKE_TLS or kind in NO_SRTP:
        with pytest.raises(ValueOutOfRange, match="tls") as refused:
            file_of(kind, asked)
        assert "tunnel" in refused.value.to_do
        assert f"A publish leaves this phone out: {refused.value.what}" in said(kind, asked)
        return
    held = read_configuration(file_of(kind, asked), kind)
    assert held.sip_transport == "tls"
    assert held.sip_servers[0] == ("192.0.2.10", 5061)


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("T46S", ("account.1.srtp_encryption = 2", "transport_type = 2", "sip_server.1.port = 5061")),
        ("D785", ('<user_srtp idx="1" perm="R">on<', "mandatory</user_savp>", 'user_auth_tag idx="1" perm="R">off<',
                  ":5061;transport=tls<")),
        ("8851-3PCC", ('<Secure_Call_Option_1_ ua="na">Strict<', '<SIP_Transport_1_ ua="na">TLS<', ":5061<",
                       '<Secure_Call_Serv ua="na">Yes<')),
        ("SPA504G", ('<Secure_Call_Setting ua="na">Yes<', '<SRTP_Method ua="na">s-descriptor<', ":5061<",
                     '<SIP_Transport_1_ ua="na">TLS<')),
    ],
)  # fmt: skip
def test_voice_is_encrypted_as_each_family_is_told_to(kind: str, written: tuple[str, ...]) -> None:
    text = file_of(kind, {"site": {PROTECT_CALLS: "tls"}}).decode()
    plain = file_of(kind, {}).decode()
    for each in written:
        assert each in text
        assert each not in plain


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("7941", "with a trust list only"), ("8941", "with a trust list only"), ("9971", "with a trust list only"),
        ("8851", "with a trust list only"), ("7960", "does not speak SIP over TLS"),
        ("ATA190", "does not speak SIP over TLS"),
        ("ATA192", "not known well enough"), ("SPA112", "not known well enough"),
    ],
)  # fmt: skip
def test_who_can_not_have_tls_is_refused_with_the_reason(kind: str, why: str) -> None:
    with pytest.raises(ValueOutOfRange) as refused:
        file_of(kind, {"group": {PROTECT_CALLS: "tls"}})
    assert why in refused.value.what


def test_a_trust_list_of_ones_own_is_believed_and_told() -> None:
    own: Layers = {"site": {PROTECT_CALLS: "tls", "device_security": "encrypted", "sip_transport": "tls"}}
    text = file_of("7941", own).decode()
    assert "<deviceSecurityMode>3<" in text
    assert "<transportLayerProtocol>3<" in text
    sentences = said("7941", own)
    assert "only with a trust list (CTL)" in sentences
    assert "tags of 32 bits only (AES_CM_128_HMAC_SHA1_32) (certain)" in sentences
    assert "TLS 1.0 at best" in sentences
    signed: Layers = {"site": {**own["site"], "device_security": "authenticated"}}
    assert "signed but not encrypted" in said("7941", signed)


def test_with_a_trust_list_of_the_organisation_tls_follows() -> None:
    wanted: Layers = {"site": {"trust": "signed", PROTECT_CALLS: "tls"}}
    text = file_of("8945", wanted).decode()
    for each in ("<deviceSecurityMode>3<", "<transportLayerProtocol>3<", "<securedSipPort>5061<"):
        assert each in text
    values, scopes = resolved("9971", wanted)
    assert (values["device_security"], scopes["device_security"]) == ("encrypted", FOLLOWS)
    sentences = said("8945", wanted)
    assert "which its trust list names: `ringfence trust export-pbx` gives it to the PBX" in sentences
    assert "TLS 1.0 at best" in sentences
    apart: Layers = {**wanted, "phone": {"sip_transport": "tcp"}}
    assert "device_security" not in resolved("9971", apart)[0]
    assert "sip_transport was set to tcp for this phone, which wins" in said("9971", apart)
    without: Layers = {**wanted, "phone": {"device_security": "none"}}
    with pytest.raises(ValueOutOfRange, match="device_security was set to none"):
        file_of("9971", without)


def test_the_nearest_scope_wins_over_what_follows_and_that_is_told() -> None:
    wider: Layers = {"organisation": {"sip_transport": "tcp", "sip_port": 5060}, "site": {PROTECT_CALLS: "tls"}}
    values, scopes = resolved("T46S", wider)
    assert (values["sip_transport"], values["sip_port"], scopes["sip_transport"]) == ("tls", 5061, FOLLOWS)
    same: Layers = {"site": {PROTECT_CALLS: "tls", "sip_transport": "udp"}}
    values, scopes = resolved("T46S", same)
    assert (values["sip_transport"], scopes["sip_transport"]) == ("udp", "site")
    assert "srtp" not in values
    assert "sip_port" not in values
    sentences = said("T46S", same)
    assert "sip_transport was set to udp for this phone, which wins" in sentences
    assert "encrypts neither SIP nor voice" in sentences
    port: Layers = {"site": {PROTECT_CALLS: "tls"}, "phone": {"sip_port": 5071}}
    assert resolved("T46S", port)[0]["sip_port"] == 5071


@pytest.mark.parametrize("kind", MODELS)
def test_in_a_tunnel_phones_get_the_servers_inner_addresses(kind: str) -> None:
    inside = {inner: f"10.0.0.{at}" for at, inner in enumerate(SERVERS.values(), 1)}
    known = model_of(kind)[1].settings
    layers: Layers = {
        "organisation": {"sip_server": "pbx.example.com", "sip_server_2": "pbx2.example.com"},
        "site": {PROTECT_CALLS: "tunnel", **inside},
    }
    text = file_of(kind, layers).decode()
    assert "10.0.0.1" in text
    assert "example.com" not in text
    assert ("10.0.0.2" in text) is ("sip_server_2" in known)
    values, scopes = resolved(kind, layers)
    assert scopes["sip_server"] == FOLLOWS
    assert "sip_transport" not in values, "the family speaks as it does elsewhere"
    check_tunnel(values, HAS_TUNNEL)
    with pytest.raises(IncompletePhone, match="site home has no box"):
        check_tunnel(values, NO_TUNNEL)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"sip_server": "pbx.example.com"}, "sip_server is pbx.example.com"),
        ({"sip_server": "10.0.0.1", "sip_server_2": "pbx2.example.com"}, "sip_server_2 is pbx2.example.com"),
        ({"sip_server": "10.0.0.1", "outbound_proxy": "proxy.example.com"}, "outbound_proxy is proxy.example.com"),
        ({"sip_server": "10.0.0.1", "line_proxy": "other.example.com"}, "line_proxy is other.example.com"),
    ],
)
def test_a_name_that_no_box_answers_is_no_way_into_the_tunnel(values: Mapping[str, Value], what: str) -> None:
    with pytest.raises(IncompletePhone) as refused:
        check_tunnel({PROTECT_CALLS: "tunnel", **values}, HAS_TUNNEL)
    assert what in refused.value.what
    check_tunnel({PROTECT_CALLS: "none", **values}, NO_TUNNEL)
    check_tunnel({PROTECT_CALLS: "tunnel", "sip_server": "PBX.inside"}, HAS_TUNNEL)
    check_tunnel({PROTECT_CALLS: "tunnel", "sip_server": "192.168.7.20"}, HAS_TUNNEL)


def test_what_is_protected_is_told_in_sentences() -> None:
    assert said("9971", {}).startswith("The phone encrypts neither SIP nor voice. Whoever is on the way hears")
    assert "through its tunnel nevertheless" in said("9971", {}, HAS_TUNNEL)
    inside: Layers = {"site": {PROTECT_CALLS: "tunnel", "tunnel_sip_server": "10.0.0.1"}}
    assert said("9971", inside, HAS_TUNNEL).startswith("Calls, and SIP with its passwords, go to 10.0.0.1 through")
    assert said("9971", inside).startswith("A publish leaves this phone out: protect_calls is tunnel, but site home")
    tls: Layers = {"site": {PROTECT_CALLS: "tls"}}
    assert "SRTP in every call" in said("T46S", tls)
    assert "a CA of your own has to be known" in said("T46S", tls)
    assert "An SPA504G speaks TLS 1.0 at best (certain)" in said("SPA504G", tls)
    assert "calls that the phone makes" in said("SPA504G", tls)
    assert "for your own templates" in said("generic", tls)
    assert "where the PBX and the other side do so" in said("T46S", {"site": {**tls["site"], "srtp": "optional"}})
    assert "Voice is not encrypted" in said("T46S", {"site": {**tls["site"], "srtp": "none"}})


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(MODELS),
    st.dictionaries(
        st.sampled_from([str(scope) for scope in SCOPES]),
        st.fixed_dictionaries(
            {},
            optional={
                PROTECT_CALLS: st.sampled_from(["none", "tls", "tunnel"]),
                "sip_transport": st.sampled_from(["udp", "tcp", "tls"]),
                "sip_port": st.sampled_from([5060, 5071]),
                "tunnel_sip_server": st.sampled_from(["10.0.0.1", "pbx.inside"]),
                "device_security": st.sampled_from(["none", "encrypted"]),
            },
        ),
        max_size=4,
    ),
)
def test_whatever_is_set_where_calls_are_never_in_clear_unasked(kind: str, layers: Layers) -> None:
    order = [str(scope) for scope in SCOPES]
    nearest = {
        name: max((at for at, scope in enumerate(order) if name in layers.get(scope, {})), default=-1)
        for name in (PROTECT_CALLS, "sip_transport")
    }
    try:
        held = read_configuration(file_of(kind, layers), kind)
    except BadInput:
        return
    values, _scopes = resolved(kind, layers)
    if values.get(PROTECT_CALLS) == "tls" and nearest["sip_transport"] < nearest[PROTECT_CALLS]:
        assert held.sip_transport == "tls"
    if values.get(PROTECT_CALLS) == "tunnel" and "tunnel_sip_server" in values:
        assert held.sip_servers[0][0] == values["tunnel_sip_server"]
    if values.get(PROTECT_CALLS, "none") == "none":
        assert held.sip_servers[0][0] == "192.0.2.10"
