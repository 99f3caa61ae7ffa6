"""Snom's phones: the file by model and MAC address, what a phone holds of it, and what is refused."""

import pytest
from lxml import etree

from ringfence.phones.errors import ConfigurationRejected, IncompletePhone, LimitExceeded, ValueOutOfRange
from ringfence.phones.families import family, model
from ringfence.phones.families.snom.local_time import summer_time, utc_offset
from ringfence.phones.filenames import is_firmware, owner_of
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import patch_setting
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender, decoys_of, secrets_of, stub_of
from ringfence.phones.rendering.renderer import RenderedFile, Renderer
from ringfence.phones.settings.time_zones import CISCO_ZONE
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret

ANNA = Mac("000413123456")
FAMILY = family("snom")


def account(index: int = 1) -> LineAccount:
    return LineAccount(index, "Lager & Co", f"40{index}", "Anna Berg", f"auth-{index}", Secret("s3<cr3t"))


def rendered(kind: str = "D785", *lines: LineAccount, **settings: Value) -> RenderedFile:
    whole = {"sip_server": "192.0.2.10", **settings}
    *_others, file = Renderer().render(PhoneToRender(ANNA, kind, "", whole, lines or (account(),)))
    return file


def values(kind: str = "D785", *lines: LineAccount, **settings: Value) -> dict[str, str]:
    root = etree.fromstring(rendered(kind, *lines, **settings).data)
    return {f"{node.tag}{node.get('idx', '')}": node.text or "" for node in root.iterfind("phone-settings/*")}


def keys(kind: str, *lines: LineAccount, **settings: Value) -> list[tuple[str | None, str | None]]:
    root = etree.fromstring(rendered(kind, *lines, **settings).data)
    return [(node.get("label"), node.text) for node in root.iterfind("functionKeys/fkey")]


@pytest.mark.parametrize(
    "name", ["snomD785-000413123456.htm", "SNOM715-000413123456.xml", "/x/snomd785-000413123456.HTM"]
)
def test_the_file_is_one_phone_s_own(name: str) -> None:
    assert rendered().name == "snomD785-000413123456.htm"
    assert owner_of(name) == ANNA
    assert owner_of("snomD785.htm") is None


def test_an_identity_has_what_registers_it() -> None:
    held = values(sip_transport="tcp", voicemail_number="*97", outbound_proxy="192.0.2.20")
    assert {name: text for name, text in held.items() if name.endswith("1") and name.startswith("user_")} == {
        "user_active1": "on",
        "user_idle_text1": "Lager & Co",
        "user_realname1": "Anna Berg",
        "user_name1": "401",
        "user_host1": "192.0.2.10",
        "user_outbound1": "192.0.2.20:5060;transport=tcp",
        "user_pname1": "auth-1",
        "user_pass1": "s3<cr3t",
        "user_mailbox1": "*97",
        "user_active11": "off",
    }


def test_what_nobody_set_is_left_as_the_phone_has_it() -> None:
    left = {"ntp_server", "call_waiting", "network_id_port", "user_expiry1", "admin_mode_password"}
    assert not left & values().keys()
    told = values(ntp_servers="192.0.2.1,192.0.2.2", call_waiting=False, sip_listen_port=5070, register_expires_s=600)
    assert [told[name] for name in ("ntp_server", "call_waiting", "network_id_port", "user_expiry1")] == [
        "192.0.2.1",
        "off",
        "5070",
        "600",
    ]
    assert keys("D713") == []


def test_keys_become_what_the_phone_calls_them() -> None:
    assert keys("D713", keys="2 | speed-dial | Ben | 202\n3 | blf || 203") == [
        ("", "line"),
        ("Ben", "speed 202"),
        ("203", "blf 203"),
        ("", "none"),
    ]


@pytest.mark.parametrize(
    ("kind", "settings", "fault", "says"),
    [
        ("D713", {"keys": "5 | blf | Door | 100"}, LimitExceeded, "only has keys 1 to 4"),
        ("D713", {"keys": "1 | blf | Door | 100"}, ValueOutOfRange, "key 1 is used twice"),
        ("D713", {"keys": "2 | blf | A | 1\n2 | blf | B | 2"}, ValueOutOfRange, "key 2 is used twice"),
    ],
)
def test_what_a_model_lacks_is_refused(
    kind: str, settings: dict[str, Value], fault: type[Exception], says: str
) -> None:
    with pytest.raises(fault, match=says):
        rendered(kind, **settings)


