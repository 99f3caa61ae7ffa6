"""Signing in at an OpenID Connect provider: who comes in, as what, and that no wrong answer lets anybody in."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import select

from ringfence.hub import within
from ringfence.hub.core import Hub
from ringfence.hub.errors import BadSelection
from ringfence.hub.fleet import organisations, people, provider_visits, sessions, sign_in_links
from ringfence.hub.fleet import sign_in_providers as providers
from ringfence.hub.fleet.known_browsers import KnownBrowser
from ringfence.hub.fleet.sign_in_providers import GroupMapping, ProviderValues
from ringfence.hub.openid import providers as remembered
from ringfence.hub.people.passkey_sign_ins import PasskeySignIns
from ringfence.hub.people.provider_sign_ins import ProviderSignIns
from ringfence.hub.people.sign_in_tries import SignInTries
from ringfence.hub.people.sign_ins import SignIns
from ringfence.hub.people.visitors import Visitor
from ringfence.hub.sign_in_errors import (
    LastOwner,
    NotSignedIn,
    PasskeyRefused,
    SignInProviderRefused,
    SignInProviderTaken,
    SignInProviderUnavailable,
    SignInRefused,
    TooManySignIns,
    UnknownSignInProvider,
)
from ringfence.hub.store.models import AuditEntryRow
from ringfence.hub.store.people_models import PersonRow, SessionRow
from ringfence.hub.store.sign_in_provider_models import ProviderVisitRow
from ringfence.secret import Secret
from support.openid_provider import CLIENT, SECRET, OpenIdProvider, openid_provider
from support.running_hub import Clock
from support.signing_in import person, sign_in, visitor

pytestmark = pytest.mark.usefixtures("cheap")

PHONES = GroupMapping("Phones", "operator")


@pytest.fixture
def hub(idle: Hub) -> Hub:
    idle.people_url = "https://hub.example.org"
    idle.config = idle.config.changed(sign_in_networks=("127.0.0.0/8", "::1/128"))
    return idle


@pytest.fixture
def clock(hub: Hub) -> Clock:
    assert isinstance(hub.clock, Clock)
    return hub.clock


@pytest.fixture
def provider(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenIdProvider]:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "provider.pem"))
    with openid_provider(tmp_path, clock) as served:
        yield served


@pytest.fixture
def ways(hub: Hub, provider: OpenIdProvider) -> ProviderSignIns:
    set_up(hub, provider)
    return ProviderSignIns(hub, SignInTries(hub))


def values(provider: OpenIdProvider, *mappings: GroupMapping, **more: object) -> ProviderValues:
    return ProviderValues("Company", provider.url, CLIENT, mappings or (PHONES,), **more)  # type: ignore[arg-type] # some of its fields


def set_up(hub: Hub, provider: OpenIdProvider, *mappings: GroupMapping) -> None:
    with hub.change("test") as change:
        providers.add(change, hub.sealer, "company", values(provider, *mappings), Secret(SECRET))


def changed(hub: Hub, made: ProviderValues) -> None:
    with hub.change("test") as change:
        providers.set_values(change, providers.get(change.session, "company"), made)


def query_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def come_in(ways: ProviderSignIns, provider: OpenIdProvider, how: Visitor | None = None, organisation: str = "") -> str:
    """Sign in from beginning to end; return the session's cookie."""
    how = how or visitor()
    there = ways.begin(organisation, "company", how, "/sites")
    came = ways.come_back(query_of(provider.authorise(there)), how, "")
    assert came.signed_in is not None
    assert came.onward == "/sites"
    return came.signed_in.session.reveal()


def who(hub: Hub, cookie: str) -> PersonRow:
    with within.everywhere(hub).database.reading() as session:
        return sessions.authenticate(session, cookie, hub.clock())[1]


def refused(ways: ProviderSignIns, provider: OpenIdProvider) -> str:
    with pytest.raises(SignInRefused) as said:
        come_in(ways, provider)
    return str(said.value)


