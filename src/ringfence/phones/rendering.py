"""From a phone's settings and lines to the files that it fetches, checked as the phone would check them.

The laws:

- Nothing is returned unless it parses again and every element keeps its limit.
- The same input gives the same bytes: version stamps and names are derived from the content.
- Where a device has one credential (PHONES.md section 4d), the first line carries it, the others carry none.
- No error shows a secret.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

from ringfence.content.release import MINUTES_A_DAY, Reload, ReloadMethod, TargetKind
from ringfence.errors import BadInput
from ringfence.phones.document import NotWellFormed, TooLong
from ringfence.phones.errors import (
    ConfigurationRejected,
    CredentialsDisagree,
    IncompletePhone,
    LimitExceeded,
    RenderFault,
    UnknownSetting,
    ValueOutOfRange,
)
from ringfence.phones.families import model as model_of
from ringfence.phones.family import LOAD_SETTING, Family, FileTemplate, Model, ReloadEvent, ToPrepare
from ringfence.phones.mac import Mac
from ringfence.phones.own_templates import OwnTemplates
from ringfence.phones.setting_types import Scope, SettingType, Value, is_printable
from ringfence.phones.settings import settings_named
from ringfence.phones.templating import PhoneTemplate, TemplateFault, built_in_template
from ringfence.phones.time_zones import offset_minutes
from ringfence.phones.web_interface import PORT as WEB_PORT
from ringfence.secret import Secret

_STAMP_UNSET = "00000000-0000-0000-0000-000000000000"
_STAMP_NODE = "<versionStamp>{}</versionStamp>"

Patches = Mapping[str, Mapping[str, str]]
"""File's key → element → text."""


@dataclass(frozen=True, slots=True)
class LineAccount:
    """One SIP line of a phone; ``index`` is its key, from 1. ``settings`` are those that it has of its own."""

    index: int
    label: str
    name: str
    display_name: str
    auth_name: str
    password: Secret
    settings: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class PhoneToRender:
    """All that one phone's files are made from; a setting that is not given has its model's default."""

    mac: Mac
    model: str
    description: str
    settings: Mapping[str, Value]
    lines: tuple[LineAccount, ...]
    patches: Patches = field(default_factory=lambda: MappingProxyType({}), repr=False)


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One file for one phone; ``data`` holds its secrets and stays out of ``repr``."""

    name: str
    data: bytes = field(repr=False)
    owner: Mac | None
    kind: TargetKind
    reload: Reload | None


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


@dataclass(frozen=True, slots=True)
class _Defaults:
    """A model's defaults: as operators write them, as the phone's file does, and its tables."""

    settings: Mapping[str, Value]
    wire: Mapping[str, str]
    tables: tuple[str, ...]


class Renderer:
    """Renders phones; compiles each template once. ``own`` are the operator's templates."""

    def __init__(self, own: OwnTemplates | None = None) -> None:
        self._own = own or OwnTemplates()
        self._compiled: dict[tuple[str, str], PhoneTemplate] = {}

    def render(self, phone: PhoneToRender) -> tuple[RenderedFile, ...]:
        """Return the files of ``phone``, its own configuration last.

        RenderFault names template, template line and phone; LimitExceeded the element and its limit;
        ValueOutOfRange, UnknownSetting, UnknownModel, CredentialsDisagree and IncompletePhone what to change.
        """
        family, model = model_of(phone.model)
        try:
            return self._render(phone, family, model)
        except BadInput as fault:
            if fault.where:
                raise
            raise type(fault)(fault.what, where=_place(phone), to_do=fault.to_do) from None

    def _render(self, phone: PhoneToRender, family: Family, model: Model) -> tuple[RenderedFile, ...]:
        values = _template_values(phone, family, model)
        names: dict[str, str] = {}
        values["files"] = names
        found = []
        files = self._own.files_of(family)
        if not files:
            raise IncompletePhone(
                f"a phone of the family {family.id} has no file: there is no template for it",
                to_do=f"Give one: ringfence template put {family.id} NAME FILE.",
            )
        unknown = [key for key in phone.patches if key not in {file.key for file in files}]
        if unknown:
            raise ValueOutOfRange(
                f"a patch is for the file {unknown[0]!r}, and a {model.name} has none of that name",
                to_do=f"It has: {', '.join(file.key for file in files)}.",
            )
        for file in files:
            names[file.key] = ""
            if file.when and not any(values["settings"].get(name) for name in file.when):
                continue
            data = self._make(file, phone, model, values)
            name = file.name_for(phone.mac, model, hashlib.sha256(data).hexdigest())
            names[file.key] = name
            reload = _reload(family, values["settings"]) if file.reloads else None
            found.append(RenderedFile(name, data, phone.mac if file.is_own else None, file.kind, reload))
        return tuple(found)

    def _make(self, file: FileTemplate, phone: PhoneToRender, model: Model, values: dict[str, Any]) -> bytes:
        template = self._template(file, phone)
        try:
            text = template.render(values)
        except TemplateFault as fault:
            raise _fault(phone, template.name, fault.line, _redact(fault.reason, phone)) from None
        if file.stamped:
            _check_stamp(text, phone, template.name)
        data = text.encode("utf-8", "surrogatepass")  # the check below refuses those
        patches = phone.patches.get(file.key, {})
        check = _Check(file, phone, model, template, values)
        if patches:
            check(data)
            data = file.format.patch(data, patches)
            if file.stamped:
                _check_stamp(data.decode(), phone, template.name)
        if file.stamped:
            data = _stamped(data)
        check(data, is_patched=bool(patches))
        return data

    def _template(self, file: FileTemplate, phone: PhoneToRender) -> PhoneTemplate:
        compiled = self._compiled.get((file.package, file.template))
        if compiled is None:
            own = self._own.source(file)
            name = file.template if own is None else f"own template {file.template}"
            try:
                source = built_in_template(file.package, file.template) if own is None else own
                compiled = PhoneTemplate(name, source, escapes=file.format.is_xml)
            except TemplateFault as fault:
                raise _fault(phone, name, fault.line, fault.reason) from None
            self._compiled[file.package, file.template] = compiled
        return compiled


