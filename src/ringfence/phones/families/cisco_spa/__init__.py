"""Cisco SPA300, SPA500 and SPA100 series."""

from collections.abc import Mapping
from types import MappingProxyType

from ringfence.phones.family import (
    Fact,
    Family,
    Feature,
    Model,
    ToPrepare,
)
from ringfence.phones.flat_profile import (
    KEYS,
    LIMITS,
    SOURCE,
    boot_of,
    files_of,
    prepare,
    read_profiles,
    settings_of,
)
from ringfence.phones.settings.types import Mark

_FIRST, _OWN = "spa{psn}.cfg", "{mac}.cfg"
_SETTINGS = settings_of((KEYS,))
_ADAPTER_SETTINGS = settings_of()
_ADAPTERS = frozenset({"SPA112", "SPA122"})
# Name and line keys (the manufacturer's data sheets).
_MODELS = (
    ("SPA504G", 4), ("SPA301", 1), ("SPA303", 3), ("SPA501G", 8), ("SPA502G", 1), ("SPA508G", 8), ("SPA509G", 12),
    ("SPA512G", 1), ("SPA514G", 4), ("SPA525G", 5), ("SPA525G2", 5), ("SPA112", 2), ("SPA122", 2),
)  # fmt: skip
_WIFI = frozenset({"SPA525G", "SPA525G2"})
_NO_PC_PORT = frozenset({"SPA301", "SPA303", "SPA112", "SPA122"})


def _model(name: str, keys: int) -> Model:
    load = "spa525g" if name in _WIFI else name[:4].lower()
    features = ({Feature.WIFI, Feature.BLUETOOTH} if name in _WIFI else set()) | (
        set() if name in _NO_PC_PORT else {Feature.PC_PORT}
    )
    return Model(
        name=name,
        title=f"Cisco {name}",
        line_keys=Fact(keys, Mark.LIKELY, "the manufacturer's data sheet"),
        settings=_ADAPTER_SETTINGS if name in _ADAPTERS else _SETTINGS,
        limits=LIMITS,
        transports=Fact(("udp", "tcp", "tls"), Mark.LIKELY, SOURCE),
        tls_ceiling=Fact("1.0", Mark.CERTAIN, "PHONES.md section 8 (firmware 2.0.6)"),
        http_provisioning=Fact(False, Mark.CERTAIN, "PHONES.md section 8: its rule names the protocol"),
        load_pattern=Fact(rf"(?i:{load}[0-9x]*.*)", Mark.LIKELY, SOURCE),
        psn=name.removeprefix("SPA"),
        features=frozenset(features),
    )


def _prepare(phone: ToPrepare) -> Mapping[str, object]:
    return {**prepare(phone), "is_mpp": False, "own_rule": "/$MA.cfg"}


FAMILY = Family(
    id="cisco-spa",
    title="Cisco SPA300, SPA500, SPA100 series",
    models=MappingProxyType({row[0]: _model(*row) for row in _MODELS}),
    files=files_of(_FIRST, _OWN, "profile.xml.j2"),
    boot=boot_of(_FIRST, _OWN),
    prepare=_prepare,
    read=read_profiles,
    one_credential=Fact(False, Mark.LIKELY, SOURCE),
    asks_also=(r"spa[\w-]+\.cfg", r"init\.cfg"),
    retry_s=Fact(3600.0, Mark.CERTAIN, "PHONES.md section 6b (Resync_Error_Retry_Delay)"),
    user_agent=Fact("Cisco/{model}", Mark.CERTAIN, "PHONES.md section 3"),
)
