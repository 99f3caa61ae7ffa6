"""Cisco SPA 300 and 500 phones, and the SPA112 and SPA122 analogue adapters."""

from functools import partial
from types import MappingProxyType

from ringfence.phones.family import Fact, Family, Feature, Model
from ringfence.phones.flat_profile.files import boot_of, files_of, prepare
from ringfence.phones.flat_profile.https import with_https
from ringfence.phones.flat_profile.keys import MODULE_KEYS
from ringfence.phones.flat_profile.profile_file import LIMITS, read_profiles
from ringfence.phones.flat_profile.sealed_profile import SEALED_ON_SPA
from ringfence.phones.flat_profile.series import ADAPTERS, Series
from ringfence.phones.flat_profile.settings import SOURCE, settings_of
from ringfence.phones.settings.trust import with_profile_trust
from ringfence.phones.settings.types import Mark

_END = ".cfg"
_FIRST, _OWN = f"spa{{psn}}{_END}", f"{{mac}}{_END}"
_SETTINGS = with_https(with_profile_trust(settings_of(Series.SPA), SEALED_ON_SPA), is_old=True)
_ADAPTER_SETTINGS = with_https(with_profile_trust(settings_of(Series.ADAPTER), SEALED_ON_SPA), is_old=True)
# Name and line keys (the manufacturer's data sheets).
_MODELS = (
    ("SPA504G", 4), ("SPA301", 1), ("SPA303", 3), ("SPA501G", 8), ("SPA502G", 1), ("SPA508G", 8), ("SPA509G", 12),
    ("SPA512G", 1), ("SPA514G", 4), ("SPA525G", 5), ("SPA525G2", 5), ("SPA112", 2), ("SPA122", 2),
)  # fmt: skip
_WIFI = frozenset({"SPA525G", "SPA525G2"})
_NO_PC_PORT = frozenset({"SPA301", "SPA303", "SPA112", "SPA122"})


# The firmware's file is one for a group of models (wazo-provd-plugins, wazo_cisco_spa; published firmware).
_FIRMWARE = (("SPA525", "spa525g"), ("SPA51", "spa51x"), ("SPA1", "Payton"), ("SPA", "spa50x-30x"))


def _model(name: str, keys: int) -> Model:
    load = next(stem for group, stem in _FIRMWARE if name.startswith(group))
    features = ({Feature.WIFI, Feature.BLUETOOTH} if name in _WIFI else set()) | (
        set() if name in _NO_PC_PORT else {Feature.PC_PORT}
    )
    return Model(
        name=name,
        title=f"Cisco {name}",
        line_keys=Fact(keys, Mark.LIKELY, "the manufacturer's data sheet"),
        settings=_ADAPTER_SETTINGS if name in ADAPTERS else _SETTINGS,
        limits=LIMITS,
        transports=Fact(("udp", "tcp", "tls"), Mark.LIKELY, SOURCE),
        tls_ceiling=Fact("1.0", Mark.CERTAIN, "PHONES.md section 8 (firmware 2.0.6)"),
        http_provisioning=Fact(False, Mark.CERTAIN, "PHONES.md section 8: its rule names the protocol"),
        load_pattern=Fact(rf"(?i:{load}[-_].+)", Mark.CERTAIN, "wazo-provd-plugins (wazo_cisco_spa)"),
        load_suffix=".bin",
        psn=name.removeprefix("SPA"),
        modules=MappingProxyType({}) if name in ADAPTERS or name == "SPA301" else MODULE_KEYS,
        features=frozenset(features),
    )


FAMILY = Family(
    id="cisco-spa",
    title="Cisco SPA300, SPA500, SPA100 series",
    models=MappingProxyType({row[0]: _model(*row) for row in _MODELS}),
    files=files_of(_FIRST, _OWN),
    boot=boot_of(_FIRST, _OWN),
    prepare=partial(prepare, own=_END),
    read=read_profiles,
    one_credential=Fact(False, Mark.LIKELY, SOURCE),
    encrypted_profile=Fact(_END, Mark.CERTAIN, SEALED_ON_SPA),
    asks_also=(r"spa[\w-]+\.cfg", r"init\.cfg"),
    retry_s=Fact(3600.0, Mark.CERTAIN, "PHONES.md section 6b (Resync_Error_Retry_Delay)"),
    user_agent=Fact("Cisco/{model}", Mark.CERTAIN, "PHONES.md section 3"),
)
