"""Whose file a name names, and which names phones can do without."""

import pytest

from ringfence.phones.families import model
from ringfence.phones.filenames import (
    configuration_name,
    is_optional,
    is_signed_configuration,
    owner_of,
    says_nothing_of_phones,
)
from ringfence.phones.mac import Mac

ANNA = Mac("001EF7ABCD0F")


@pytest.mark.parametrize(
    "name",
    [
        "SEP001EF7ABCD0F.cnf.xml",
        "SEP001EF7ABCD0F.cnf.xml.sgn",
        "SEP001EF7ABCD0F.cnf.xml.enc.sgn",
        "CTLSEP001EF7ABCD0F.tlv",
        "ITLSEP001EF7ABCD0F.tlv",
        "ATA001EF7ABCD0F.cnf.xml",
        "SIP001EF7ABCD0F.cnf",
        "spa001ef7abcd0f.cfg",
        "8821-WLAN001EF7ABCD0F.xml",
        "001ef7abcd0f.xml",
        "sep001ef7abcd0f.CNF.XML",
        "phones/SEP001EF7ABCD0F.cnf.xml",
        r"\SEP001EF7ABCD0F.cnf.xml",
    ],
)
def test_a_per_phone_name_names_its_phone(name: str) -> None:
    assert owner_of(name) == ANNA


@pytest.mark.parametrize(
    "name",
    [
        "ITLFile.tlv",
        "g3-tones.xml",
        "SIPDefault.cnf",
        "XMLDefault.cnf.xml",
        "SEP001EF7ABCD0.cnf.xml",
        "SEP001EF7ABCD0F11.cnf.xml",
        "SEP000000000000.cnf.xml",
        "sip9971.9-4-2SR4-1.loads",
        "",
    ],
)
def test_a_shared_name_names_nobody(name: str) -> None:
    assert owner_of(name) is None


def boot_order() -> tuple[str, ...]:
    family, kind = model("9971")
    return tuple(ask.name_for(ANNA, kind) for ask in family.boot.value)


@pytest.mark.parametrize("spelling", ["./{}", "{}/", "{}/.", ".\\{}//./", "a//{}"])
def test_no_spelling_hides_whose_name_it_is(spelling: str) -> None:
    name = spelling.format("SEP001122334455.cnf.xml")
    assert owner_of(name) == Mac.parse("001122334455")
    assert not says_nothing_of_phones(name)


@pytest.mark.parametrize("name", ["g3-tones.xml", "CTLSEP001122334455.tlv", "/ITLSEP001122334455.tlv", "ITLFile.tlv"])
def test_that_there_is_no_such_file_says_nothing_of_phones(name: str) -> None:
    assert says_nothing_of_phones(name)


def test_a_phone_asks_for_its_trust_lists_first_and_then_for_its_configuration() -> None:
    assert boot_order() == (
        "CTLSEP001EF7ABCD0F.tlv",
        "ITLSEP001EF7ABCD0F.tlv",
        "ITLFile.tlv",
        configuration_name(ANNA),
    )


def test_only_the_configuration_is_mandatory_of_what_a_phone_asks_for_first() -> None:
    assert [is_optional(name) for name in boot_order()] == [True, True, True, False]
    assert is_optional("ITLFile.tlv.sgn")
    assert is_optional("8821-WLANDefault.xml")
    assert is_optional("/German_Germany/g4-tones.xml")
    assert is_optional("y000000000108.cfg")
    assert is_optional("y000000000000.boot")
    assert is_optional("snomD785.htm")
    assert not is_optional("sip9971.9-4-2SR4-1.loads")


def test_a_signed_configuration_is_told_from_a_plain_one() -> None:
    assert is_signed_configuration("SEP001EF7ABCD0F.cnf.xml.sgn")
    assert not is_signed_configuration("SEP001EF7ABCD0F.cnf.xml")
    assert not is_signed_configuration("ITLFile.tlv.sgn")
