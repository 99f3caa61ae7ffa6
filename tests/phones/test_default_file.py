"""``XMLDefault.cnf.xml``: what it says for phones without a file becomes the site's, or a remark says why not."""

from pathlib import Path

import pytest

from ringfence.phones.importing.default_file import DefaultFile, read_default_file, site_defaults
from ringfence.phones.importing.folder import FolderReport, read_folder
from ringfence.phones.importing.outcome import Confidence, Fate, ImportedPhone, SiteFile
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.source_folder import SourceFolder

NAME = "XMLDefault.cnf.xml"
PHONE = "SEP0A1B2C000001.cnf.xml"
KINDS = Path(__file__).parents[2] / "examples" / "tftp-folder" / "kinds"
PLAIN = (KINDS / "plain" / PHONE).read_bytes()
LOAD = b"<loadInformation>SIP45.9-4-2SR3-1S</loadInformation>"
SERVER = """<callManagerGroup><members><member priority="0"><callManager><ports>
<ethernetPhonePort>2000</ethernetPhonePort><mgcpPorts><listen>2427</listen></mgcpPorts><sipPort>5070</sipPort>
</ports><processNodeName>pbx.example.net</processNodeName></callManager></member></members></callManagerGroup>"""


def read(inside: str) -> DefaultFile:
    return read_default_file(SourceFolder.of({NAME: f"<Default>\n{inside}\n</Default>".encode()}), NAME)


def report(inside: str, phone: bytes = PLAIN) -> FolderReport:
    files = {NAME: f"<Default>\n{inside}\n</Default>".encode(), PHONE: phone}
    return read_folder(SourceFolder.of(files), SaidModels())


def phones(found: FolderReport) -> list[ImportedPhone]:
    return [entry.phone for entry in found.entries if entry.phone is not None]


def defaults(inside: str, phone: bytes = PLAIN) -> SiteFile:
    found = report(inside, phone)
    assert found.default is not None
    return site_defaults(found.default, phones(found), {})


def lost(said: DefaultFile | SiteFile) -> list[str]:
    assert {remark.fate for remark in said.remarks} <= {Fate.LOST}
    return [str(remark) for remark in said.remarks]


def test_its_server_and_ports_are_settings_and_what_is_for_others_is_told() -> None:
    said = read(SERVER)
    assert (said.settings["sip_server"], said.settings["sip_port"]) == ("pbx.example.net", 5070)
    assert said.where["sip_server"].line == 4
    (line,) = lost(said)
    assert line.startswith("line 3: callManagerGroup/members/member[@priority='0']/callManager/ports/mgcpPorts/listen")
    assert line.endswith("is not kept: it is for gateways that speak MGCP")


@pytest.mark.parametrize(
    ("element", "model"),
    [
        ('<loadInformation436 model="Cisco 7965">SIP45.9-4-2SR3-1S</loadInformation436>', "7965"),
        ("<loadInformation436>SIP45.9-4-2SR3-1S</loadInformation436>", "7965"),
        ('<loadInformation model="CISCO IP PHONE 9971">sip9971.9-4-2SR4-1</loadInformation>', "9971"),
        ('<loadInformation36217 model="Cisco 8811">sip88xx.14-1-1-0001-125</loadInformation36217>', "8811"),
        ('<loadInformation7 model="IP Phone 7960">P0S3-8-12-00</loadInformation7>', "7960"),
        ("<loadInformation>SIP11.9-2-1S</loadInformation>", ""),
    ],
)
def test_firmware_is_read_for_each_model_by_its_number_or_by_its_name(element: str, model: str) -> None:
    said = read(element)
    assert list(said.loads) == [model]
    assert lost(said) == []


@pytest.mark.parametrize(
    ("element", "says"),
    [
        ("<loadInformation115>SCCP41.8-3-1S</loadInformation115>", "no firmware that speaks SIP"),
        ("<loadInformation12>SIP11.9-2-1S</loadInformation12>", "a model that is not known here"),
        ("<loadInformation436>SIP11.9-2-1S</loadInformation436>", "not for a 7965"),
        ("<loadInformation436>SIP45.1S</loadInformation436>\n" * 2, "given twice; the first is kept"),
        ("<idleTimer>5</idleTimer>", "idleTimer is not kept: no setting says it"),
        ("<servicesURL>http://PBX IP GOES HERE</servicesURL>", "servicesURL is not kept"),
        (SERVER.replace("2000", "2001").replace("mgcp", "x"), "ethernetPhonePort is not kept: it is for phones that"),
        (SERVER.replace("pbx.example.net", "YOUR SERVER IP HERE"), "processNodeName is still to be filled in"),
    ],
)
def test_what_can_not_be_kept_has_a_line_of_its_own(element: str, says: str) -> None:
    (line,) = [line for line in lost(read(element)) if "mgcpPorts" not in line and "xPorts" not in line]
    assert says in line
    assert line.startswith("line ")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'<Default>\n<loadInformation model="Cisco 7962">SIP42.9S</loadInformation434></Default>', "line 2: no phone"),
        (b"<device/>", "its root is 'device', not 'Default'"),
        (b"", "no phone could take it"),
    ],
)
def test_a_file_that_no_phone_could_take_says_nothing(data: bytes, says: str) -> None:
    said = read_default_file(SourceFolder.of({NAME: data}), NAME)
    assert (said.settings, said.loads) == ({}, {})
    assert says in lost(said)[0]