def _reload(family: Family, settings: Mapping[str, Value]) -> Reload | None:
    """Return how and when the phone is told of a new configuration, None where it is not."""
    when = settings.get("reload", "now")
    if when == "never":
        return None
    minute = None
    if when == "night":
        zone = str(settings.get("time_zone", "Etc/UTC"))
        minute = (60 * int(settings["reload_hour"]) - offset_minutes(zone)) % MINUTES_A_DAY
    if settings.get("reload_by") == "web":
        return Reload("web-when-idle" if when == "idle" else "web", WEB_PORT, minute)
    # Those that know check-sync wait by themselves until nobody uses them (PHONES.md section 8b).
    method: ReloadMethod = "check-sync" if family.reload_event.value is ReloadEvent.CHECK_SYNC else "sip-notify"
    return Reload(method, int(settings["sip_listen_port"]), minute)


@cache
def _defaults(model_name: str) -> _Defaults:
    _family, model = model_of(model_name)
    return _Defaults(
        {name: setting.default for name, setting in model.settings.items()},
        {name: setting.on_wire(setting.default) for name, setting in model.settings.items()},
        tuple(name for name, setting in model.settings.items() if setting.type is SettingType.TABLE),
    )


def _template_values(phone: PhoneToRender, family: Family, model: Model) -> dict[str, Any]:
    defaults = _defaults(model.name)
    settings, wire = dict(defaults.settings), dict(defaults.wire)
    for name, value in phone.settings.items():
        if name not in settings:
            settings_named((family.id,), name)  # raises UnknownSetting with the nearest names
            raise UnknownSetting(f"a {model.name} has no setting {name}", to_do="Unset it, or look at the model.")
        settings[name] = model.settings[name].check(value)
        wire[name] = model.settings[name].on_wire(value)
    if not settings["sip_server"]:
        raise IncompletePhone("no SIP server is set", to_do="Set sip_server for the phone, its site or all sites.")
    transports = model.transports.value
    if settings.get("sip_transport", transports[0]) not in transports:
        raise ValueOutOfRange(
            f"a {model.name} does not speak SIP over {settings['sip_transport']}",
            to_do=f"Set sip_transport to {' or '.join(transports)} for this phone or its group.",
        )
    if LOAD_SETTING in settings:
        settings[LOAD_SETTING] = wire[LOAD_SETTING] = model.load_of(str(settings[LOAD_SETTING]))
    rows = {name: model.settings[name].rows(settings[name]) if settings[name] else [] for name in defaults.tables}
    lines = _lines_in_template(phone, family, model, settings, wire)
    prepared = family.prepare(
        ToPrepare(model, settings, rows, tuple(line.index for line in lines), tuple(line.settings for line in lines))
    )
    return {
        "phone": {
            "mac": phone.mac.bare,
            "description": phone.description,
            "family": family.id,
            "model": model.name,
            "psn": model.psn,
        },
        "settings": settings,
        "wire": wire,
        "rows": rows,
        "lines": lines,
        "version_stamp": _STAMP_UNSET,
        **prepared,
    }