def actions(hub: Hub) -> list[str]:
    with hub.database.reading() as session:
        return list(session.scalars(select(AuditEntryRow.action).order_by(AuditEntryRow.id)))


def test_somebody_comes_in_by_a_group_and_is_the_same_person_the_next_time(
    hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider
) -> None:
    first = who(hub, come_in(ways, provider))
    assert (first.name, first.display_name, first.role, first.is_hubwide) == ("dora", "Dora D.", "operator", False)
    provider.claims = {"groups": ["Phones"], "preferred_username": "another-name", "email": "x@example.org"}
    assert who(hub, come_in(ways, provider)).id == first.id
    told = actions(hub)
    assert {"person.add", "person.provider"} <= set(told)
    assert told.count("sign-in") == 2
    assert told.count("person.add") == 1


def test_what_the_browser_is_sent_with(ways: ProviderSignIns, provider: OpenIdProvider) -> None:
    there = ways.begin("", "company", visitor(), "/")
    assert there.startswith(f"{provider.url}/authorize?")
    asked = query_of(there)
    assert asked["redirect_uri"] == "https://hub.example.org/sign-in/provider/callback"
    assert (asked["scope"], asked["response_type"], asked["client_id"]) == ("openid profile email", "code", CLIENT)
    assert len({asked[each] for each in ("state", "nonce", "code_challenge")}) == 3
    assert SECRET not in there


def test_the_first_group_that_counts_says_the_role_and_the_scope(
    hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider
) -> None:
    limited = {"sites": ["office"], "groups": []}
    changed(hub, values(provider, GroupMapping("Help", "support", limited), PHONES))
    came = who(hub, come_in(ways, provider))
    assert (came.role, came.limited_to) == ("operator", None)
    before = come_in(ways, provider)
    provider.claims["groups"] = ["Phones", "Help", "Others"]
    came = who(hub, come_in(ways, provider))
    assert (came.role, came.limited_to) == ("support", limited)
    with pytest.raises(NotSignedIn):
        who(hub, before)


def test_whoever_is_in_no_group_any_more_is_out_at_once(
    hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider
) -> None:
    cookie = come_in(ways, provider)
    for groups in (["Others"], [], None, "Other", 7, {"Phones": True}):
        provider.claims = {"groups": groups}
        assert "in no group" in refused(ways, provider)
    with pytest.raises(NotSignedIn):
        who(hub, cookie)
    assert "sign-in.no-group" in actions(hub)
    provider.claims = {"groups": "Phones"}
    come_in(ways, provider)


def test_sessions_of_a_provider_have_an_end(hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider) -> None:
    changed(hub, values(provider, session_hours=2))
    come_in(ways, provider)
    with hub.database.reading() as session:
        row = session.scalars(select(SessionRow)).one()
    assert row.ends_at - row.created_at == 2 * 3600


def test_no_account_that_is_here_is_taken_over(hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider) -> None:
    dora = person(hub, "dora", "owner")
    provider.claims |= {"preferred_username": "DORA", "email": "dora", "sub_legacy": dora.id}
    came = who(hub, come_in(ways, provider))
    assert came.id != dora.id
    assert came.name == "DORA~company"
    assert who(hub, sign_in(SignIns(hub), "dora").session.reveal()).id == dora.id
    provider.subject, first = "subject-2", came
    second = who(hub, come_in(ways, provider))
    assert second.id not in {dora.id, first.id}
    assert second.name.startswith("company~")
    provider.claims = {"groups": ["Phones"], "preferred_username": " \n\u202e ", "name": "\x1b[31m"}
    provider.subject = "subject-3"
    odd = who(hub, come_in(ways, provider))
    assert odd.name.isprintable()
    assert odd.display_name.isprintable()


