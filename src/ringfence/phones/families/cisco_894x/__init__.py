"""Cisco 8941 and 8945."""

from types import MappingProxyType

from ringfence.phones.cisco.device_xml import read_device
from ringfence.phones.cisco.enterprise import (
    ASKS_ALSO,
    EXPECTED_BOOT,
    OWN_CREDENTIALS,
    RELOAD_EVENT,
    RETRY,
    files_of,
    line_keys,
    prepare,
    settings_of,
)
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
from ringfence.phones.settings.types import Mark

_SETTINGS = settings_of(
    changes={
        # Stock Asterisk, in production with UDP; another source warns of UDP in general.
        "sip_transport": {"default": "udp", "mark": Mark.LIKELY},
        "kpml": {"default": 3, "mark": Mark.LIKELY},
    },
    vpn=True,
    wallpaper=True,
    video=True,
    calls=24,
)


def _model(name: str, number: int) -> Model:
    return Model(
        name=name,
        title=f"Cisco Unified IP Phone {name}",
        line_keys=line_keys(4),
        settings=_SETTINGS,
        limits=LIMITS,
        transports=Fact(("udp", "tcp", "tls"), Mark.CERTAIN, "PHONES.md sections 4 and 4e"),
        tls_ceiling=Fact("1.0", Mark.CERTAIN, "PHONES.md sections 4e and 5.7 (OpenSSL 0.9.8k)"),
        srtp=Fact("with keys in SDP only (SDES)", Mark.LIKELY, "PHONES.md section 5.7"),
        http_provisioning=Fact(None, Mark.UNKNOWN, "PHONES.md section 11"),
        load_pattern=Fact(r"SIP(?:8941_8945|894x)\..+", Mark.CERTAIN, "PHONES.md section 4e"),
        call_manager_number=number,
        most_calls=24,
        locale_file="gb-sccp-sip.jar",
        tones_file="g3-tones.xml",
        wallpaper=Picture(640, 480, 24, (123, 111), also_in=("Desktops/800x480x24",)),
        ring=RingFormat.MULAW_8K,
        features=frozenset({Feature.VIDEO, Feature.VPN, Feature.PC_PORT}),
    )


FAMILY = Family(
    id="cisco-894x",
    title="Cisco 8941, 8945",
    models=MappingProxyType({"8941": _model("8941", 586), "8945": _model("8945", 585)}),
    files=files_of(),
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
