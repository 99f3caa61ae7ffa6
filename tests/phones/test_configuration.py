"""The phone's side: a file is taken whole, or discarded whole at its first bad node."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.phones.document import LARGEST_BYTES
from ringfence.phones.errors import ConfigurationRejected
from ringfence.phones.parsed_configuration import HeldLine
from ringfence.secret import Secret
from support.phone_reading import read_configuration

GOLDEN = (Path(__file__).parent / "goldens" / "9971-everything" / "SEP001122334455.cnf.xml").read_text(encoding="utf-8")


def rejection(text: str | bytes, family: str = "9971") -> str:
    with pytest.raises(ConfigurationRejected) as caught:
        read_configuration(text if isinstance(text, bytes) else text.encode(), family)
    return str(caught.value)


def test_a_phone_holds_what_its_file_says() -> None:
    held = read_configuration(GOLDEN.encode(), "9971")
    assert held.phone_label == "Büro <1>"
    assert held.lines == (
        HeldLine(1, "Anna", "anna", "Anna Berg", "anna-auth", Secret("s3cr3tOfAnna")),
        HeldLine(3, "Lager & Co", "stock", "Anna Berg", "", Secret("")),
    )
    assert held.label == "Anna"
    assert held.sip_servers == (("192.0.2.10", 5080), ("pbx2.example.com", 5080), ("2001:db8::10", 5080))
    assert (held.sip_transport, held.sip_listen_port) == ("tcp", 5070)
    assert held.load == "sip9971.9-4-2SR4-1"


def test_a_phone_asks_next_for_what_its_file_names() -> None:
    assert read_configuration(GOLDEN.encode(), "9971").files == (
        "sip9971.9-4-2SR4-1.loads",
        "German_Germany/gd-sip.jar",
        "Germany/g4-tones.xml",
        "dialplan.xml",
        "SoftKeys.xml",
        "FeaturePolicy.xml",
        "AppDialRules.xml",
    )


def test_without_a_locale_its_files_are_asked_for_with_a_leading_slash() -> None:
    plain = (Path(__file__).parent / "goldens" / "8941" / "SEP001122334455.cnf.xml").read_bytes()
    assert read_configuration(plain, "8941").files == (
        "/gb-sccp-sip.jar",
        "/g3-tones.xml",
        "dialplan.xml",
        "AppDialRules.xml",
    )


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ("</device>", "", "not well-formed"),
        ("<device>", "<?xml-stylesheet?><device>", "nothing may appear outside"),
        ("<fullConfig>true", "<fullConfig>maybe", "fullConfig is 'maybe'"),
        ("<deviceProtocol>SIP", "<deviceProtocol>SCCP", "deviceProtocol is 'SCCP'"),
        ("<dateTemplate>M/D/YA", "<dateTemplate>today", "dateTemplate is 'today'"),
        ("New Zealand Standard/Daylight Time", "Pacific/Auckland", "timeZone is 'Pacific/Auckland'"),
        ("<processNodeName>192.0.2.10", "<processNodeName>", "processNodeName is empty"),
        ("<processNodeName>192.0.2.10", "<processNodeName>" + "h" * 51, "processNodeName has 51 characters"),
        ("<sipPort>5080", "<sipPort>0", "sipPort is '0'"),
        ("<sipPort>5080", "<sipPort>65536", "sipPort is '65536'"),
        ("<dtmfAvtPayload>101", "<dtmfAvtPayload>7", "dtmfAvtPayload is '7'"),
        ("<phoneLabel>Büro &lt;1&gt;", "<phoneLabel>thirteen char", "phoneLabel has 13 characters"),
        ("<featureLabel>Anna", "<featureLabel>" + "x" * 33, "featureLabel of line 1 has 33 characters"),
        ("<authPassword>s3cr3tOfAnna", "<authPassword>" + "p" * 32, "authPassword of line 1 has 32 characters"),
        ("<name>anna", "<name>", "name of line 1 is empty"),
        ("<featureID>9", "<featureID>", "featureID is empty"),
        ('button="1"', 'button="one"', "no button number"),
        ("<maxNumCalls>200", "<maxNumCalls>201", "maxNumCalls is '201'"),
        ("<transportLayerProtocol>1", "<transportLayerProtocol>9", "transportLayerProtocol is '9'"),
        ("<deviceSecurityMode>1", "<deviceSecurityMode>4", "deviceSecurityMode is '4'"),
        ("<idleURL>http:", "<idleURL>http:" + "y" * 255, "idleURL has"),
    ],
)
def test_the_first_bad_node_makes_the_phone_discard_the_whole_file(good: str, bad: str, says: str) -> None:
    assert good in GOLDEN
    assert says in rejection(GOLDEN.replace(good, bad, 1))


def test_a_file_without_a_line_or_without_a_server_is_discarded() -> None:
    assert "featureID 9" in rejection(GOLDEN.replace("<featureID>9", "<featureID>2"))
    without = GOLDEN.split("<members>")[0] + "<members>" + GOLDEN.split("</member>")[-1]
    assert "processNodeName is missing" in rejection(without)


def test_the_same_number_of_calls_is_too_many_for_the_smaller_phone() -> None:
    assert "maxNumCalls is '200'" in rejection(GOLDEN, "8941")


def test_what_a_phone_does_not_know_it_passes_over() -> None:
    more = GOLDEN.replace("</vendorConfig>", "<newSwitch>7</newSwitch></vendorConfig>")
    assert read_configuration(more.encode(), "9971").label == "Anna"


def test_bytes_that_are_meant_to_hurt_are_discarded() -> None:
    assert "has more than 262144 bytes" in rejection(b"<device>" + b" " * LARGEST_BYTES + b"</device>")
    assert "document type" in rejection('<!DOCTYPE device SYSTEM "http://192.0.2.1/x.dtd">' + GOLDEN.split("\n", 1)[1])
    assert "not 'device'" in rejection("<Default/>")
    assert "not well-formed" in rejection("<a>" * 3000)
    assert "not well-formed" in rejection(b"")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_discarded_and_nothing_else_happens(data: bytes) -> None:
    rejection(data)


@given(st.integers(0, len(GOLDEN.encode()) - 1), st.integers(0, 255))
def test_one_changed_byte_makes_a_file_that_is_taken_or_discarded(at: int, byte: int) -> None:
    data = bytearray(GOLDEN.encode())
    data[at] = byte
    try:
        assert read_configuration(bytes(data), "9971").lines
    except ConfigurationRejected as rejected:
        assert rejected.what  # noqa: PT017 - either way is right; that nothing else happens is the point