def test_there_is_no_other_way_in_for_whom_a_provider_vouches(
    hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider
) -> None:
    came = who(hub, come_in(ways, provider))
    with pytest.raises(SignInRefused):
        sign_in(SignIns(hub), came.name, password=Secret(""))
    with hub.change("test") as change, pytest.raises(BadSelection, match="provider"):
        sign_in_links.create(change, change.session.get_one(PersonRow, came.id), asks_password=True, valid_s=60)
    with hub.database.reading() as session:
        (its,) = sessions.of_person(session, came.id, hub.clock())
    with pytest.raises(PasskeyRefused, match="provider"):
        PasskeySignIns(hub, SignInTries(hub)).offer(hub, came.id, its.id)


def test_a_disabled_person_stays_out(hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider) -> None:
    came = who(hub, come_in(ways, provider))
    with hub.change("test") as change:
        people.disable(change, change.session.get_one(PersonRow, came.id))
    assert "disabled" in refused(ways, provider)


def test_an_owner_of_a_provider_is_not_the_last_one_that_an_organisation_needs(
    hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider
) -> None:
    local = person(hub, "local", "owner")
    changed(hub, values(provider, GroupMapping("Phones", "owner")))
    assert who(hub, come_in(ways, provider)).role == "owner"
    with hub.change("test") as change, pytest.raises(LastOwner):
        people.disable(change, change.session.get_one(PersonRow, local.id))
    changed(hub, values(provider, GroupMapping("Phones", "support", {"sites": ["office"], "groups": []})))
    came = who(hub, come_in(ways, provider))
    assert (came.role, came.limited_to) == ("support", {"sites": ["office"], "groups": []})
    changed(hub, values(provider, GroupMapping("Phones", "owner")))
    assert (who(hub, come_in(ways, provider)).role, came.limited_to is None) == ("owner", False)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"aud": "another-client"}, "aud"),
        ({"aud": ["another-client"]}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "azp"),
        ({"iss": "https://evil.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"exp": 1}, "One clock is wrong"),
        ({"exp": None}, "exp"),
        ({"exp": float("inf")}, "not accepted"),
        ({"iat": 4_000_000_000, "exp": 4_000_000_300}, "One clock is wrong"),
        ({"nbf": 4_000_000_000}, "One clock is wrong"),
        ({"iat": None}, "iat"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "not accepted"),
        ({"sub": 7}, "sub"),
        ({"sub": "x" * 300}, "who you are"),
        ({"at_hash": "AAAA"}, "at_hash"),
    ],
)
def test_a_token_that_is_not_right_lets_nobody_in(
    hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider, wrong: dict[str, object], said: str
) -> None:
    provider.wrong = wrong
    assert said in refused(ways, provider)
    assert "sign-in" not in actions(hub)
    assert "sign-in.refused" in actions(hub)


def test_a_signature_that_is_not_the_providers_lets_nobody_in(ways: ProviderSignIns, provider: OpenIdProvider) -> None:
    provider.signs = "none"
    assert "signature" in refused(ways, provider)
    provider.signs, provider.signing_key = "HS256", OctKey.import_key(SECRET, {"kid": "first"})
    assert "signature" in refused(ways, provider)
    provider.signs = "HS256 with the public key"
    assert "signature" in refused(ways, provider)
    provider.signs, provider.signing_key = "RS256", RSAKey.generate_key(2048, {"kid": "first"})
    assert "signature" in refused(ways, provider)


def test_a_provider_may_change_its_keys_and_is_asked_once_a_minute(
    hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider
) -> None:
    now = [0.0]
    ways.providers = remembered.Providers(hub.config.sign_in_networks, lambda: now[0])
    come_in(ways, provider)
    now[0] += 61
    provider.key = RSAKey.generate_key(2048, {"kid": "second"})
    come_in(ways, provider)
    assert provider.asked.count("/keys") == 2
    right, provider.signing_key = provider.key, RSAKey.generate_key(2048, {"kid": "third"})
    for _time in range(3):
        refused(ways, provider)
    assert provider.asked.count("/keys") == 2
    now[0] += 61
    refused(ways, provider)
    assert provider.asked.count("/keys") == 3
    provider.signing_key = right
    come_in(ways, provider)
    assert provider.asked.count("/.well-known/openid-configuration") == 1
    now[0] += 3601
    come_in(ways, provider)
    assert provider.asked.count("/.well-known/openid-configuration") == 2


