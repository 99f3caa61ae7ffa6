"""The ATA 190: two ports, a file each, and one device to the guard."""

import pytest
from lxml import etree

from ringfence.content.release import TargetKind
from ringfence.guard.decision import FileRequest, HeldFile, decide
from ringfence.guard.evidence import Evidence, Shown, Sighting
from ringfence.guard.findings import Finding
from ringfence.guard.policy import EDGE_LEVELS, Policy
from ringfence.guard.record import replay, to_text
from ringfence.phones.errors import ConfigurationRejected, IncompletePhone
from ringfence.phones.families import family, model
from ringfence.phones.filenames import owner_of
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile, Renderer
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret

DEVICE = Mac("F029293A4B5C")
FIRST, SECOND = "ATAF029293A4B5C.cnf.xml", "ATA29293A4B5C01.cnf.xml"
FAMILY = family("cisco-ata190")
EDGE = Policy(EDGE_LEVELS)


def line(port: int) -> LineAccount:
    return LineAccount(port, f"Port {port}", f"20{port}", f"Fax & {port}", f"auth-{port}", Secret(f"s3<cr{port}"))


def rendered(*ports: int, **settings: Value) -> dict[str, RenderedFile]:
    whole = {"sip_server": "192.0.2.10", **settings}
    files = Renderer().render(PhoneToRender(DEVICE, "ATA190", "", whole, tuple(line(port) for port in ports)))
    return {file.name: file for file in files}


def test_each_port_has_its_own_file_which_is_the_devices() -> None:
    files = rendered(1, 2, sip_port=5070, ntp_servers="192.0.2.1", register_expires_s=600)
    assert {name: file.owner for name, file in files.items()} == {FIRST: DEVICE, SECOND: DEVICE}
    for name, port in ((FIRST, 1), (SECOND, 2)):
        (node,) = etree.fromstring(files[name].data).findall("sipProfile/sipLines/line")
        assert {child.tag: child.text for child in node} == {
            "featureID": "9", "featureLabel": f"Port {port}", "proxy": "192.0.2.10", "port": "5070",
            "displayName": f"Fax & {port}", "contact": f"20{port}", "name": f"20{port}", "authName": f"auth-{port}",
            "authPassword": f"s3<cr{port}",
        }  # fmt: skip
    held = FAMILY.read((files[FIRST].data, files[SECOND].data), FAMILY.models["ATA190"])
    assert [(each.button, each.name) for each in held.lines] == [(1, "201"), (2, "202")]
    assert (held.sip_servers, held.register_expires_s) == ((("192.0.2.10", 5070),), 600)


def test_a_port_without_a_line_has_no_file_and_the_first_needs_one() -> None:
    assert set(rendered(1)) == {FIRST}
    with pytest.raises(IncompletePhone, match="port 1 has no line"):
        rendered(2)


def test_what_nobody_set_is_left_as_the_adapter_has_it() -> None:
    data = rendered(1)[FIRST].data
    for tag in (b"timerRegisterExpires", b"voipControlPort", b"loadInformation", b"versionStamp"):
        assert tag not in data
    assert (
        b"<loadInformation>ATA190.1-2-2-003</loadInformation>"
        in rendered(1, firmware_load="ATA190.1-2-2-003")[FIRST].data
    )
    assert model("ATA190")[1].runs("ata190.1-2-2-003_SR2-1")


@pytest.mark.parametrize("data", [b"<device>", b"<device/>"])
def test_what_an_adapter_would_not_take_is_named(data: bytes) -> None:
    with pytest.raises(ConfigurationRejected):
        FAMILY.read((data,), FAMILY.models["ATA190"])


def evidence(mac: str) -> Evidence:
    frames = (Sighting(mac, "lan", 64),)
    return Evidence(frozenset({DEVICE.bare}), on_link=True, neighbours=(Shown(mac, "lan"),), frames=frames, ttl=64)


@pytest.mark.parametrize("name", [FIRST, SECOND])
def test_both_files_are_for_that_one_device(name: str) -> None:
    held = HeldFile(TargetKind.CONFIGURATION, DEVICE.bare)
    request = FileRequest(name, "192.0.2.20")
    assert decide(request, held, evidence(DEVICE.bare), EDGE).allow
    assert decide(request, held, evidence("020000000077"), EDGE).finding is Finding.OTHER_MAC


def test_a_second_port_without_a_file_is_no_unknown_phone() -> None:
    request = FileRequest(SECOND, "192.0.2.20")
    assert owner_of(SECOND) is None, "a multicast address"
    assert decide(request, None, evidence(DEVICE.bare), EDGE).finding is Finding.OPTIONAL_FILE
    other = Mac("00292A3A4B5C")
    shifted = FileRequest("ATA292A3A4B5C01.cnf.xml", "192.0.2.20")
    known = Evidence(frozenset({other.bare}))
    decision = decide(shifted, None, known, EDGE)
    assert decision.finding is Finding.OPTIONAL_FILE
    assert replay(to_text(decision, None)).finding is Finding.OPTIONAL_FILE
    even = FileRequest("ATA2A2A3A4B5C01.cnf.xml", "192.0.2.20")
    assert decide(even, None, Evidence(frozenset({"002A2A3A4B5C"})), EDGE).finding is Finding.OPTIONAL_FILE
    assert decide(even, None, known, EDGE).finding is Finding.UNKNOWN_PHONE
