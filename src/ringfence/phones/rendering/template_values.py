"""What templates get for one phone: its settings as values and as the phone writes them, its lines, its tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ringfence.phones.credentials import credential_user
from ringfence.phones.errors import (
    CredentialsDisagree,
    IncompletePhone,
    LimitExceeded,
    UnknownSetting,
    ValueOutOfRange,
)
from ringfence.phones.families import model as model_of
from ringfence.phones.family import (
    LOAD_SETTING,
    Family,
    Model,
    ToPrepare,
)
from ringfence.phones.rendering.protection import check_tls
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.resolve_settings import settings_named
from ringfence.phones.settings.types import (
    Scope,
    SettingType,
    Value,
    is_printable,
)

STAMP_UNSET = "00000000-0000-0000-0000-000000000000"
"""The placeholder for a version until the content is known."""


@dataclass(frozen=True, slots=True)
class _LineInTemplate:
    """A line as templates see it: only a line that carries a credential has one."""

    index: int
    label: str
    name: str
    display_name: str
    has_credentials: bool
    auth_name: str = ""
    auth_password: str = field(default="", repr=False)
    settings: Mapping[str, Value] = field(default_factory=dict)
    wire: Mapping[str, str] = field(default_factory=dict)
    given: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Defaults:
    """A model's defaults: as operators write them, as the phone's file does, and its tables."""

    settings: Mapping[str, Value]
    wire: Mapping[str, str]
    tables: tuple[str, ...]


@cache
def _defaults(model_name: str) -> _Defaults:
    _family, model = model_of(model_name)
    return _Defaults(
        {name: setting.default for name, setting in model.settings.items()},
        {name: setting.on_wire(setting.default) for name, setting in model.settings.items()},
        tuple(name for name, setting in model.settings.items() if setting.type is SettingType.TABLE),
    )


def template_values(phone: PhoneToRender, family: Family, model: Model) -> dict[str, Any]:
    """Return the names that a phone's templates know.

    Raises:
        BadInput: A value is impossible; the caller adds where it comes from.
    """
    defaults = _defaults(model.name)
    settings, wire = dict(defaults.settings), dict(defaults.wire)
    for name, value in phone.settings.items():
        if name not in settings:
            settings_named((family.id,), name)  # raises UnknownSetting with the nearest names
            raise UnknownSetting(f"{model.with_article} has no setting {name}", to_do="Unset it, or check the model.")
        settings[name] = model.settings[name].check(value)
        wire[name] = model.settings[name].on_wire(value)
    if not settings["sip_server"]:
        raise IncompletePhone("no SIP server is set", to_do="Set sip_server for the phone, its site or all sites.")
    check_tls(settings, model)
    transports = model.transports.value
    if settings.get("sip_transport", transports[0]) not in transports:
        raise ValueOutOfRange(
            f"{model.with_article} does not speak SIP over {settings['sip_transport']}",
            to_do=f"Set sip_transport to {' or '.join(transports)} for this phone or its group.",
        )
    if LOAD_SETTING in settings:
        settings[LOAD_SETTING] = wire[LOAD_SETTING] = model.load_of(str(settings[LOAD_SETTING]))
    rows = {name: model.settings[name].rows(settings[name]) if settings[name] else [] for name in defaults.tables}
    keys = model.keys_with(str(row["model"]) for row in rows.get("modules", []))
    lines = _lines_in_template(phone, family, model, settings, wire, keys)
    given = frozenset(phone.settings)
    prepared = family.prepare(
        ToPrepare(
            model,
            settings,
            rows,
            tuple(line.index for line in lines),
            tuple(line.settings for line in lines),
            given,
            tuple(line.given for line in lines),
        )
    )
    return {
        "phone": {
            "mac": phone.mac.bare,
            "description": phone.description,
            "family": family.id,
            "model": model.name,
            "psn": model.psn,
            "provisioning_user": credential_user(phone.mac.bare) if phone.credential else "",
            "provisioning_password": phone.credential.reveal(),
        },
        "settings": settings,
        "wire": wire,
        "given": given,
        "rows": rows,
        "lines": lines,
        "version_stamp": STAMP_UNSET,
        **prepared,
    }


def _lines_in_template(
    phone: PhoneToRender,
    family: Family,
    model: Model,
    settings: Mapping[str, Value],
    wire: Mapping[str, str],
    keys: int,
) -> tuple[_LineInTemplate, ...]:
    if not is_printable(phone.description):
        raise ValueOutOfRange("the description contains a control character", where=f"phone {phone.mac}")
    lines = sorted(phone.lines, key=lambda line: line.index)
    if not lines:
        raise IncompletePhone(
            "the phone has no line, but phones discard a configuration without one", to_do="Add a line."
        )
    indexes = [line.index for line in lines]
    if len(set(indexes)) != len(indexes):
        raise ValueOutOfRange("two lines have the same key", to_do="Give each line its own key.")
    outside = [index for index in indexes if not 1 <= index <= keys]
    if outside:
        raise LimitExceeded(
            f"a line is on key {outside[0]}, but {model.with_article} only has keys 1 to {keys}",
            to_do="Move the line to a free key.",
        )
    for line in lines:
        _check_line(line)
    credentials = {} if phone.is_stub else _credentials(lines, family, settings)
    found = []
    for line in lines:
        own, own_wire = _of_line(line, model, settings, wire)
        auth_name, password = credentials.get(line.index, ("", ""))
        found.append(
            _LineInTemplate(
                line.index,
                line.label,
                line.name,
                line.display_name,
                has_credentials=line.index in credentials,
                auth_name=auth_name,
                auth_password=password,
                settings=own,
                wire=own_wire,
                given=frozenset({*phone.settings, *line.settings}),
            )
        )
    return tuple(found)


def _of_line(
    line: LineAccount, model: Model, settings: Mapping[str, Value], wire: Mapping[str, str]
) -> tuple[Mapping[str, Value], Mapping[str, str]]:
    """Return what holds for a line: its own settings, and the phone's for the rest."""
    if not line.settings:
        return settings, wire
    own, own_wire = dict(settings), dict(wire)
    for name, value in line.settings.items():
        setting = model.settings.get(name)
        if setting is None or Scope.LINE not in setting.scopes:
            raise UnknownSetting(f"a line of {model.with_article} has no setting {name}", to_do="Set it for the phone.")
        own[name], own_wire[name] = setting.check(value), setting.on_wire(value)
    return own, own_wire


