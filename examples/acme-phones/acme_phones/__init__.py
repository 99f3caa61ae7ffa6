"""Acme Road Runner 1 and 2: an example of a family that lives outside Ringfence."""

from types import MappingProxyType

from ringfence.phones.cisco.call_settings import SIP
from ringfence.phones.errors import ConfigurationRejected
from ringfence.phones.family import (
    BootRequest,
    Fact,
    Family,
    FileTemplate,
    Model,
    ToPrepare,
)
from ringfence.phones.formats.text_file import AnyText
from ringfence.phones.parsed_configuration import HeldConfiguration, HeldLine
from ringfence.phones.settings.builders import choice_setting
from ringfence.phones.settings.types import Mark
from ringfence.secret import Secret

_SOURCE = "Acme's administration guide, page 12"
_WANTED = {"sip_server", "sip_port", "sip_listen_port"}

SETTINGS = {setting.name: setting for setting in SIP if setting.name in _WANTED}
SETTINGS["ringer"] = choice_setting("ringer", "How loud it rings.", "ringer", {"soft": "1", "loud": "9"}, "soft")


def _model(name: str, keys: int) -> Model:
    return Model(
        name=name,
        title=f"Acme {name}",
        line_keys=Fact(keys, Mark.CERTAIN, _SOURCE),
        settings=MappingProxyType(SETTINGS),
        limits=MappingProxyType({}),
        transports=Fact(("udp",), Mark.CERTAIN, _SOURCE),
        tls_ceiling=Fact("", Mark.CERTAIN, _SOURCE),
        http_provisioning=Fact(False, Mark.LIKELY, _SOURCE),
        load_pattern=Fact(r"rr-.+", Mark.CERTAIN, _SOURCE),
    )


def _prepare(_phone: ToPrepare) -> dict[str, object]:
    return {}


def _read(files: tuple[bytes, ...], _model: Model) -> HeldConfiguration:
    values = dict(line.split(" = ", 1) for line in files[0].decode().splitlines())
    if "server" not in values:
        raise ConfigurationRejected("a Road Runner does not start without a server")
    host, _colon, port = values["server"].rpartition(":")
    user, password, label = values["account1"].split(" ", 2)
    line = HeldLine(1, label, user, "", user, Secret(password))
    return HeldConfiguration(label, (line,), ((host, int(port)),), "udp", 5060, "", "")


FAMILY = Family(
    id="acme-road-runner",
    title="Acme Road Runner 1, 2",
    models=MappingProxyType({"Runner-1": _model("Runner-1", 1), "Runner-2": _model("Runner-2", 4)}),
    files=(FileTemplate("phone", "rr{mac}.cfg", __name__, "phone.cfg.j2", AnyText(), reloads=True),),
    boot=Fact((BootRequest("rr{mac}.cfg", configures=True, needed=True),), Mark.CERTAIN, _SOURCE),
    prepare=_prepare,
    read=_read,
    one_credential=Fact(False, Mark.CERTAIN, _SOURCE),
)