def _lines_in_template(
    phone: PhoneToRender,
    family: Family,
    model: Model,
    settings: Mapping[str, Value],
    wire: Mapping[str, str],
) -> tuple[_LineInTemplate, ...]:
    if not is_printable(phone.description):
        raise ValueOutOfRange("the description holds a control character", where=f"phone {phone.mac}")
    lines = sorted(phone.lines, key=lambda line: line.index)
    if not lines:
        raise IncompletePhone(
            "the phone has no line, and phones discard a configuration without one", to_do="Add a line."
        )
    indexes = [line.index for line in lines]
    if len(set(indexes)) != len(indexes):
        raise ValueOutOfRange("two lines have the same key", to_do="Give each line its own key.")
    keys = model.line_keys.value
    outside = [index for index in indexes if not 1 <= index <= keys]
    if outside:
        raise LimitExceeded(
            f"a line is on key {outside[0]}, and a {model.name} has keys 1 to {keys}",
            to_do="Move the line to a free key.",
        )
    for line in lines:
        _check_line(line)
    credentials = _credentials(lines, family)
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
            raise UnknownSetting(f"a line of a {model.name} has no setting {name}", to_do="Set it for the phone.")
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
                f"the {what} of line {line.index} holds a control character or one that XML can't carry",
                to_do="Write it without.",
            )
    if not line.name:
        raise IncompletePhone(f"line {line.index} has no SIP name", to_do="Give it one.")


def _credentials(lines: list[LineAccount], family: Family) -> dict[int, tuple[str, str]]:
    """Return each credential by the line that carries it; lines that say nothing of theirs share the first one."""
    with_credentials = [line for line in lines if line.password]
    if not with_credentials:
        raise IncompletePhone("no line has a password", to_do="Give the first line one.")
    first = with_credentials[0]
    if not family.one_credential.value:
        return {line.index: _credential(line if line.password else first) for line in lines}
    for line in with_credentials[1:]:
        if _credential(line) != _credential(first):
            raise CredentialsDisagree(
                f"lines {first.index} and {line.index} have different credentials, and a phone holds one for all",
                to_do="Give all lines of the phone the same auth name and password.",
            )
    return {lines[0].index: _credential(first)}


def _credential(line: LineAccount) -> tuple[str, str]:
    return line.auth_name or line.name, line.password.reveal()


def _check_stamp(text: str, phone: PhoneToRender, template: str) -> None:
    if text.count(_STAMP_NODE.format(_STAMP_UNSET)) != 1:
        raise _fault(
            phone,
            template,
            0,
            "it must hold <versionStamp>{{ version_stamp }}</versionStamp> once; phones need it to change",
        )


def _stamped(data: bytes) -> bytes:
    """Return a file with its version stamp, which is a digest of all the rest."""
    digest = hashlib.sha256(data).hexdigest()
    stamp = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
    return data.replace(_STAMP_NODE.format(_STAMP_UNSET).encode(), _STAMP_NODE.format(stamp).encode())


@dataclass(frozen=True, slots=True)
class _Check:
    """Checks one file's bytes, and traces what is wrong to its template's line."""

    file: FileTemplate
    phone: PhoneToRender
    model: Model
    template: PhoneTemplate
    values: Mapping[str, object]

    def __call__(self, data: bytes, *, is_patched: bool = False) -> None:
        """Raise unless ``data`` is what the phone takes; patched lines are the template's no more."""
        try:
            self.file.format.check(data, self.model)
        except NotWellFormed as fault:
            line = self._line(fault.line, fault.column) if fault.line and not is_patched else 0
            reason = f"line {fault.line} of the file that it makes is not well-formed: {self._redact(fault.reason)}"
            raise _fault(self.phone, self.template.name, line, reason) from None
        except TooLong as fault:
            over = fault.over
            line = 0 if is_patched else self._line(over.line)
            raise LimitExceeded(
                f"{over.element} has {over.length} characters, and a {self.model.name} takes {over.limit}",
                where=f"{_place(self.phone)}; template {self.template.name}" + (f", line {line}" if line else ""),
                to_do="Make it shorter.",
            ) from None
        except ConfigurationRejected as fault:
            reason = f"the phone would discard the file that it makes: {self._redact(fault.what)}"
            raise _fault(self.phone, self.template.name, 0, reason) from None

    def _line(self, line: int, column: int = 0) -> int:
        return self.template.line_behind(self.values, line, column)

    def _redact(self, text: str) -> str:
        return _redact(text, self.phone)


def _fault(phone: PhoneToRender, template: str, line: int, reason: str) -> RenderFault:
    at = f", line {line}" if line else ""
    return RenderFault(
        f"the template can't be used: {reason}",
        where=f"template {template}{at}; {_place(phone)}",
        to_do="Mend the template; nothing was published.",
    )


def _place(phone: PhoneToRender) -> str:
    described = f" ({phone.description})" if phone.description else ""
    return f"phone {phone.mac}{described}"


def secrets_of(phone: PhoneToRender) -> set[str]:
    """Return the secrets that a phone's files hold."""
    _family, model = model_of(phone.model)
    found = {line.password.reveal() for line in phone.lines}
    for name, value in phone.settings.items():
        if name in model.settings and model.settings[name].secret:
            found.add(str(value))
    return found - {""}


def _redact(text: str, phone: PhoneToRender) -> str:
    """Return ``text`` without any of the phone's secrets: a parser may quote what it could not read."""
    for secret in secrets_of(phone):
        text = text.replace(secret, "…")
    return text
