"""Whose a certificate is that a phone shows over TLS: a table of names, models, serial numbers and User-Agents."""

import pytest
from cryptography.x509.oid import NameOID

from ringfence.phones.errors import CertificateRefused
from ringfence.phones.mac import Mac
from ringfence.phones.trust.client_identity import (
    NamedPhone,
    agent_says,
    check_agent,
    is_same_model,
    judge_client,
    named_phone,
    read_client,
)
from ringfence.phones.trust.phone_certificates import CertificateKind, Issuers
from support.https_phones import enterprise, signed, small_business
from support.makers import NOW
from support.phone_identities import cisco, forger

MAC = "000E08ABCDEF"
PHONE = Mac(MAC)
OU, L, ST, CN = (
    NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.LOCALITY_NAME, NameOID.STATE_OR_PROVINCE_NAME, NameOID.COMMON_NAME
)  # fmt: skip
ISSUERS = Issuers([cisco().certificate])


@pytest.mark.parametrize(
    ("names", "phone"),
    [
        ([(OU, "SPA-962"), (L, "88012BA01234"), (ST, "000e08abcdef")], NamedPhone(PHONE, "SPA-962", "88012BA01234")),
        ([(OU, "CP-8841-3PCC"), (L, "FCH1"), (ST, MAC)], NamedPhone(PHONE, "CP-8841-3PCC", "FCH1")),
        ([(CN, f"CP-9971-SEP{MAC}")], NamedPhone(PHONE, "CP-9971")),
        ([(CN, f"SEP{MAC}")], NamedPhone(PHONE)),
    ],
)
def test_each_form_of_a_makers_name(names: list[tuple[object, str]], phone: NamedPhone) -> None:
    assert named_phone(signed(names).certificate) == phone  # type: ignore[arg-type]  # OIDs, in a list of a test


@pytest.mark.parametrize(
    ("names", "refusal"),
    [
        ([(OU, "cisco.com"), (L, "ciscogeneric"), (ST, "ciscogeneric")], "generic"),
        ([(CN, "CiscoGeneric")], "generic"),
        ([(OU, "SPA-962"), (L, "88012BA01234"), (ST, "000e08abcde")], "no-name"),
        ([(OU, "SPA-962"), (L, "88012BA01234"), (ST, "000e08abcdef"), (ST, "000e08abcdee")], "no-name"),
        ([(OU, "SPA-962"), (ST, "000e08abcdef")], "no-name"),
        ([(L, "88012BA01234"), (ST, "000e08abcdef")], "no-name"),
        ([(CN, f"CP-9971-SEP{MAC}"), (CN, "CP-9971-SEP000E08ABCDEE")], "no-name"),
        ([(CN, f"CP-9971-SEP{MAC}.example.org")], "no-name"),
        ([(CN, f"x CP-9971-SEP{MAC}")], "no-name"),
        ([(CN, "server.example.org")], "no-name"),
    ],
)
def test_what_names_no_phone_alone_names_none(names: list[tuple[object, str]], refusal: str) -> None:
    with pytest.raises(CertificateRefused) as caught:
        named_phone(signed(names).certificate)  # type: ignore[arg-type]  # as above
    assert caught.value.refusal == refusal


def test_an_issuer_that_only_bears_the_makers_name_is_foreign() -> None:
    for maker, ends in ((cisco(), ""), (forger(), "foreign-issuer")):
        shown = small_business(MAC, maker=maker).certificate
        if not ends:
            assert judge_client(shown, "SPA504G", ISSUERS, NOW.timestamp()).kind is CertificateKind.MIC
            continue
        with pytest.raises(CertificateRefused) as caught:
            judge_client(shown, "SPA504G", ISSUERS, NOW.timestamp())
        assert caught.value.refusal == ends


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("SPA-504G", "SPA504G", True), ("CP-8841-3PCC", "8841-3PCC", True), ("CP-7965G", "7965", True),
        ("CP8841", "8841", True), ("SPA525G", "SPA525G2", True), ("CP-9971", "9971", True),
        ("SPA-504G", "SPA508G", False), ("CP-8841-3PCC", "8841", False), ("CP-8851-3PCC", "8841-3PCC", False),
        ("", "8841", False), ("CP-", "8841", False), ("9", "9971", False),
    ],
)  # fmt: skip
def test_two_writings_of_a_model(one: str, other: str, same: bool) -> None:
    assert is_same_model(one, other) is is_same_model(other, one) is same


def test_a_second_certificate_has_the_serial_number_of_the_first() -> None:
    first, second = small_business(MAC).certificate, small_business(MAC).certificate
    other = small_business(MAC, serial="CBT999999ZZ").certificate
    now = NOW.timestamp()
    assert judge_client(second, "SPA504G", ISSUERS, now, [first]).certificate == second
    with pytest.raises(CertificateRefused) as caught:
        judge_client(other, "SPA504G", ISSUERS, now, [first])
    assert caught.value.refusal == "other-serial"
    by_name = enterprise(f"CP-SPA504G-SEP{MAC}").certificate
    assert judge_client(by_name, "SPA504G", ISSUERS, now, [first]).certificate == by_name, "it says no serial number"


@pytest.mark.parametrize(
    ("agent", "mac", "serial", "model"),
    [
        ("Cisco/SPA508G-7.4.8a (0002FDFF2103)(CBT141400UK)", "0002FDFF2103", "CBT141400UK", "SPA508G"),
        ("Cisco/SPA525G-7.4.7 (CBT141900G7)", "", "CBT141900G7", "SPA525G"),
        ("Linksys/SPA-942-6.1.5(a) (88019FA42805)", "88019FA42805", "", "SPA-942"),
        ("Cisco-CP-7832-3PCC/11.0.1 (00562b043615)", "00562B043615", "", "7832-3PCC"),
        ("Cisco-CP7821/12.1.1", "", "", "CP7821"),
        ("curl/8.0", "", "", ""),
        ("", "", "", ""),
        ("(" * 5000, "", "", ""),
    ],
)
def test_what_a_user_agent_says(agent: str, mac: str, serial: str, model: str) -> None:
    said = agent_says(agent)
    assert (said.mac, said.serial) == (mac, serial)
    assert said.model in {model, model.removeprefix("CP")}


@pytest.mark.parametrize(
    ("agent", "is_refused"),
    [
        ("Cisco/SPA504G-7.4.8a (000e08abcdef)(CBT141400UK)", False),
        ("Cisco/SPA504G-7.4.8a (000e08abcdee)(CBT141400UK)", True),
        ("Cisco/SPA504G-7.4.8a (000e08abcdef)(CBT141400UX)", True),
        ("Cisco/SPA508G-7.4.8a (000e08abcdef)(CBT141400UK)", True),
    ],
)
def test_a_user_agent_of_another_phone(agent: str, is_refused: bool) -> None:
    named = NamedPhone(PHONE, "SPA-504G", "CBT141400UK")
    if not is_refused:
        check_agent(agent, named)
        return
    with pytest.raises(CertificateRefused) as caught:
        check_agent(agent, named)
    assert caught.value.refusal == "other-agent"


@pytest.mark.parametrize("der", [b"", b"\x30\x82", b"x" * 9000])
def test_what_is_no_certificate_is_refused(der: bytes) -> None:
    with pytest.raises(CertificateRefused) as caught:
        read_client(der)
    assert caught.value.refusal == "unreadable"