def test_the_site_has_what_changes_no_phone_with_a_file() -> None:
    said = defaults(f"{SERVER}<loadInformation437>SIP75.9-3-1SR4-1S</loadInformation437>")
    assert said.settings["sip_server"] == "pbx.example.net"
    assert said.settings["firmware_load"] == "SIP75.9-3-1SR4-1S"


def test_a_phone_whose_file_names_no_firmware_keeps_its_own() -> None:
    without = PLAIN.replace(LOAD, b'<loadInformation model="Cisco 7945"/>')
    load = "<loadInformation435>SIP45.9-4-2SR3-1S</loadInformation435>"
    assert phones(report(load, without))[0].model == "7945"
    said = defaults(load, without)
    assert "firmware_load" not in said.settings
    (line,) = lost(said)
    assert line.startswith("line 2: the firmware SIP45.9-4-2SR3-1S for a 7945 without a file of its own is not kept")
    assert line.endswith("it would reach 1 phone whose own file names none")


def test_an_address_that_phones_with_a_file_do_not_have_stays_out() -> None:
    said = defaults("<servicesURL>http://192.0.2.9/menu</servicesURL>", PLAIN.replace(b"servicesURL", b"noURL"))
    (line,) = lost(said)
    assert line.startswith("line 2: services_url is not made the site's, as it would reach 1 phone")
    assert said.settings == {}


def test_what_all_phones_have_is_the_sites_before_it() -> None:
    found = report(SERVER)
    assert found.default is not None
    said = site_defaults(found.default, phones(found), {"sip_server": "other.example.net", "sip_port": 5070})
    assert "sip_server" not in said.settings
    assert any("the site's is theirs" in line for line in lost(said))


def test_firmware_of_two_models_that_a_site_can_not_tell_apart_is_kept_once() -> None:
    both = (
        "<loadInformation434>SIP42.8-5-4S</loadInformation434><loadInformation404>SIP42.9-2-1S</loadInformation404>"
        "<loadInformation437>SIP75.9-3-1SR4-1S</loadInformation437>"
    )
    said = defaults(both)
    assert said.settings["firmware_load"] == "SIP42.8-5-4S,SIP75.9-3-1SR4-1S"
    assert "the firmware SIP42.9-2-1S for a 7962 is not kept" in lost(said)[0]


def test_it_tells_which_of_several_models_is_likely() -> None:
    assert phones(report("<loadInformation436>SIP45.9-4-2SR3-1S</loadInformation436>"))[0].model == "7965"
    assert phones(report("<loadInformation435>SIP45.9-4-2SR3-1S</loadInformation435>"))[0].model == "7945"


def test_it_makes_no_phone_what_its_own_file_does_not_tell() -> None:
    found = report("<loadInformation436>SIP45.9-4-2SR3-1S</loadInformation436>", PLAIN.replace(LOAD, b""))
    (phone,) = phones(found)
    assert (phone.model, phone.guess.confidence, phone.guess.others) == ("SEP", Confidence.UNKNOWN, ("7965",))
    assert any("XMLDefault.cnf.xml has firmware for 7965" in remark.text for remark in phone.remarks)
    assert NAME not in found.left_alone


def test_it_tells_a_7960_from_a_7940_where_only_one_of_them_has_firmware_in_it() -> None:
    own = b'line1_name: "201"\nline1_password: "secret-1"\nproxy1_address: "192.0.2.10"\n'
    files = {NAME: b"<Default><loadInformation7>P0S3-8-12-00</loadInformation7></Default>", "SIP0A1B2C000009.cnf": own}
    (phone,) = phones(read_folder(SourceFolder.of(files), SaidModels()))
    assert (phone.model, phone.guess.confidence, phone.guess.others) == ("7960", Confidence.LIKELY, ("7940",))
