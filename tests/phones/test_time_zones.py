"""Time zones: every IANA name, the rules that hold today, and the names that phones and their files have for them."""

import re
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest

from ringfence.phones.errors import ValueOutOfRange
from ringfence.phones.families.cisco_7940_7960.summer_time import values_of
from ringfence.phones.flat_profile.daylight_rule import daylight_rule
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.clock_rules import ClockRule, rule_of, zone_names
from ringfence.phones.settings.time_zones import (
    CISCO_ZONE,
    CISCO_ZONES,
    difference,
    gmt_name,
    offset_minutes,
    summer_rule,
    zone_of_file,
)
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret

# The year whose transitions the rules are compared with: after the last change that tzdata knows of, none is to come.
YEAR = 2029
_DATE = re.compile(r"(\d+)/(-?\d+)/(\d)/(\d+)(?::(\d+):0)?")


def change_of(text: str) -> datetime:
    """Return when a rule as SPA phones write it changes the clock, by that clock, in ``YEAR``."""
    match = _DATE.fullmatch(text)
    assert match is not None
    month, day, weekday, hour, minute = (int(part or 0) for part in match.groups())
    if day == -1:
        date = datetime(YEAR + month // 12, month % 12 + 1, 1) - timedelta(days=1)  # noqa: DTZ001 - a phone's clock
        date -= timedelta(days=(date.isoweekday() - weekday) % 7)
    else:
        date = datetime(YEAR, month, day)  # noqa: DTZ001 - a phone's clock
        date += timedelta(days=(weekday - date.isoweekday()) % 7)
    return date + timedelta(hours=hour, minutes=minute)


def packaged(zone: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data)


def offset_at(zone: ZoneInfo, moment: datetime) -> timedelta:
    offset = zone.utcoffset(moment.astimezone(zone))
    assert offset is not None
    return offset


def test_every_name_of_the_list_is_taken() -> None:
    assert len(zone_names()) > 590
    assert CISCO_ZONE.keys() == set(zone_names())
    assert set(CISCO_ZONE.values()) <= CISCO_ZONES
    aliases = {"Europe/Kiev", "Asia/Calcutta", "US/Eastern", "Asia/Saigon", "GB", "Etc/GMT+5", "EST", "UTC"}
    assert aliases <= CISCO_ZONE.keys()


@pytest.mark.parametrize("zone", zone_names())
def test_a_rule_changes_the_clock_when_the_zone_does(zone: str) -> None:
    known, rule = packaged(zone), rule_of(zone)
    winter, summer = timedelta(minutes=rule.offset), timedelta(minutes=rule.offset + rule.save)
    text = summer_rule(zone)
    if not text:
        days = (datetime(YEAR, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(365))
        wrong = {offset_at(known, day) for day in days} - {winter}
        assert not wrong, wrong
        return
    match = re.fullmatch(r"start=(.+);end=(.+);save=(\d+)(?::30:0)?", text)
    assert match is not None
    for change, before, after in ((match[1], winter, summer), (match[2], summer, winter)):
        moment = (change_of(change) - before).replace(tzinfo=UTC)
        assert offset_at(known, moment - timedelta(seconds=1)) == before
        assert offset_at(known, moment) == after


@pytest.mark.parametrize("zone", zone_names())
def test_every_zone_has_a_form_for_each_kind_of_phone(zone: str) -> None:
    assert re.fullmatch(r"GMT[+-](?:0\d|1[0-4]):[0-5]\d", gmt_name(zone))
    assert re.fullmatch(r"(?:start=\S+/\d+:\d+:\d+;end=\S+/\d+:\d+:\d+;save=\S+)?", daylight_rule(zone))
    assert values_of(zone)["dst_auto_adjust"] in {"0", "1"}


@pytest.mark.parametrize(
    ("zone", "cisco"),
    [
        ("Europe/Berlin", "W. Europe Standard/Daylight Time"),
        ("Europe/Dublin", "GMT Standard/Daylight Time"),
        ("Europe/Kiev", "GTB Standard/Daylight Time"),
        ("US/Eastern", "Eastern Standard/Daylight Time"),
        ("America/Sao_Paulo", "SA Eastern Standard Time"),
        ("America/Mexico_City", "Canada Central Standard Time"),
        ("Africa/Cairo", "Egypt Standard/Daylight Time"),
        ("Asia/Calcutta", "India Standard Time"),
        ("Asia/Saigon", "SE Asia Standard Time"),
        ("Australia/Sydney", "AUS Eastern Standard/Daylight Time"),
        ("Australia/Hobart", "Tasmania Standard/Daylight Time"),
        ("Pacific/Auckland", "New Zealand Standard/Daylight Time"),
    ],
)
def test_a_place_goes_to_the_cisco_name_that_keeps_its_time(zone: str, cisco: str) -> None:
    assert CISCO_ZONE[zone] == cisco
    assert difference(zone) == ""


@pytest.mark.parametrize(
    ("zone", "cisco", "wrong"),
    [
        ("Asia/Kathmandu", "India Standard Time", "15 minutes behind all year"),
        ("Asia/Tehran", "Iran Standard/Daylight Time", "60 minutes ahead for 6 months of the year"),
        ("Africa/Lagos", "GMT Standard/Daylight Time", "60 minutes behind for 5 months of the year"),
        ("Pacific/Chatham", "New Zealand Standard/Daylight Time", "45 minutes behind all year"),
    ],
)
def test_where_no_cisco_name_keeps_the_time_the_nearest_is_taken_and_the_difference_said(
    zone: str, cisco: str, wrong: str
) -> None:
    assert (CISCO_ZONE[zone], difference(zone)) == (cisco, wrong)


def rendered(**settings: Value) -> str:
    line = LineAccount(1, "Anna", "anna", "Anna Berg", "anna-auth", Secret("s3cr3t"))
    phone = PhoneToRender(Mac("001122334455"), "7962", "", {"sip_server": "192.0.2.10", **settings}, (line,))
    return next(file.data for file in Renderer().render(phone) if file.name.startswith("SEP")).decode()


def test_a_clock_that_would_be_wrong_is_asked_about() -> None:
    with pytest.raises(
        ValueOutOfRange, match="the nearest, India Standard Time, the clock is 15 minutes behind"
    ) as caught:
        rendered(time_zone="Asia/Kathmandu")
    assert "cisco_time_zone" in caught.value.to_do
    taken = rendered(time_zone="Asia/Kathmandu", cisco_time_zone="India Standard Time")
    assert "<timeZone>India Standard Time</timeZone>" in taken


def test_southern_summers_and_half_hours() -> None:
    assert summer_rule("Australia/Sydney") == "start=10/1/7/2;end=4/1/7/3;save=1"
    assert summer_rule("Australia/Lord_Howe") == "start=10/1/7/2;end=4/1/7/2;save=0:30:0"
    assert summer_rule("Asia/Jerusalem") == "start=3/23/5/2;end=10/-1/7/2;save=1"
    assert (gmt_name("Asia/Kathmandu"), offset_minutes("America/St_Johns")) == ("GMT+05:45", -210)
    assert rule_of("Australia/Sydney").in_month(1) == 660
    assert rule_of("Australia/Sydney").in_month(7) == 600


@pytest.mark.parametrize("text", ["CET", "CET-1CEST", "CET-1CEST,J60,J300"])
def test_a_rule_in_another_form_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        ClockRule.from_posix(text)


@pytest.mark.parametrize("name", sorted(CISCO_ZONES))
def test_every_cisco_name_is_read_as_a_place(name: str) -> None:
    assert zone_of_file(name) in CISCO_ZONE


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("W. Europe Standard/Daylight Time", "Europe/Berlin"),
        ("SE Asia Standard/Daylight Time", "Asia/Bangkok"),
        ("UTC Standard/Daylight Time", "Etc/UTC"),
        ("GMT Standard Time", "Europe/London"),
        ("eastern  standard time", "America/New_York"),
        ("Central European Standard Time", "Europe/Warsaw"),
        ("America/Sao_Paulo", "America/Sao_Paulo"),
        ("europe/berlin", "Europe/Berlin"),
        ("Mars Standard Time", None),
        ("Standard Time", None),
        ("", None),
    ],
)
def test_what_files_hold_is_read(text: str, zone: str | None) -> None:
    assert zone_of_file(text) == zone
