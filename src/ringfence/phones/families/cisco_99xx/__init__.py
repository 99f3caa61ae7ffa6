"""Cisco 8961, 9951 and 9971."""

from types import MappingProxyType

from ringfence.phones.cisco.device_settings import (
    BLUETOOTH,
    FEATURE_POLICY_FILE,
    USB,
    WIFI,
)
from ringfence.phones.cisco.device_xml import read_device
from ringfence.phones.cisco.enterprise import (
    ASKS_ALSO,
    EXPECTED_BOOT,
    OWN_CREDENTIALS,
    RELOAD_EVENT,
    RETRY,
    SHA512_KNOWN,
    files_of,
    line_keys,
    prepare,
    settings_of,
)
from ringfence.phones.cisco.key_settings import EXPANSION_MODULES, FEATURE_POLICY
from ringfence.phones.cisco.limits import LIMITS
from ringfence.phones.cisco.takeover import ERASE_IN_SETUP
from ringfence.phones.family import (
    Fact,
    Family,
    Feature,
    Model,
    Picture,
    RingFormat,
)
from ringfence.phones.settings.types import Mark, Setting


def _model(
    name: str, number: int, keys: int, locale_file: str, tones_file: str, more: tuple[Setting, ...], *also: Feature
) -> Model:
    return Model(
        name=name,
        title=f"Cisco Unified IP Phone {name}",
        line_keys=line_keys(keys),
        settings=settings_of(
            (FEATURE_POLICY_FILE, FEATURE_POLICY, USB, *more),
            vpn=True,
            wallpaper=True,
            video=Feature.VIDEO in also,
            modules=True,
            calls=200,
            hashes=SHA512_KNOWN,
        ),
        limits=LIMITS,
        transports=Fact(("udp", "tcp", "tls"), Mark.CERTAIN, "PHONES.md section 4"),
        tls_ceiling=Fact("1.0", Mark.CERTAIN, "PHONES.md section 4e (some 1.1)"),
        http_provisioning=Fact(None, Mark.UNKNOWN, "PHONES.md section 11"),
        load_pattern=Fact(rf"sip{name}\..+", Mark.CERTAIN, "PHONES.md sections 7 and 12"),
        call_manager_number=number,
        most_calls=200,
        modules={"CKEM": EXPANSION_MODULES["CKEM"]},
        locale_file=locale_file,
        tones_file=tones_file,
        wallpaper=Picture(640, 480, 24, (123, 111)),
        ring=RingFormat.MULAW_8K,
        features=frozenset({Feature.VPN, Feature.USB, Feature.PC_PORT, *also}),
    )


_ALL = (
    _model("9971", 493, 6, "gd-sip.jar", "g4-tones.xml", (BLUETOOTH, WIFI), Feature.BLUETOOTH, Feature.WIFI,
           Feature.VIDEO, Feature.EXPANSION),
    _model("9951", 537, 5, "lk-sip.jar", "g4-tones.xml", (BLUETOOTH,), Feature.BLUETOOTH, Feature.VIDEO,
           Feature.EXPANSION),
    _model("8961", 540, 5, "gh-sip.jar", "g3-tones.xml", (), Feature.EXPANSION),
)  # fmt: skip

FAMILY = Family(
    id="cisco-99xx",
    title="Cisco 8961, 9951, 9971",
    models=MappingProxyType({model.name: model for model in _ALL}),
    files=files_of(feature_policy=True),
    boot=EXPECTED_BOOT,
    prepare=prepare,
    read=read_device,
    one_credential=OWN_CREDENTIALS,
    first_credential_serves_all=True,
    reload_event=RELOAD_EVENT,
    erase_list=ERASE_IN_SETUP,
    asks_also=ASKS_ALSO,
    retry_s=RETRY,
)