def test_somebody_comes_back_once_in_the_same_browser_within_minutes(
    ways: ProviderSignIns, provider: OpenIdProvider, clock: Clock
) -> None:
    back = query_of(provider.authorise(ways.begin("", "company", visitor(), "/")))
    for wrong, how in (
        (back, visitor(browser=KnownBrowser("another"))),
        ({**back, "state": "another"}, visitor()),
        ({}, visitor()),
    ):
        with pytest.raises(SignInRefused, match="was not begun in this browser"):
            ways.come_back(wrong, how, "")
    ways.come_back(back, visitor(), "")
    with pytest.raises(SignInRefused, match="is over"):
        ways.come_back(back, visitor(), "")
    late = query_of(provider.authorise(ways.begin("", "company", visitor(), "/")))
    with clock.forward(901), pytest.raises(SignInRefused, match="took too long"):
        ways.come_back(late, visitor(), "")


def test_a_code_is_good_once_and_for_its_own_visit(ways: ProviderSignIns, provider: OpenIdProvider) -> None:
    first = query_of(provider.authorise(ways.begin("", "company", visitor(), "/")))
    ways.come_back(first, visitor(), "")
    second = query_of(provider.authorise(ways.begin("", "company", visitor(), "/")))
    with pytest.raises(SignInRefused, match="does not take the code: invalid_grant"):
        ways.come_back({**second, "code": first["code"]}, visitor(), "")
    for without in ({"code": ""}, {"code": "x" * 5000}):
        third = query_of(provider.authorise(ways.begin("", "company", visitor(), "/")))
        with pytest.raises(SignInRefused, match="no code"):
            ways.come_back({**third, **without}, visitor(), "")


@pytest.mark.parametrize("iss", [None, "https://evil.example"])
def test_an_answer_of_another_provider_is_refused(
    ways: ProviderSignIns, provider: OpenIdProvider, iss: str | None
) -> None:
    back = query_of(provider.authorise(ways.begin("", "company", visitor(), "/")))
    given = {**back, **({} if iss is None else {"iss": iss})}
    if iss is None:
        del given["iss"]
    with pytest.raises(SignInRefused, match="another provider"):
        ways.come_back(given, visitor(), "")


def test_what_the_provider_refuses_is_said_in_its_word(ways: ProviderSignIns, provider: OpenIdProvider) -> None:
    back = query_of(provider.authorise(ways.begin("", "company", visitor(), "/")))
    given = {"state": back["state"], "iss": back["iss"], "error": "access_denied\x1b[31m" + "x" * 200}
    with pytest.raises(SignInRefused, match="let nobody in: access_denied") as said:
        ways.come_back(given, visitor(), "")
    assert len(said.value.what) < 120
    assert said.value.what.isprintable()


def test_groups_may_be_told_apart_from_the_token(hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider) -> None:
    provider.claims = {"preferred_username": "dora"}
    provider.userinfo = {"sub": "subject-1", "groups": ["Phones"], "name": "Dora", "preferred_username": "other"}
    assert who(hub, come_in(ways, provider)).name == "dora"
    provider.userinfo["sub"] = "subject-9"
    assert "somebody else" in refused(ways, provider)
    changed(hub, values(provider, group_claim="resource_access.hub.roles"))
    provider.claims = {"resource_access": {"hub": {"roles": ["Phones"]}}}
    come_in(ways, provider)


def test_a_provider_that_is_down_is_one_sentence_and_passwords_go_on(
    hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider
) -> None:
    person(hub, "local", "owner")
    changed(hub, values(provider, PHONES))
    gone = ProviderValues("Company", "https://localhost:1", CLIENT, (PHONES,))
    changed(hub, gone)
    for _time in range(2):
        with pytest.raises(SignInProviderUnavailable, match="can't be reached"):
            ways.begin("", "company", visitor(), "/")
    assert who(hub, sign_in(SignIns(hub), "local").session.reveal()).name == "local"


