"""A Cisco phone with a ``SEP<MAC>.cnf.xml`` whose model nobody knows yet.

Its file holds what somebody's file held; nothing of a model is added. Give it its model when it is known.
"""

from types import MappingProxyType

from ringfence.phones.cisco.device_settings import BLUETOOTH, FEATURE_POLICY_FILE, USB, WIFI
from ringfence.phones.cisco.device_xml import read_device
from ringfence.phones.cisco.enterprise import (
    ASKS_ALSO,
    BOOT,
    OWN_CREDENTIALS,
    RELOAD_EVENT,
    RETRY,
    files_of,
    line_keys,
    prepare,
    settings_of,
)
from ringfence.phones.cisco.key_settings import EXPANSION_MODULES, FEATURE_POLICY
from ringfence.phones.cisco.limits import LIMITS
from ringfence.phones.family import Fact, Family, Model
from ringfence.phones.settings.types import Mark

_WHY = "its model is not known"

FAMILY = Family(
    id="cisco-any",
    title="Cisco enterprise phone whose model is not known yet",
    models=MappingProxyType(
        {
            "SEP": Model(
                name="SEP",
                title="Cisco enterprise phone, model not known",
                line_keys=line_keys(34, Mark.UNKNOWN, _WHY),
                settings=settings_of(
                    (FEATURE_POLICY_FILE, FEATURE_POLICY, BLUETOOTH, USB, WIFI),
                    vpn=True,
                    wallpaper=True,
                    video=True,
                    modules=True,
                    calls=200,
                ),
                limits=LIMITS,
                transports=Fact(("udp", "tcp", "tls"), Mark.UNKNOWN, _WHY),
                tls_ceiling=Fact("1.0", Mark.UNKNOWN, _WHY),
                http_provisioning=Fact(None, Mark.UNKNOWN, _WHY),
                load_pattern=Fact(r"(?!)", Mark.UNKNOWN, _WHY),
                most_calls=200,
                modules=EXPANSION_MODULES,
            )
        }
    ),
    files=files_of(feature_policy=True),
    boot=BOOT,
    prepare=prepare,
    read=read_device,
    one_credential=OWN_CREDENTIALS,
    first_credential_serves_all=True,
    reload_event=RELOAD_EVENT,
    asks_also=ASKS_ALSO,
    retry_s=RETRY,
)
