"""Yealink's phones: the file by MAC address, what a phone holds of it, and what is refused."""

import pytest

from ringfence.phones.document import NotWellFormed, TooLong
from ringfence.phones.errors import BadPatch, ConfigurationRejected, IncompletePhone, LimitExceeded, ValueOutOfRange
from ringfence.phones.families import family, model
from ringfence.phones.families.yealink.local_time import values_of
from ringfence.phones.filenames import is_firmware, owner_of
from ringfence.phones.formats.assigned_values import HEADER, AssignedValues, assigned_values
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile, Renderer
from ringfence.phones.settings.time_zones import CISCO_ZONE
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret

ANNA = Mac("001565123456")
FAMILY = family("yealink")


def account(index: int = 1, label: str = "Anna") -> LineAccount:
    return LineAccount(index, label, f"40{index}", "Anna Berg", f"auth-{index}", Secret("s3cr3t"))


def rendered(kind: str = "T46S", *lines: LineAccount, **settings: Value) -> RenderedFile:
    whole = {"sip_server": "192.0.2.10", **settings}
    (file,) = Renderer().render(PhoneToRender(ANNA, kind, "", whole, lines or (account(),)))
    return file


def values(kind: str = "T46S", *lines: LineAccount, **settings: Value) -> dict[str, str]:
    return assigned_values(rendered(kind, *lines, **settings).data)


def test_the_file_is_the_phone_s_own_and_has_the_makers_first_line() -> None:
    file = rendered()
    assert file.name == "001565123456.cfg"
    assert owner_of(file.name) == ANNA
    assert file.data.decode().splitlines()[0] == HEADER


def test_an_account_has_what_registers_it() -> None:
    held = values(sip_server_2="192.0.2.11", sip_transport="tls", outbound_proxy="192.0.2.20", voicemail_number="*97")
    assert {name.removeprefix("account.1."): text for name, text in held.items() if name.startswith("account.1.")} == {
        "enable": "1",
        "label": "Anna",
        "display_name": "Anna Berg",
        "user_name": "401",
        "auth_name": "auth-1",
        "password": "s3cr3t",
        "sip_server.1.address": "192.0.2.10",
        "sip_server.1.port": "5060",
        "sip_server.1.transport_type": "2",
        "sip_server.2.address": "192.0.2.11",
        "sip_server.2.port": "5060",
        "sip_server.2.transport_type": "2",
        "outbound_proxy_enable": "1",
        "outbound_proxy.1.address": "192.0.2.20",
        "outbound_proxy.1.port": "5060",
    }
    assert held["voice_mail.number.1"] == "*97"
    assert held["sip.notify_reboot_enable"] == "0"


def test_what_is_taken_away_does_not_stay_in_the_phone() -> None:
    held = values("T23G", account(2), keys="")
    assert [held[f"account.{index}.enable"] for index in (1, 2, 3)] == ["0", "1", "0"]
    assert held["account.2.sip_server.2.address"] == "%NULL%"
    assert [held[f"linekey.{key}.type"] for key in (1, 2, 3)] == ["0", "15", "0"]
    assert held["linekey.2.line"] == "2"


def test_keys_become_what_the_phone_calls_them() -> None:
    held = values(keys="2 | speed-dial | Ben | 202\n3 | blf || 203")
    assert [held[f"linekey.2.{part}"] for part in ("type", "line", "value", "label")] == ["13", "1", "202", "Ben"]
    assert [held[f"linekey.3.{part}"] for part in ("type", "line", "value", "label")] == ["16", "1", "203", "203"]
    assert "linekey.27.type" in held
    assert "linekey.28.type" not in held


@pytest.mark.parametrize(
    ("kind", "lines", "settings", "fault", "says"),
    [
        ("T41S", (account(7),), {}, LimitExceeded, "only has lines 1 to 6"),
        ("T23G", (), {"keys": "4 | blf | Door | 100"}, LimitExceeded, "only has keys 1 to 3"),
        ("T46S", (), {"keys": "1 | blf | Door | 100"}, ValueOutOfRange, "key 1 is used twice"),
    ],
)
def test_what_a_model_lacks_is_refused(
    kind: str, lines: tuple[LineAccount, ...], settings: dict[str, Value], fault: type[Exception], says: str
) -> None:
    with pytest.raises(fault, match=says):
        rendered(kind, *lines, **settings)