@pytest.mark.parametrize(
    ("metadata", "padding", "said"),
    [
        ({"issuer": "https://evil.example"}, 0, "calls itself"),
        ({"authorization_endpoint": "http://localhost/authorize"}, 0, "authorization_endpoint"),
        ({"token_endpoint": "https://user:word@localhost/token"}, 0, "token_endpoint"),
        ({"jwks_uri": None}, 0, "jwks_uri"),
        ({"jwks_uri": ["x"]}, 0, "jwks_uri"),
        ({"end_session_endpoint": "javascript:alert(1)"}, 0, "end_session_endpoint"),
        ({}, 300_000, "more than"),
    ],
)
def test_what_a_provider_says_of_itself_is_checked(
    ways: ProviderSignIns, provider: OpenIdProvider, metadata: dict[str, object], padding: int, said: str
) -> None:
    provider.metadata, provider.padding = metadata, padding
    with pytest.raises(SignInProviderUnavailable, match=said):
        ways.begin("", "company", visitor(), "/")


def test_a_provider_in_a_network_that_is_not_allowed_is_not_asked(hub: Hub, provider: OpenIdProvider) -> None:
    hub.config = hub.config.changed(sign_in_networks=())
    set_up(hub, provider)
    with pytest.raises(SignInProviderUnavailable, match="not allowed") as said:
        ProviderSignIns(hub, SignInTries(hub)).begin("", "company", visitor(), "/")
    assert "sign_in_networks" in said.value.to_do
    assert provider.asked == []


