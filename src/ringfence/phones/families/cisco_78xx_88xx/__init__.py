"""Cisco 7800 and 8800 series with enterprise firmware."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from ringfence.phones.cisco.device_settings import BLUETOOTH, USB, WIFI
from ringfence.phones.cisco.device_xml import read_device
from ringfence.phones.cisco.enterprise import (
    ASKS_ALSO,
    BOOT,
    EIGHT_EIGHT,
    ONE_CREDENTIAL,
    RELOAD_EVENT,
    RETRY,
    SHA512_KNOWN,
    files_of,
    line_keys,
    prepare,
    settings_of,
)
from ringfence.phones.cisco.key_settings import EXPANSION_MODULES
from ringfence.phones.cisco.limits import LIMITS
from ringfence.phones.cisco.takeover import ERASE_BY_RESET
from ringfence.phones.family import (
    Fact,
    Family,
    Feature,
    Model,
    Picture,
    RingFormat,
)
from ringfence.phones.settings.types import Mark, Setting

_WIDE = Picture(800, 480, 24, (139, 109))
_HANDSET = Picture(240, 320, 24, (117, 117))
_VIDEO = frozenset({"8845", "8865"})
_EXPANDED = frozenset({"8851", "8861", "8865"})
_MODULES: Mapping[str, tuple[str, ...]] = {
    "8851": ("BEKEM", "CP-8800-Audio"), "8861": ("BEKEM", "CP-8800-Audio"), "8865": ("BEKEM", "CP-8800-Video"),
}  # fmt: skip
_SESSION_KEYS = frozenset({"8811", "8841", "8845", "8851", "8861", "8865"})
"""Models with five line keys and five session keys (PHONES.md section 13)."""
_WIRELESS = frozenset({"8821", "8861", "8865"})
_BLUETOOTH = frozenset({"8821", "8845", "8851", "8861", "8865"})

# Name, Call Manager's number (where PHONES.md section 12 has it), keys, calls a line, load's stem, language archive,
# wallpaper. Ceilings of calls: PHONES.md section 4; 7832, 7861 and 8821 are not named there: the nearest model's.
_MODELS: tuple[tuple[str, int | None, int, int, str, str, Picture | None], ...] = (
    ("8851", 684, 10, 200, "sip88xx", "sl-be-sip.jar", _WIDE),
    ("8811", None, 10, 200, "sip88xx", "sl-be-sip.jar", _WIDE),
    ("8821", None, 6, 24, "sip8821", "", _HANDSET),
    ("8831", 659, 1, 6, "sip8831", "", None),
    ("8832", None, 1, 12, "sip8832", "", None),
    ("8841", 683, 10, 200, "sip88xx", "sl-be-sip.jar", _WIDE),
    ("8845", None, 10, 200, "sip8845_65", "sl-bev-sip.jar", _WIDE),
    ("8861", 685, 10, 200, "sip88xx", "sl-be-sip.jar", _WIDE),
    ("8865", None, 10, 200, "sip8845_65", "sl-bev-sip.jar", _WIDE),
    ("7811", None, 1, 12, "sip78xx", "sp-sip.jar", None),
    ("7821", 621, 2, 12, "sip78xx", "sp-sip.jar", None),
    ("7832", None, 1, 12, "sip7832", "", None),
    ("7841", 622, 4, 24, "sip78xx", "sp-sip.jar", None),
    ("7861", 623, 16, 24, "sip78xx", "sp-sip.jar", None),
)


def _model(
    name: str, number: int | None, keys: int, calls: int, load: str, locale_file: str, picture: Picture | None
) -> Model:
    parts: dict[Feature, Setting | None] = {Feature.VPN: None}
    if name not in {"7811", "8821", "8831", "8832", "7832"}:
        parts[Feature.PC_PORT] = None
    if name in _VIDEO:
        parts[Feature.VIDEO] = None
    if name in _EXPANDED:
        parts |= {Feature.EXPANSION: None, Feature.USB: USB}
    if name in _BLUETOOTH:
        parts[Feature.BLUETOOTH] = BLUETOOTH
    if name in _WIRELESS:
        parts[Feature.WIFI] = WIFI
    more = tuple(setting for setting in parts.values() if setting is not None)
    return Model(
        name=name,
        title=f"Cisco IP Phone {name}",
        line_keys=line_keys(keys),
        settings=settings_of(
            more,
            EIGHT_EIGHT,
            vpn=name.startswith("88"),
            wallpaper=picture is not None,
            video=name in _VIDEO,
            line_mode=name in _SESSION_KEYS,
            modules=name in _MODULES,
            calls=calls,
            hashes=SHA512_KNOWN,
            trust_by_https=Fact(True, Mark.LIKELY, "PHONES.md sections 2 and 5.4: 7800 and 8800 series, no load named"),
        ),
        limits=LIMITS,
        transports=Fact(("udp", "tcp", "tls"), Mark.CERTAIN, "PHONES.md section 4"),
        tls_ceiling=Fact("1.2", Mark.LIKELY, "PHONES.md section 4e, which names the older series only"),
        http_provisioning=Fact(True, Mark.CERTAIN, "PHONES.md section 2b (8851, firmware 11.7 and later)"),
        load_pattern=Fact(rf"{load}\..+", Mark.CERTAIN, "PHONES.md sections 1, 10 and 12"),
        call_manager_number=number,
        most_calls=calls,
        session_keys=5 if name in _SESSION_KEYS else 0,
        modules={each: EXPANSION_MODULES[each] for each in _MODULES.get(name, ())},
        locale_file=locale_file,
        tones_file="g3-tones.xml",
        wallpaper=picture,
        ring=RingFormat.LINEAR_16K,
        asks_last=("defaultheadsetconfig.json",) if name.startswith("88") else (),
        features=frozenset(parts),
    )


FAMILY = Family(
    id="cisco-78xx-88xx",
    title="Cisco 7800 and 8800 series (enterprise firmware)",
    models=MappingProxyType({row[0]: _model(*row) for row in _MODELS}),
    files=files_of(),
    boot=BOOT,
    prepare=prepare,
    read=read_device,
    one_credential=ONE_CREDENTIAL,
    first_credential_serves_all=True,
    reload_event=RELOAD_EVENT,
    erase_list=ERASE_BY_RESET,
    tftp_menu=Fact(
        ("Settings (Applications)", "Admin settings", "Network setup", "(Ethernet setup)", "IPv4 setup"),
        Mark.CERTAIN,
        "Cisco's administration guides (7800 series; 8832), Configure Network Settings; a report of an 8851",
    ),
    asks_also=ASKS_ALSO,
    retry_s=replace(RETRY, mark=Mark.CERTAIN),
    pace_s=Fact(6.6, Mark.CERTAIN, "PHONES.md section 2b (8851, measured)"),
)
