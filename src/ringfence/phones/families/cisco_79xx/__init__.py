"""Cisco 7906 to 7975 with SIP firmware of 8.0 and later."""

from types import MappingProxyType

from ringfence.phones.cisco.device_xml import read_device
from ringfence.phones.cisco.enterprise import (
    ASKS_ALSO,
    BOOT,
    OWN_CREDENTIALS,
    RELOAD_EVENT,
    RETRY,
    SEVEN_THOUSAND,
    files_of,
    line_keys,
    prepare,
    settings_of,
)
from ringfence.phones.cisco.key_settings import EXPANSION_MODULES
from ringfence.phones.cisco.limits import LIMITS, SHORT_PASSWORD
from ringfence.phones.cisco.takeover import ERASE_79XX
from ringfence.phones.family import (
    Fact,
    Family,
    Feature,
    Model,
    Picture,
    RingFormat,
)
from ringfence.phones.settings.types import Mark
from ringfence.tftp.options import NO_OPTIONS

_SETTINGS = settings_of(changes=SEVEN_THOUSAND, calls=50)
_EXPANDED_SETTINGS = settings_of(changes=SEVEN_THOUSAND, modules=True, calls=50)
_SMALL = Picture(320, 196, 4, (80, 53))
_MIDDLE = Picture(320, 212, 16, (80, 53))
_OLD_COLOUR = Picture(320, 212, 12, (80, 53))
_COLOUR = Picture(320, 216, 16, (80, 53))

# Name, Call Manager's number, line keys, the NN of its loads, its language archive, wallpaper (PHONES.md sections 7,
# 7.1 and 12, and "Locale, tones, wallpapers").
_MODELS: tuple[tuple[str, int, int, str, str, Picture | None], ...] = (
    ("7975", 437, 8, "75", "td-sip.jar", _COLOUR),
    ("7971G-GE", 119, 8, "70", "td-sip.jar", _OLD_COLOUR),
    ("7970", 30006, 8, "70", "td-sip.jar", _OLD_COLOUR),
    ("7965", 436, 6, "45", "be-sip.jar", _MIDDLE),
    ("7962", 404, 6, "42", "mk-sip.jar", _SMALL),
    ("7961", 30018, 6, "41", "mk-sip.jar", _SMALL),
    ("7961G-GE", 308, 6, "41", "mk-sip.jar", _SMALL),
    ("7945", 435, 2, "45", "be-sip.jar", _MIDDLE),
    ("7942", 434, 2, "42", "mk-sip.jar", _SMALL),
    ("7941", 115, 2, "41", "mk-sip.jar", _SMALL),
    ("7941G-GE", 309, 2, "41", "mk-sip.jar", _SMALL),
    ("7931", 348, 24, "31", "", None),
    ("7911", 307, 1, "11", "tc-sip.jar", None),
    ("7906", 369, 1, "11", "tc-sip.jar", None),
)
_ONE_PORT = frozenset({"7906"})
_SRTP_OF_OTHERS = Fact("", Mark.UNKNOWN, "no document at hand says")
_SRTP = {
    **dict.fromkeys(
        ("7941", "7941G-GE", "7961", "7961G-GE"),
        Fact("with tags of 32 bits only (AES_CM_128_HMAC_SHA1_32)", Mark.CERTAIN, "PHONES.md section 4 (UCM)"),
    ),
    **dict.fromkeys(("7945", "7965"), Fact("with keys in SDP only (SDES)", Mark.LIKELY, "PHONES.md section 5.7")),
}
_EXPANDED = frozenset({"7975", "7971G-GE", "7970", "7965", "7962", "7961", "7961G-GE"})


def _model(name: str, number: int, keys: int, load: str, locale_file: str, picture: Picture | None) -> Model:
    features = {Feature.PC_PORT} - ({Feature.PC_PORT} if name in _ONE_PORT else set())
    return Model(
        name=name,
        title=f"Cisco Unified IP Phone {name}",
        line_keys=line_keys(keys),
        settings=_EXPANDED_SETTINGS if name in _EXPANDED else _SETTINGS,
        limits=SHORT_PASSWORD if name in {"7942", "7962"} else LIMITS,
        transports=Fact(("udp", "tcp", "tls"), Mark.CERTAIN, "PHONES.md sections 4 and 4b (with UDP calls in fail)"),
        tls_ceiling=Fact("1.0", Mark.CERTAIN, "PHONES.md sections 4e and 5.4"),
        http_provisioning=Fact(None, Mark.UNKNOWN, "PHONES.md section 11"),
        srtp=_SRTP.get(name, _SRTP_OF_OTHERS),
        load_pattern=Fact(rf"SIP{load}\..+S", Mark.CERTAIN, "PHONES.md sections 7.1 and 12"),
        call_manager_number=number,
        most_calls=50,
        modules={each: EXPANSION_MODULES[each] for each in ("7914", "7915", "7916")} if name in _EXPANDED else {},
        locale_file=locale_file,
        tones_file="g3-tones.xml",
        wallpaper=picture,
        ring=RingFormat.MULAW_8K,
        recovery_loads=(f"term{name[2:4]}.default.loads",),
        features=frozenset(features | ({Feature.EXPANSION} if name in _EXPANDED else set())),
    )


FAMILY = Family(
    id="cisco-79xx",
    title="Cisco 7906 to 7975 (SIP)",
    models=MappingProxyType({row[0]: _model(*row) for row in _MODELS}),
    files=files_of(),
    boot=BOOT,
    prepare=prepare,
    read=read_device,
    one_credential=OWN_CREDENTIALS,
    first_credential_serves_all=True,
    reload_event=RELOAD_EVENT,
    erase_list=ERASE_79XX,
    tftp_menu=Fact(
        ("Settings", "Network Configuration", "(IPv4 Configuration)"),
        Mark.LIKELY,
        "a provider's guide to 7900 series phones for its customers; a 7941's own page names the same menu",
    ),
    asks_also=(*ASKS_ALSO, r"term\d\d\.default\.loads"),
    retry_s=RETRY,
    pace_s=Fact(4.0, Mark.LIKELY, "PHONES.md section 1b (7941, a log with times)"),
    tftp_options=Fact(NO_OPTIONS, Mark.CERTAIN, "PHONES.md section 1 (7962, captured: octet, blocks of 512)"),
)