def test_a_certificate_that_nobody_trusts_is_named(
    ways: ProviderSignIns, provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(SignInProviderUnavailable, match="certificate is not trusted"):
        ways.begin("", "company", visitor(), "/")
    assert provider.asked == []


def test_organisations_have_providers_and_people_of_their_own(
    hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider
) -> None:
    with hub.change("test") as change:
        organisations.create(change, "acme", "Acme")
    theirs = within.organisation(hub, "acme")
    assert ways.offered("acme") == []
    for nowhere in ("nowhere", "\0", "x" * 5000, "Main", "'"):
        assert ways.offered(nowhere) == []
        for named in ((nowhere, "company"), ("", nowhere)):
            with pytest.raises(UnknownSignInProvider):
                ways.begin(*named, visitor(), "/")
    with pytest.raises(UnknownSignInProvider):
        ways.begin("acme", "company", visitor(), "/")
    set_up(theirs, provider, GroupMapping("Phones", "auditor"))
    first, second = who(hub, come_in(ways, provider)), who(hub, come_in(ways, provider, organisation="acme"))
    assert (first.organisation_id, first.role) == ("main", "operator")
    assert (second.organisation_id, second.role) == ("acme", "auditor")
    assert first.id != second.id


def test_a_provider_that_goes_takes_its_sessions_with_it(
    hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider
) -> None:
    cookie = come_in(ways, provider)
    with hub.change("test") as change:
        providers.remove(change, providers.get(change.session, "company"))
    with pytest.raises(NotSignedIn):
        who(hub, cookie)
    with pytest.raises(UnknownSignInProvider):
        ways.begin("", "company", visitor(), "/")


def test_who_somebody_is_is_proved_anew_at_the_provider(
    hub: Hub, ways: ProviderSignIns, provider: OpenIdProvider, clock: Clock
) -> None:
    cookie = come_in(ways, provider)
    with within.everywhere(hub).database.reading() as session:
        row, came = sessions.authenticate(session, cookie, hub.clock())
    with clock.forward(3600):
        there = ways.begin_again(hub, came.id, row.id, visitor(), "/account")
        assert (query_of(there)["prompt"], query_of(there)["max_age"]) == ("login", "0")
        provider.proves_anew = False
        with pytest.raises(SignInRefused, match="anew"):
            ways.come_back(query_of(provider.authorise(there)), visitor(), cookie)
        provider.wrong = {"auth_time": None}
        there = ways.begin_again(hub, came.id, row.id, visitor(), "/account")
        with pytest.raises(SignInRefused, match="does not say when"):
            ways.come_back(query_of(provider.authorise(there)), visitor(), cookie)
        provider.wrong, provider.proves_anew, provider.subject = {}, True, "subject-2"
        there = ways.begin_again(hub, came.id, row.id, visitor(), "/account")
        with pytest.raises(SignInRefused, match="somebody else"):
            ways.come_back(query_of(provider.authorise(there)), visitor(), cookie)
        provider.subject = "subject-1"
        there = ways.begin_again(hub, came.id, row.id, visitor(), "/account")
        back = ways.come_back(query_of(provider.authorise(there)), visitor(), cookie)
        assert (back.signed_in, back.onward) == (None, "/account")
        with hub.database.reading() as session:
            assert hub.clock() - sessions.get(session, row.id, hubwide_too=True).confirmed_at < 600
    assert ways.leave(hub, came.id).startswith(f"{provider.url}/leave?client_id={CLIENT}&post_logout_redirect_uri=")
    assert ways.leave(hub, person(hub, "local").id) == ""


def test_who_never_comes_back_has_to_wait_and_visits_are_bounded(
    hub: Hub, ways: ProviderSignIns, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_visits, "MOST", 5)
    with clock.stopped():
        for _time in range(30):
            ways.begin("", "company", visitor(), "/")
        with pytest.raises(TooManySignIns):
            ways.begin("", "company", visitor(), "/")
    with hub.database.reading() as session:
        assert len(session.scalars(select(ProviderVisitRow)).all()) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://login.example.org"},
        {"issuer": "https://login.example.org/?x=1"},
        {"issuer": "https://u:p@login.example.org"},
        {"issuer": "https:///x"},
        {"issuer": "https://[x"},
        {"issuer": "https://a.example/" + "x" * 300},
        {"name": ""},
        {"name": "x\n"},
        {"client_id": " "},
        {"group_claim": ""},
        {"asked_scopes": 'a "b"'},
        {"session_hours": 0},
        {"session_hours": 169},
        {"mappings": [PHONES, PHONES]},
        {"mappings": [GroupMapping("", "operator")]},
        {"mappings": [GroupMapping(str(number), "operator") for number in range(101)]},
    ],
)
def test_what_can_not_be_is_refused(hub: Hub, wrong: dict[str, object]) -> None:
    given = {
        "name": "Company",
        "issuer": "https://login.example.org",
        "client_id": CLIENT,
        "mappings": [PHONES],
        **wrong,
    }
    if given["name"] == "x\n":
        given["name"] = "x\ny"
    made = ProviderValues(**given)  # type: ignore[arg-type] # one of them is wrong
    with hub.change("test") as change, pytest.raises(SignInProviderRefused):
        providers.add(change, hub.sealer, "company", made, Secret(SECRET))


def test_a_secret_is_sealed_and_ids_are_each_good_once(hub: Hub) -> None:
    made = ProviderValues("Company", "https://login.example.org", CLIENT, ())
    with hub.change("test") as change:
        row = providers.add(change, hub.sealer, "company", made, Secret(SECRET))
        assert SECRET.encode() not in row.sealed_client_secret
        assert providers.secret_of(hub.sealer, row) == Secret(SECRET)
        with pytest.raises(SignInProviderTaken):
            providers.add(change, hub.sealer, "company", made, Secret(SECRET))
        for wrong in ("", "UP", "-x", "a" * 21, "a b"):
            with pytest.raises(SignInProviderRefused):
                providers.add(change, hub.sealer, wrong, made, Secret(SECRET))
        with pytest.raises(SignInProviderRefused):
            providers.add(change, hub.sealer, "other", made, Secret(""))
        owner = GroupMapping("Phones", "owner", {"sites": ["office"], "groups": []})
        with pytest.raises(BadSelection):
            providers.set_values(change, row, ProviderValues("x", "https://login.example.org", CLIENT, (owner,)))
