"""The files of a device that reads flat profiles, and what their templates need besides settings."""

from collections.abc import Mapping

from ringfence.content.release import TargetKind
from ringfence.phones.errors import LimitExceeded, ValueOutOfRange
from ringfence.phones.family import BootRequest, Fact, FileTemplate, ToPrepare, check_order
from ringfence.phones.flat_profile.adapter_clock import zone_number
from ringfence.phones.flat_profile.daylight_rule import daylight_rule
from ringfence.phones.flat_profile.https import base_of, firmware_base_of
from ringfence.phones.flat_profile.keys import keys_of
from ringfence.phones.flat_profile.profile_file import FlatProfile
from ringfence.phones.flat_profile.series import Series, series_of
from ringfence.phones.flat_profile.settings import SOURCE
from ringfence.phones.settings.time_zones import gmt_name
from ringfence.phones.settings.types import Mark

_PACKAGE = "ringfence.phones.flat_profile"
FROM_MODEL_TO_OWN = "/$MA"


def files_of(first: str, own: str) -> tuple[FileTemplate, ...]:
    """Return a family's two files: the model's, which leads to the phone's own."""
    return (
        FileTemplate("model", first, _PACKAGE, "model.xml.j2", FlatProfile(), TargetKind.SHARED),
        FileTemplate("profile", own, _PACKAGE, "profile.xml.j2", FlatProfile(), reloads=True),
    )


def boot_of(first: str, own: str) -> Fact[tuple[BootRequest, ...]]:
    """Return the order in which a phone asks, once its profile rule leads to its own profile.

    The names have a slash before them, as the rules have that phones come with (PHONES.md sections 6b and 8b).
    """
    asks = tuple(BootRequest(f"/{name}", configures=True, needed=True) for name in (first, own))
    return Fact(asks, Mark.LIKELY, SOURCE)


def prepare(phone: ToPrepare, own: str) -> Mapping[str, object]:
    """Return what the templates need besides the settings; ``own`` is the end of the own profile's name."""
    settings, series = phone.settings, series_of(phone.model)
    check_order(settings, "media_port_first", "media_port_last")
    beyond = [index for index in phone.line_indexes if index > phone.model.line_keys.value]
    if beyond:
        raise LimitExceeded(
            f"a line is on key {beyond[0]}, but {phone.model.with_article} has lines on keys 1 to "
            f"{phone.model.line_keys.value} only",
            to_do="Move the line to a free key of the phone itself.",
        )
    zone = str(settings["time_zone"])
    values: dict[str, object] = {
        "series": series.name,
        "own_rule": f"{base_of(settings)}{FROM_MODEL_TO_OWN}{own}",
        "firmware_base": firmware_base_of(settings),
        "firmware_end": phone.model.load_suffix,
        "gmt": gmt_name(zone),
        "summer": daylight_rule(zone),
        "ntp_servers": [host for host in str(settings["ntp_servers"]).split(",") if host],
        "proxy": f"{settings['sip_server']}:{settings['sip_port']}",
        "other_keys": [],
        "module_keys": [],
        "units": [],
    }
    if series is Series.ADAPTER:
        values["zone_number"] = zone_number(zone)
        if not values["zone_number"]:
            raise ValueOutOfRange(
                f"{phone.model.with_article} has no number for {zone} ({gmt_name(zone)})",
                to_do="Set time_zone for it to a zone of whole hours that is nearest.",
            )
    else:
        values["other_keys"], values["module_keys"] = keys_of(phone)
        values["units"] = sorted(int(row["position"]) for row in phone.rows.get("modules", []))
    return values