@pytest.mark.parametrize("kind", FAMILY.models)
def test_every_model_holds_what_was_rendered(kind: str) -> None:
    data = rendered(kind, account(1), account(2), sip_transport="tls", sip_port=5061).data
    held = FAMILY.read((data,), FAMILY.models[kind])
    assert [(line.button, line.name, line.auth_name, line.password.reveal()) for line in held.lines] == [
        (1, "401", "auth-1", "s3<cr3t"),
        (2, "402", "auth-2", "s3<cr3t"),
    ]
    assert (held.sip_servers, held.sip_transport, held.sip_listen_port) == ((("192.0.2.10", 5061),), "tls", 5060)


@pytest.mark.parametrize(
    ("zone", "offset", "rule"),
    [
        ("Etc/UTC", "+0", ""),
        ("Asia/Kathmandu", "+20700", ""),
        ("Europe/Berlin", "+3600", "3600 03.05.07 02:00:00 10.05.07 03:00:00"),
        ("America/New_York", "-18000", "3600 03.02.07 02:00:00 11.01.07 02:00:00"),
    ],
)
def test_the_clock_goes_as_in_its_zone(zone: str, offset: str, rule: str) -> None:
    assert (utc_offset(zone), summer_time(zone)) == (offset, rule)
    held = values(time_zone=zone)
    assert (held["utc_offset"], held["dst"], held["timezone"]) == (offset, rule, "")


@pytest.mark.parametrize("zone", CISCO_ZONE)
def test_no_rule_has_an_hour_that_a_phone_lacks(zone: str) -> None:
    assert " 24:" not in summer_time(zone)
    assert "-" not in summer_time(zone)


def test_what_a_phone_would_not_take_is_named() -> None:
    with pytest.raises(ConfigurationRejected, match="not well-formed"):
        FAMILY.read((b"<settings>",), FAMILY.models["D785"])
    with pytest.raises(ConfigurationRejected, match="nothing to register"):
        FAMILY.read((b"<settings/>",), FAMILY.models["D785"])


@pytest.mark.parametrize(("kind", "end"), [("D785", ".bin"), ("715", ".bin"), ("D865", ".swu")])
def test_firmware_is_named_in_a_file_that_the_settings_name(kind: str, end: str) -> None:
    load = f"snom{kind}-10.1.198.19-SIP-r"
    whole = {"sip_server": "192.0.2.10", "firmware_load": load, "edge_url": "http://192.0.2.2:8080/"}
    firmware, phone = Renderer().render(PhoneToRender(ANNA, kind, "", whole, (account(),)))
    assert (firmware.name, owner_of(firmware.name)) == (f"snom{kind}-000413123456-firmware.xml", ANNA)
    assert etree.fromstring(firmware.data).findtext("firmware") == f"http://192.0.2.2:8080/{load}{end}"
    said = etree.fromstring(phone.data).find("phone-settings")
    assert said is not None
    assert said.findtext("firmware_status") == f"http://192.0.2.2:8080/{firmware.name}"
    assert said.findtext("update_policy") == "auto_update"
    assert FAMILY.read((firmware.data, phone.data), FAMILY.models[kind]).load == load
    assert is_firmware(load + end)
    assert FAMILY.models[kind].runs(load)
    with pytest.raises(IncompletePhone, match="without edge_url"):
        rendered(kind, firmware_load=load)


def test_a_credential_is_what_the_phone_fetches_with() -> None:
    phone = PhoneToRender(ANNA, "D785", "", {"sip_server": "192.0.2.10"}, (account(),), credential=Secret("p4ss"))
    (file,) = Renderer().render(phone)
    assert FAMILY.read((file.data,), FAMILY.models["D785"]).credential == ("000413123456", Secret("p4ss"))
    assert not {"http_client_user", "http_client_pass"} & values().keys()
    assert secrets_of(phone) == {"s3<cr3t", "p4ss"}
    (stub,) = Renderer().render(stub_of(phone))
    assert b"p4ss" not in stub.data
    assert b"p4ss" not in Renderer().render(decoys_of(phone)["the provisioning credential"])[0].data


def test_a_phone_that_keeps_its_firmware_is_told_nothing_of_it() -> None:
    assert not {"firmware_status", "update_policy"} & values().keys()


def test_a_change_restarts_no_phone_that_need_not_restart() -> None:
    reload = rendered().reload
    assert reload is not None
    assert reload.method == "check-sync;reboot=false"


@pytest.mark.parametrize("text", ["D785", "d785", "Snom D785", "snomD785"])
def test_a_model_is_known_by_what_people_and_phones_call_it(text: str) -> None:
    assert model(text)[1].name == "D785"


@pytest.mark.parametrize(
    ("element", "is_secret"), [("phone-settings/user_pass", True), ("phone-settings/ntp_server", False)]
)
def test_a_patch_of_a_pass_is_kept_sealed(element: str, is_secret: bool) -> None:
    assert patch_setting(f"patch:snom:{element}").secret is is_secret