def _check_line(line: LineAccount) -> None:
    texts = {
        "label": line.label,
        "name": line.name,
        "display name": line.display_name,
        "auth name": line.auth_name,
        "password": line.password.reveal(),
    }
    for what, text in texts.items():
        if not is_printable(text):
            raise ValueOutOfRange(
                f"the {what} of line {line.index} contains a control character or one that XML can't contain",
                to_do="Write it without.",
            )
    if not line.name:
        raise IncompletePhone(f"line {line.index} has no SIP name", to_do="Give it one.")


def _credentials(lines: list[LineAccount], family: Family, settings: Mapping[str, Value]) -> dict[int, tuple[str, str]]:
    """Return each credential by the line that carries it; lines that say nothing of theirs share the first one."""
    with_credentials = [line for line in lines if line.password]
    if not with_credentials and not settings.get("sip_needs_password", True):
        return {}
    if not with_credentials:
        raise IncompletePhone(
            "no line has a password",
            to_do="Give the first line one, or set sip_needs_password to no if the SIP server asks for none.",
        )
    first = with_credentials[0]
    is_one = all(_credential(line) == _credential(first) for line in with_credentials)
    if is_one and family.first_credential_serves_all:
        return {lines[0].index: _credential(first)}
    if not family.one_credential.value:
        return {line.index: _credential(line if line.password else first) for line in lines}
    for line in with_credentials[1:]:
        if _credential(line) != _credential(first):
            raise CredentialsDisagree(
                f"lines {first.index} and {line.index} have different credentials, but this phone has one for all "
                "lines",
                to_do="Give all lines of the phone the same auth name and password.",
            )
    return {lines[0].index: _credential(first)}


def _credential(line: LineAccount) -> tuple[str, str]:
    return line.auth_name or line.name, line.password.reveal()
