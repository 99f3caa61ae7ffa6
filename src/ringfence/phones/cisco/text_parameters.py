"""The values of the text files of the 7940 and 7960: what each may hold, how well that is known, and from where.

The check before publishing and the importer go by this one table. A name that is not here is somebody's own: phones
pass over what they do not know, and it may hold anything. An empty value stands for none.

Sources: G2 is the manufacturer's administrator guide of release 2.0 (78-10497-02), pages 3-10 and 3-24 to 3-26; G7 that
of release 7.5, appendix D; SAMPLE are the comments of the manufacturer's own SIPDefault.cnf, as
https://blog.marvin-menzerath.de/artikel/cisco-ip-phone-7940-7960-mit-fritzbox-verwenden/ has them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ringfence.phones.cisco.legal_values import FreeText, LegalValues, OneOf, Shaped, Whole
from ringfence.phones.settings.types import Mark

_G2 = "the manufacturer's administrator guide 78-10497-02, pages 3-10 and 3-24 to 3-26"
_G7 = "the manufacturer's administrator guide of release 7.5, appendix D"
_SAMPLE = "the comments of the manufacturer's SIPDefault.cnf (blog.marvin-menzerath.de)"
_ROUTER = "the files that the manufacturer's call manager for routers writes"

_SWITCH = OneOf(("0", "1"))
_FOUR_WAY = OneOf(("0", "1", "2", "3"))
_TEXT = FreeText()
_PORT = Whole(1, 65535)
_POSITIVE = Whole(1, 1 << 29)
_LONGEST_REGISTRATION_S = 3_932_100
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]


@dataclass(frozen=True, slots=True)
class TextParameter:
    """One named value; a line's has the line's number in its name, as in ``line1_name`` and ``proxy1_port``."""

    name: str
    values: LegalValues
    source: str
    mark: Mark = Mark.CERTAIN


def _rows(names: str, values: LegalValues, source: str, mark: Mark = Mark.CERTAIN) -> Iterable[TextParameter]:
    return (TextParameter(name, values, source, mark) for name in names.split())


PARAMETERS: tuple[TextParameter, ...] = (
    *_rows("image_version", _TEXT, _SAMPLE),
    *_rows("proxy_address line_name line_shortname line_displayname line_authname line_password", _TEXT, _SAMPLE),
    *_rows("proxy_port call_manager_sip_port outbound_proxy_port proxy_backup_port", _PORT, _SAMPLE),
    *_rows("proxy_emergency_port http_proxy_port voip_control_port start_media_port end_media_port", _PORT, _SAMPLE),
    *_rows("proxy_backup proxy_emergency outbound_proxy nat_address call_manager_addr", _TEXT, _SAMPLE),
    *_rows("proxy_register nat_enable nat_received_processing enable_vad remote_party_id", _SWITCH, _SAMPLE),
    *_rows("cnf_join_enable semi_attended_transfer stutter_msg_waiting dtmf_inband", _SWITCH, _SAMPLE),
    *_rows("time_format_24hr dst_auto_adjust", _SWITCH, _SAMPLE),
    *_rows("call_stats autocomplete", _SWITCH, _G7),
    *_rows("anonymous_call_block call_hold_ringback", _FOUR_WAY, _G7),
    *_rows("callerid_blocking dnd_control call_waiting", _FOUR_WAY, _SAMPLE),
    *_rows("transfer_onhook_enabled", _SWITCH, _ROUTER, Mark.LIKELY),
    *_rows("timer_register_expires", Whole(1, _LONGEST_REGISTRATION_S), _SAMPLE),
    *_rows("timer_t1 timer_t2 timer_invite_expires sip_retx sip_invite_retx", _POSITIVE, _G2),
    *_rows("preferred_codec", OneOf(("g711ulaw", "g711alaw", "g729a", "none"), also=("g711", "g729")), _SAMPLE),
    *_rows("tos_media", Whole(0, 5), _SAMPLE),
    *_rows("dtmf_outofband", OneOf(("none", "avt", "avt_always")), _G2),
    *_rows("dtmf_db_level", Whole(1, 5), _G2),
    *_rows("dtmf_avt_payload", Whole(96, 127), f"{_G2}; {_SAMPLE}"),
    *_rows("telnet_level", OneOf(("0", "1", "2")), _SAMPLE),
    *_rows("user_info", OneOf(("none", "phone", "ip"), folds=True), _SAMPLE),
    *_rows(
        "network_media_type",
        OneOf(("auto", "full100", "full10", "half100", "half10"), folds=True),
        f"the comments of a sample in use; {_ROUTER}: Auto",
        Mark.LIKELY,
    ),
    *_rows("sntp_server time_zone phone_label phone_password phone_prompt sync dial_template", _TEXT, _SAMPLE),
    *_rows("services_url directory_url logo_url messages_uri http_proxy_addr tftp_cfg_dir", _TEXT, _SAMPLE),
    *_rows("dyn_dns_addr_1 dyn_dns_addr_2 dyn_tftp_addr", _TEXT, _SAMPLE),
    *_rows("sntp_mode", OneOf(("unicast", "multicast", "anycast", "directedbroadcast")), _G2),
    *_rows(
        "dst_offset", Shaped(re.compile(r"[+-]?\d{1,2}(?:[:/]\d\d)?"), "hours, or hours:minutes"), _G2, Mark.LIKELY
    ),
    *_rows(
        "dst_start_month dst_stop_month",
        OneOf((*_MONTHS, *(str(number) for number in range(1, 13))), also=tuple(name[:3] for name in _MONTHS)),
        f"{_G2}; {_SAMPLE}: Oct",
    ),
    *_rows("dst_start_day dst_stop_day", Whole(0, 31), _G2),
    *_rows(
        "dst_start_day_of_week dst_stop_day_of_week",
        OneOf((*_DAYS, *(name[:3] for name in _DAYS), *(str(number) for number in range(1, 8)))),
        _G2,
    ),
    *_rows("dst_start_week_of_month dst_stop_week_of_month", OneOf(("1", "2", "3", "4", "5", "6", "8")), _G2),
    *_rows(
        "dst_start_time dst_stop_time",
        Shaped(re.compile(r"(?:[01]?\d|2[0-3])(?:[:/][0-5]\d)?"), "an hour, or hour:minute"),
        f"{_G2}; {_SAMPLE}: 02",
    ),
)  # fmt: skip

_BY_NAME: Mapping[str, TextParameter] = MappingProxyType({each.name: each for each in PARAMETERS})
_OF_LINE = re.compile(r"(line|proxy|call_manager)\d(_\w+)")


def text_parameter(name: str) -> TextParameter | None:
    """Return what is known of a named value, by its name in the file; None if nothing is."""
    return _BY_NAME.get(_OF_LINE.sub(r"\1\2", name))


def refusal(name: str, text: str) -> str:
    """Return why a phone would not take a value, in words; empty if it would."""
    known = text_parameter(name)
    if not text or known is None or known.values.taken(text):
        return ""
    return f"{name} is {text[:40]!r}, but phones take {known.values.says}"