@pytest.mark.parametrize("kind", FAMILY.models)
def test_every_model_holds_what_was_rendered(kind: str) -> None:
    held = FAMILY.read((rendered(kind, account(1), account(2), sip_transport="tcp").data,), FAMILY.models[kind])
    assert [(line.button, line.name, line.auth_name, line.password.reveal()) for line in held.lines] == [
        (1, "401", "auth-1", "s3cr3t"),
        (2, "402", "auth-2", "s3cr3t"),
    ]
    assert (held.sip_servers, held.sip_transport, held.sip_listen_port) == ((("192.0.2.10", 5060),), "tcp", 5060)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Etc/UTC", {"time_zone": "0", "summer_time": "0"}),
        ("Asia/Kathmandu", {"time_zone": "+5:45", "summer_time": "0"}),
        ("Pacific/Marquesas", {"time_zone": "-9:30", "summer_time": "0"}),
        (
            "America/Toronto",
            {
                "time_zone": "-5",
                "summer_time": "1",
                "dst_time_type": "1",
                "start_time": "3/2/7/2",
                "end_time": "11/1/7/2",
                "offset_time": "60",
            },
        ),
    ],
)
def test_the_clock_goes_as_in_its_zone(zone: str, expected: dict[str, str]) -> None:
    assert values_of(zone) == expected
    held = values(time_zone=zone, ntp_servers="192.0.2.1,192.0.2.2,192.0.2.3")
    assert {name: held[f"local_time.{name}"] for name in expected} == expected
    assert held["local_time.ntp_server2"] == "192.0.2.2"


@pytest.mark.parametrize("zone", CISCO_ZONE)
def test_no_rule_has_an_hour_that_a_phone_lacks(zone: str) -> None:
    found = values_of(zone)
    assert all(0 <= int(found[name].split("/")[3]) <= 23 for name in ("start_time", "end_time") if name in found)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"account.1.enable = 1\n", "its first line is not"),
        (b"", "its first line is not"),
        (b"#!version:1.0.0.1\naccount.1.enable\n", "name = value"),
        (b"#!version:1.0.0.1\n\xff\n", "UTF-8"),
    ],
)
def test_a_file_that_a_phone_would_not_take_is_named_by_its_line(data: bytes, says: str) -> None:
    with pytest.raises(NotWellFormed, match=says):
        AssignedValues().check(data, FAMILY.models["T46S"])
    with pytest.raises(ConfigurationRejected, match=says):
        FAMILY.read((data,), FAMILY.models["T46S"])


def test_a_file_without_an_account_is_nothing_to_register() -> None:
    with pytest.raises(ConfigurationRejected, match="nothing to register"):
        FAMILY.read((f"{HEADER}\n".encode(),), FAMILY.models["T46S"])


def test_a_text_is_too_long_for_any_account() -> None:
    text = f"{HEADER}\naccount.2.label = {'x' * 100}\n".encode()
    with pytest.raises(TooLong, match=r"account\.2\.label"):
        AssignedValues().check(text, FAMILY.models["T46S"])


def test_a_patch_replaces_or_adds_a_value() -> None:
    data = f"{HEADER}\ncall_waiting.enable = 1\n".encode()
    patched = AssignedValues().patch(data, {"call_waiting.enable": "0", "features.dnd.allow": "0"})
    assert assigned_values(patched) == {"call_waiting.enable": "0", "features.dnd.allow": "0"}
    assert assigned_values(AssignedValues().leave_out(patched, {"call_waiting.enable", "x.y"})) == {
        "features.dnd.allow": "0"
    }
    with pytest.raises(BadPatch, match="does not name a value"):
        AssignedValues().check_patch("no spaces")


@pytest.mark.parametrize("text", ["T46S", "t46s", "Yealink T46S", "Yealink SIP-T46S", "SIP-T46S"])
def test_a_model_is_known_by_what_people_and_phones_call_it(text: str) -> None:
    assert model(text)[1].name == "T46S"


def test_what_nobody_set_is_left_as_the_phone_has_it() -> None:
    held = values("T23G")
    left = ("call_waiting.enable", "account.1.dtmf.type", "account.1.sip_listen_port", "local_time.ntp_server1")
    assert not [name for name in held if name in left or name.startswith("linekey.")]
    told = values("T23G", call_waiting=False, dtmf_mode="none", sip_listen_port=5070, ntp_servers="", keys="")
    assert [told[name] for name in left] == ["0", "0", "5070", "%NULL%"]


def test_a_load_is_for_the_models_whose_number_it_has() -> None:
    load = "T46S-66.86.0.15"
    assert model("T42S")[1].runs(load)
    assert not model("T42U")[1].runs(load)
    assert is_firmware(f"{load}.rom")
    held = values("T42S", firmware_load=load, edge_url="http://192.0.2.2:8080/")
    assert held["static.firmware.url"] == f"http://192.0.2.2:8080/{load}.rom"
    file = rendered("T42S", firmware_load=load, edge_url="http://192.0.2.2:8080")
    assert FAMILY.read((file.data,), FAMILY.models["T42S"]).load == load
    with pytest.raises(IncompletePhone, match="without edge_url"):
        rendered("T42S", firmware_load=load)
