"""Cisco ATA 191 and ATA 192, analogue adapters with multiplatform firmware."""

from functools import partial
from types import MappingProxyType

from ringfence.phones.family import Fact, Family, Feature, Model
from ringfence.phones.flat_profile.files import boot_of, files_of, prepare
from ringfence.phones.flat_profile.https import with_https
from ringfence.phones.flat_profile.parameters import ADAPTER_GUIDE
from ringfence.phones.flat_profile.profile_file import LIMITS, read_profiles
from ringfence.phones.flat_profile.series import Series
from ringfence.phones.flat_profile.settings import SOURCE, settings_of
from ringfence.phones.settings.types import Mark

_END = ".cfg"
_FIRST, _OWN = f"ata{{psn}}{_END}", f"{{mac}}{_END}"
_SETTINGS = with_https(settings_of(Series.ADAPTER), is_old=False)
_PORTS = 2


def _model(name: str, *, has_lan: bool) -> Model:
    return Model(
        name=name,
        title=f"Cisco ATA {name.removeprefix('ATA')}",
        line_keys=Fact(_PORTS, Mark.CERTAIN, ADAPTER_GUIDE),
        settings=_SETTINGS,
        limits=LIMITS,
        transports=Fact(("udp", "tcp", "tls"), Mark.CERTAIN, ADAPTER_GUIDE),
        tls_ceiling=Fact("1.2", Mark.LIKELY, ADAPTER_GUIDE),
        http_provisioning=Fact(False, Mark.CERTAIN, "PHONES.md section 8: its rule names the protocol"),
        load_pattern=Fact(r"(?i:ATA19x\..*MPP.*|ATA19x\..*MSR.*)", Mark.CERTAIN, "the manufacturer's release notes"),
        load_suffix=".img",
        psn=name.removeprefix("ATA"),
        features=frozenset({Feature.PC_PORT} if has_lan else ()),
    )


FAMILY = Family(
    id="cisco-ata",
    title="Cisco ATA 191, ATA 192 (analogue adapters)",
    models=MappingProxyType({"ATA192": _model("ATA192", has_lan=True), "ATA191": _model("ATA191", has_lan=False)}),
    files=files_of(_FIRST, _OWN),
    boot=boot_of(_FIRST, _OWN),
    prepare=partial(prepare, own=_END),
    read=read_profiles,
    one_credential=Fact(False, Mark.CERTAIN, ADAPTER_GUIDE),
    asks_also=(r"ata[\w-]+\.cfg",),
    retry_s=Fact(3600.0, Mark.LIKELY, f"{SOURCE} (Resync_Error_Retry_Delay)"),
    user_agent=Fact("Cisco/{model}", Mark.UNKNOWN, "nobody has documented it"),
)
