"""Accounts as PBXes take them, read back by what reads such files; digests as the RFCs' own examples have them."""

import hashlib
import sqlite3
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ringfence.phones.errors import BadSipMessage, UnfitAccount
from ringfence.phones.mac import Mac
from ringfence.phones.sip.digest import (
    Challenge,
    authorization,
    best_challenge,
    ha1,
    parse_challenge,
)
from ringfence.phones.sip.pbx_accounts import PbxKind, SipAccount, export
from ringfence.secret import Secret

ANNA, BEN = Mac("001B54C2F001"), Mac("001B54C2F002")
NEW, OLD = Secret("N3w;Secret"), Secret("0ldSecret")
REALM = "sip.example.org"
ACCOUNTS = [
    SipAccount(ANNA, 1, "201", 'Anna "A" & Söhne', "anna", NEW, OLD),
    SipAccount(ANNA, 2, "202", "Anna 2", "anna", NEW, OLD),
    SipAccount(BEN, 1, "301", "Ben", "301", Secret("BensSecret")),
]


def md5(data: bytes) -> "hashlib._Hash":
    return hashlib.new("md5", data, usedforsecurity=False)


def sections(text: str) -> dict[str, list[dict[str, str]]]:
    """pjsip's sections by name, as Asterisk's main/config.c reads them; it allows one name for several."""
    found: dict[str, list[dict[str, str]]] = {}
    last: dict[str, str] = {}
    for line in text.splitlines():
        plain = line
        at = plain.find(";")
        while at > 0 and plain[at - 1] == "\\":  # an escaped semicolon: the backslash goes
            plain = plain[: at - 1] + plain[at:]
            at = plain.find(";", at)
        plain = (plain if at < 0 else plain[:at]).strip()
        if plain.startswith("["):
            last = {}
            found.setdefault(plain.strip("[]"), []).append(last)
        elif "=" in plain:
            key, _equals, value = plain.partition("=")
            last[key.strip()] = value.removeprefix(">").strip()
    return found


def test_asterisk_gets_a_section_for_each_line_and_one_credential_for_each_device() -> None:
    found = sections(export(ACCOUNTS, PbxKind.ASTERISK)["pjsip_ringfence.conf"])
    endpoints = {name: part for name, parts in found.items() for part in parts if part["type"] == "endpoint"}
    auths = {name: part for name, parts in found.items() for part in parts if part["type"] == "auth"}
    assert set(endpoints) == {"201", "202", "301"}
    assert endpoints["201"]["auth"] == endpoints["202"]["auth"] == "auth-anna,auth-anna-old"
    assert (auths["auth-anna"]["username"], auths["auth-anna"]["password"]) == ("anna", "N3w;Secret")
    assert auths["auth-anna-old"]["password"] == "0ldSecret"
    assert all(any(part["type"] == "aor" for part in found[name]) for name in endpoints)
    assert endpoints["201"]["callerid"] == "\"Anna 'A' & Söhne\" <201>"


@pytest.mark.parametrize("password", ["a\\b", "a\\\\b", "a\\;b", ">a", ">>a", "=a", "a;--b--;c", "#a", "[a]", "\\"])
def test_asterisk_reads_the_password_that_the_phone_has(password: str) -> None:
    account = SipAccount(BEN, 1, "301", "Ben", "301", Secret(password))
    found = sections(export([account], PbxKind.ASTERISK)["pjsip_ringfence.conf"])
    assert found["auth-301"][0]["password"] == password


@pytest.mark.parametrize(
    ("pbx", "password"), [(PbxKind.ASTERISK, "a "), (PbxKind.ASTERISK, "a\nb"), (PbxKind.FREESWITCH, "a$${b}")]
)
def test_a_password_that_a_pbx_reads_otherwise_is_named(pbx: PbxKind, password: str) -> None:
    with pytest.raises(UnfitAccount, match="can't read this password"):
        export([SipAccount(BEN, 1, "301", "Ben", "301", Secret(password))], pbx)


def test_each_phone_gets_what_it_needs_of_pjsip() -> None:
    enterprise = SipAccount(ANNA, 1, "201", "Anna", "201", NEW, has_voicemail=True, codecs=("alaw", "g722", "ulaw"))
    over_tcp = replace(enterprise, line=2, name="202", transport="tcp")
    spa = SipAccount(BEN, 1, "301", "Ben", "301", NEW, listens_where_it_sends=True, codecs=("ulaw", "alaw"))
    shared = replace(spa, mac=ANNA, line=3)
    text = export([enterprise, over_tcp, spa, shared], PbxKind.ASTERISK, context="from-internal")[
        "pjsip_ringfence.conf"
    ]
    found = sections(text)
    ways = {name: (found[name][0]["force_rport"], found[name][0]["rewrite_contact"]) for name in ("201", "202", "301")}
    assert ways == {"201": ("no", "no"), "202": ("no", "yes"), "301": ("yes", "yes")}
    assert [found[name][1]["max_contacts"] for name in ("201", "301")] == ["1", "2"], "301 is on two phones"
    assert (found["201"][0]["mailboxes"], found["301"][0].get("mailboxes")) == ("201@default", None)
    assert (found["201"][0]["allow"], found["301"][0]["allow"]) == ("alaw,g722,ulaw", "ulaw,alaw")
    assert {found[name][0]["context"] for name in ways} == {"from-internal"}
    assert {found[name][0]["send_rpid"] for name in ways} == {"yes"}
    assert [part["type"] for part in found["201"]] == ["endpoint", "aor"], "UpdateConfig finds the first one"
    with pytest.raises(UnfitAccount, match="can't be a context"):
        export([spa], PbxKind.ASTERISK, context="a]\n[b")


