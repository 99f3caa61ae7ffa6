"""Cisco 3905 and 6900 series with SIP firmware."""

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
from ringfence.phones.family import Fact, Family, Feature, Model
from ringfence.phones.settings.types import Mark

# Name, Call Manager's number (PHONES.md section 12), line keys (data sheets), calls a line (UCM; where it names none,
# the smallest), the stem of its loads.
_MODELS: tuple[tuple[str, int | None, int, int, str], ...] = (
    ("6921", 495, 2, 12, "SIP69xx"),
    ("6941", 496, 4, 24, "SIP69xx"),
    ("6961", 497, 12, 72, "SIP69xx"),
    ("6945", 564, 4, 24, "SIP6945"),
    ("6911", 548, 1, 12, "SIP6911"),
    ("6901", 547, 1, 12, "SIP6901"),
    ("3905", None, 1, 4, "CP3905"),
)
_ONE_PORT = frozenset({"6901"})


def _model(name: str, number: int | None, keys: int, calls: int, stem: str) -> Model:
    return Model(
        name=name,
        title=f"Cisco Unified {'SIP' if name == '3905' else 'IP'} Phone {name}",
        line_keys=line_keys(keys),
        settings=settings_of(calls=calls),
        limits=LIMITS,
        transports=Fact(("udp", "tcp", "tls"), Mark.LIKELY, "PHONES.md section 4, as of the older series"),
        tls_ceiling=Fact("1.0", Mark.LIKELY, "PHONES.md section 4e, as of the series of its time"),
        http_provisioning=Fact(None, Mark.UNKNOWN, "PHONES.md section 11"),
        load_pattern=Fact(rf"(?i:{stem})\..+", Mark.LIKELY, "PHONES.md section 7.1 (SCCP69xx; the SIP loads likewise)"),
        call_manager_number=number,
        most_calls=calls,
        locale_file="rtl-sip.jar" if name.startswith("69") else "",
        tones_file="g3-tones.xml",
        features=frozenset(set() if name in _ONE_PORT else {Feature.PC_PORT}),
    )


FAMILY = Family(
    id="cisco-69xx",
    title="Cisco 3905 and 6901 to 6961 (SIP)",
    models=MappingProxyType({row[0]: _model(*row) for row in _MODELS}),
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
