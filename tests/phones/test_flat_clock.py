"""The clocks of SPA, MPP, 7940 and 7960 phones: zones and summer time as each of them reads them."""

import pytest

from ringfence.content.release import TargetKind
from ringfence.phones.errors import ValueOutOfRange
from ringfence.phones.families.cisco_7940_7960.summer_time import values_of
from ringfence.phones.flat_profile.daylight_rule import daylight_rule
from ringfence.phones.formats.text_file import named_values
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile, Renderer
from ringfence.phones.settings.time_zones import CISCO_ZONE
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret

ACCOUNT = LineAccount(1, "Anna", "anna", "Anna Berg", "anna-auth", Secret("s3cr3t"))


def files(kind: str, **settings: Value) -> dict[str, RenderedFile]:
    phone = PhoneToRender(Mac("001122334455"), kind, "", {"sip_server": "192.0.2.10", **settings}, (ACCOUNT,))
    return {file.name: file for file in Renderer().render(phone)}


@pytest.mark.parametrize(
    ("zone", "rule"),
    [
        ("Europe/Berlin", "start=3/-1/7/2:0:0;end=10/-1/7/3:0:0;save=1"),
        ("America/New_York", "start=3/8/7/2:0:0;end=11/1/7/2:0:0;save=1"),
        ("Etc/UTC", ""),
        ("Asia/Tokyo", ""),
    ],
)
def test_an_spa_reads_the_time_of_day_with_minutes_and_seconds(zone: str, rule: str) -> None:
    assert daylight_rule(zone) == rule


@pytest.mark.parametrize("zone", CISCO_ZONE)
def test_no_rule_has_an_hour_that_a_phone_lacks(zone: str) -> None:
    assert "/24:" not in daylight_rule(zone)
    assert not any(text.startswith("24") for text in values_of(zone).values())


def test_the_old_phone_is_told_when_summer_time_is() -> None:
    held = named_values(files("7960", time_zone="Europe/Berlin")["SIP001122334455.cnf"].data)
    assert {name: text for name, text in held.items() if name.startswith("dst_")} == {
        "dst_auto_adjust": "1",
        "dst_offset": "1",
        "dst_start_month": "3",
        "dst_start_day": "0",
        "dst_start_day_of_week": "Sun",
        "dst_start_week_of_month": "8",
        "dst_start_time": "02:00",
        "dst_stop_month": "10",
        "dst_stop_day": "0",
        "dst_stop_day_of_week": "Sun",
        "dst_stop_week_of_month": "8",
        "dst_stop_time": "03:00",
    }
    assert values_of("America/New_York")["dst_start_week_of_month"] == "2"
    assert values_of("America/New_York")["dst_stop_week_of_month"] == "1"


@pytest.mark.parametrize("zone", ["Etc/UTC", "Asia/Tokyo", "America/Phoenix"])
def test_the_old_phone_has_no_summer_time_where_there_is_none(zone: str) -> None:
    held = named_values(files("7960", time_zone=zone)["SIP001122334455.cnf"].data)
    assert {name: text for name, text in held.items() if name.startswith("dst_")} == {"dst_auto_adjust": "0"}


def test_a_half_hour_is_not_rounded() -> None:
    with pytest.raises(ValueOutOfRange, match=r"no known name for Asia/Kolkata \(GMT\+05:30\)"):
        files("7960", time_zone="Asia/Kolkata")
    held = named_values(files("7960", time_zone="Asia/Kolkata", zone_name="IST")["SIP001122334455.cnf"].data)
    assert held["time_zone"] == "IST"


def test_the_old_phone_s_dial_plan_has_the_old_root_and_no_stamp() -> None:
    found = files("7960", dial_plan="0,........ | 3 | | Bellcore-Outside\n9... | 0 | 0%s\n* | 5")
    (plan,) = (file for name, file in found.items() if name.startswith("dialplan-"))
    assert plan.kind is TargetKind.SHARED
    assert plan.data.decode().splitlines() == [
        "<DIALTEMPLATE>",
        '  <TEMPLATE MATCH="0,........" Timeout="3" Tone="Bellcore-Outside"/>',
        '  <TEMPLATE MATCH="9..." Timeout="0" Rewrite="0%s"/>',
        '  <TEMPLATE MATCH="*" Timeout="5"/>',
        "</DIALTEMPLATE>",
    ]
    assert named_values(found["SIP001122334455.cnf"].data)["dial_template"] == plan.name.removesuffix(".xml")


def test_the_file_that_turns_a_phone_into_a_sip_phone_holds_the_loader_s_name_and_nothing_else() -> None:
    assert "OS79XX.TXT" not in files("7960")
    made = files("7960", universal_loader="P003-08-12-00")["OS79XX.TXT"]
    assert made.data == b"P003-08-12-00"
    assert made.kind is TargetKind.SHARED