def test_kamailio_gets_hashes_and_no_password() -> None:
    files = export(ACCOUNTS, PbxKind.KAMAILIO, REALM)
    for text in files.values():
        assert "N3w" not in text
        assert "BensSecret" not in text
    rows = [row.split(":") for row in files["dbtext/htable"].splitlines()[1:]]
    table = {name: value for _id, name, _kind, _type, value, _expires in (_joined(row) for row in rows)}
    assert table["anna::0"] == md5(f"anna:{REALM}:N3w;Secret".encode()).hexdigest()
    assert table["anna::1"] == md5(f"anna:{REALM}:0ldSecret".encode()).hexdigest()
    assert set(table) == {"anna::0", "anna::1", "301::0"}
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE subscriber (username, domain, password, ha1, ha1b)")
    database.executescript(files["subscriber.sql"] + files["subscriber.sql"])
    assert database.execute("SELECT username, password FROM subscriber ORDER BY username").fetchall() == [
        ("301", ""), ("anna", ""),
    ]  # fmt: skip
    database.close()


def _joined(row: list[str]) -> list[str]:
    """A row of db_text whose escaped colons were split."""
    found: list[str] = []
    for cell in row:
        if found and found[-1].endswith("\\"):
            found[-1] = found[-1][:-1] + ":" + cell
        else:
            found.append(cell)
    return found


def test_freeswitch_gets_a_user_for_each_line() -> None:
    files = export(ACCOUNTS, PbxKind.FREESWITCH)
    user = etree.fromstring(files["directory/ringfence/201.xml"].encode()).find("user")
    assert user is not None
    assert (user.get("id"), user.get("number-alias")) == ("anna", "201")
    password = user.find("params/param[@name='password']")
    assert password is not None
    assert password.get("value") == "N3w;Secret"
    other = etree.fromstring(files["directory/ringfence/301.xml"].encode()).find("user")
    assert other is not None
    assert other.get("number-alias") is None


def test_what_a_pbx_can_not_hold_is_named() -> None:
    clash = SipAccount(BEN, 1, "201", "Ben", "ben", Secret("x"))
    with pytest.raises(UnfitAccount, match="'201' is the name of two lines"):
        export([*ACCOUNTS, clash], PbxKind.ASTERISK)
    with pytest.raises(UnfitAccount, match="is not a valid user"):
        export([SipAccount(BEN, 1, "a b", "Ben", "ben", Secret("x"))], PbxKind.ASTERISK)
    with pytest.raises(UnfitAccount, match="two different passwords"):
        export([*ACCOUNTS, SipAccount(BEN, 2, "302", "Ben", "anna", Secret("x"))], PbxKind.KAMAILIO, REALM)
    for realm in ("", "a b", "x'); DROP TABLE subscriber; --"):
        with pytest.raises(UnfitAccount, match="need the digest realm"):
            export(ACCOUNTS, PbxKind.KAMAILIO, realm)


RFC_7616 = Challenge(
    realm="http-auth@example.org",
    nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    qop="auth",
)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_answers_are_those_of_rfc_7616(algorithm: str, response: str) -> None:
    """Section 3.9.1."""
    challenge = replace(RFC_7616, algorithm=algorithm)
    value = authorization(
        challenge, user="Mufasa", password=Secret("Circle of Life"), method="GET", uri="/dir/index.html",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )  # fmt: skip
    assert f'response="{response}"' in value
    assert "nc=00000001" in value


def test_an_old_challenge_without_qop_is_answered_as_rfc_2069_had_it() -> None:
    value = authorization(
        parse_challenge('Digest realm="r", nonce="n"'), user="u", password=Secret("p"), method="REGISTER",
        uri="sip:r", cnonce="",
    )  # fmt: skip
    first, second = md5(b"u:r:p").hexdigest(), md5(b"REGISTER:sip:r").hexdigest()
    assert f'response="{md5(f"{first}:n:{second}".encode()).hexdigest()}"' in value
    assert "qop" not in value


def test_the_strongest_challenge_that_is_known_is_answered() -> None:
    values = ['Digest realm="r",nonce="1",algorithm=MD5', 'Digest realm="r",nonce="2",algorithm=SHA-256', "Basic x"]
    assert best_challenge(values).nonce == "2"
    assert parse_challenge('digest realm="a \\"b\\"", nonce="n", qop="auth,auth-int", stale=TRUE').realm == 'a "b"'
    for bad in ("Basic realm=x", 'Digest nonce="n"', 'Digest realm="r",nonce="n",algorithm=SHA-1', "Digest realm="):
        with pytest.raises(BadSipMessage):
            parse_challenge(bad)
    with pytest.raises(BadSipMessage, match="no challenge"):
        best_challenge(["Basic x"])


@given(st.text(max_size=200))
def test_any_text_is_a_challenge_or_refused(text: str) -> None:
    try:
        parse_challenge("Digest " + text)
    except BadSipMessage:
        return


def test_a_hash_is_as_secret_as_the_password() -> None:
    assert "5f4dcc3b" not in repr(ha1("u", "r", Secret("password")))
