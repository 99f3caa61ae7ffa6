"""Phones of any make: their files come only from the operator's own templates."""

from types import MappingProxyType

from ringfence.phones.cisco.call_settings import (
    CALLS,
    RELOAD,
    SIP,
    TIME,
)
from ringfence.phones.cisco.device_settings import ACCESS, DISPLAY, FIRMWARE
from ringfence.phones.family import (
    Fact,
    Family,
    Model,
    ToPrepare,
)
from ringfence.phones.parsed_configuration import HeldConfiguration
from ringfence.phones.settings.protection import with_protection
from ringfence.phones.settings.types import Mark

_NAMES = frozenset(
    {
        "time_zone", "ntp_servers", "sip_server", "sip_server_2", "sip_port", "sip_transport", "sip_listen_port",
        "outbound_proxy", "register_expires_s", "voicemail_number", "phone_label", "admin_password", "firmware_load",
        "reload", "reload_hour",
    }
)  # fmt: skip
_WHY = "your own templates decide"
_SETTINGS = with_protection(
    {
        setting.name: setting
        for setting in (*TIME, *SIP, *CALLS, *DISPLAY, *ACCESS, *FIRMWARE, *RELOAD)
        if setting.name in _NAMES
    }
)


def _prepare(phone: ToPrepare) -> dict[str, object]:
    hosts = str(phone.settings["ntp_servers"]).split(",")
    return {"ntp_servers": [host for host in hosts if host]}


def _read(_files: tuple[bytes, ...], _model: Model) -> HeldConfiguration:
    return HeldConfiguration("", (), (), "udp", 5060, "", "")


FAMILY = Family(
    id="generic",
    title="Any other phone, by your own templates",
    models=MappingProxyType(
        {
            "generic": Model(
                name="generic",
                title="Any phone",
                line_keys=Fact(48, Mark.UNKNOWN, _WHY),
                settings=_SETTINGS,
                limits=MappingProxyType({}),
                transports=Fact(("udp", "tcp", "tls"), Mark.UNKNOWN, _WHY),
                tls_ceiling=Fact("1.2", Mark.UNKNOWN, _WHY),
                http_provisioning=Fact(None, Mark.UNKNOWN, _WHY),
                load_pattern=Fact(r".+", Mark.UNKNOWN, _WHY),
            )
        }
    ),
    files=(),
    boot=Fact((), Mark.UNKNOWN, _WHY),
    prepare=_prepare,
    read=_read,
    one_credential=Fact(False, Mark.UNKNOWN, _WHY),
)
