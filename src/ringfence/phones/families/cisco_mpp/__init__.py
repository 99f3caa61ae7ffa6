"""Cisco 6800, 7800 and 8800 series with multiplatform firmware (3PCC)."""

from functools import partial
from types import MappingProxyType

from ringfence.phones.family import Fact, Family, Feature, Model
from ringfence.phones.flat_profile.files import boot_of, files_of, prepare
from ringfence.phones.flat_profile.https import with_https
from ringfence.phones.flat_profile.profile_file import LIMITS, read_profiles
from ringfence.phones.flat_profile.sealed_profile import SEALED_ON_MPP
from ringfence.phones.flat_profile.series import Series
from ringfence.phones.flat_profile.settings import SOURCE, settings_of
from ringfence.phones.settings.trust import with_profile_trust
from ringfence.phones.settings.types import Mark

_END = ".xml"
_FIRST, _OWN = f"{{psn}}{_END}", f"{{mac}}{_END}"
_SETTINGS = with_https(with_profile_trust(settings_of(Series.MPP), SEALED_ON_MPP), is_old=False)
# Name, line keys (the manufacturer's data sheets), and the load's stem.
_MODELS = (
    ("8851-3PCC", 10, "sip88xx"), ("8811-3PCC", 10, "sip88xx"), ("8841-3PCC", 10, "sip88xx"),
    ("8845-3PCC", 10, "sip8845_65"), ("8861-3PCC", 10, "sip88xx"), ("8865-3PCC", 10, "sip8845_65"),
    ("8832-3PCC", 1, "sip8832"), ("7811-3PCC", 1, "sip78xx"), ("7821-3PCC", 2, "sip78xx"), ("7832-3PCC", 1, "sip7832"),
    ("7841-3PCC", 4, "sip78xx"), ("7861-3PCC", 16, "sip78xx"), ("6821-3PCC", 2, "sip68xx"),
    ("6841-3PCC", 4, "sip68xx"), ("6851-3PCC", 4, "sip68xx"), ("6861-3PCC", 4, "sip6861"), ("6871-3PCC", 6, "sip6871"),
)  # fmt: skip


def _model(name: str, keys: int, load: str) -> Model:
    return Model(
        name=name,
        title=f"Cisco IP Phone {name}",
        line_keys=Fact(keys, Mark.LIKELY, "the manufacturer's data sheet"),
        settings=_SETTINGS,
        limits=LIMITS,
        transports=Fact(("udp", "tcp", "tls"), Mark.LIKELY, SOURCE),
        tls_ceiling=Fact("1.2", Mark.LIKELY, SOURCE),
        http_provisioning=Fact(False, Mark.CERTAIN, "PHONES.md section 8b: its rule names the protocol"),
        load_pattern=Fact(rf"{load}\..*M(?:PP|SR).*", Mark.CERTAIN, "PHONES.md section 7"),
        psn=name,
        features=frozenset({Feature.PC_PORT}),
    )


FAMILY = Family(
    id="cisco-mpp",
    title="Cisco 6800, 7800, 8800 series (multiplatform firmware)",
    models=MappingProxyType({row[0]: _model(*row) for row in _MODELS}),
    files=files_of(_FIRST, _OWN),
    boot=boot_of(_FIRST, _OWN),
    prepare=partial(prepare, own=_END),
    read=read_profiles,
    one_credential=Fact(False, Mark.LIKELY, SOURCE),
    encrypted_profile=Fact(_END, Mark.CERTAIN, SEALED_ON_MPP),
    retry_s=Fact(3600.0, Mark.LIKELY, "PHONES.md section 8b (Resync_Error_Retry_Delay)"),
    user_agent=Fact("Cisco-CP-{model}", Mark.CERTAIN, "PHONES.md section 3"),
)
