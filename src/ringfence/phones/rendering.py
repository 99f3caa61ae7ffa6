"""From a phone's settings and lines to the files that it fetches, checked as the phone would check them.

The laws:

- Nothing is returned unless it parses again and every element keeps its limit.
- The same input gives the same bytes: the version stamp is derived from the rest of the file.
- A device has one credential (PHONES.md section 4d): the first line carries it, the others carry none.
- No error shows a secret.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ringfence.content.release import Reload, TargetKind
from ringfence.phones.configuration import check_document
from ringfence.phones.document import NotWellFormed, over_limits, parse
from ringfence.phones.errors import (
    ConfigurationRejected,
    CredentialsDisagree,
    IncompletePhone,
    LimitExceeded,
    RenderFault,
    ValueOutOfRange,
)
from ringfence.phones.families import FAMILIES, Family, family
from ringfence.phones.filenames import configuration_name
from ringfence.phones.mac import Mac
from ringfence.phones.setting_types import Value, is_printable
from ringfence.phones.settings import settings_named
from ringfence.phones.templating import PhoneTemplate, TemplateFault, built_in_template
from ringfence.secret import Secret

_STAMP_UNSET = "00000000-0000-0000-0000-000000000000"
_STAMP_NODE = "<versionStamp>{}</versionStamp>"

# Family → each setting's default, as operators write it and as the phone's file does.
_DEFAULTS: Mapping[str, tuple[Mapping[str, Value], Mapping[str, str]]] = MappingProxyType(
    {
        kind.id: (
            {name: setting.default for name, setting in kind.settings.items()},
            {name: setting.on_wire(setting.default) for name, setting in kind.settings.items()},
        )
        for kind in FAMILIES.values()
    }
)


@dataclass(frozen=True, slots=True)
class LineAccount:
    """One SIP line of a phone; ``index`` is its key, from 1."""

    index: int
    label: str
    name: str
    display_name: str
    auth_name: str
    password: Secret


@dataclass(frozen=True, slots=True)
class PhoneToRender:
    """All that one phone's files are made from; a setting that is not given has its family's default."""

    mac: Mac
    family: str
    description: str
    settings: Mapping[str, Value]
    lines: tuple[LineAccount, ...]


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
    """A line as templates see it: only the line that carries the device's credential has one."""

    index: int
    label: str
    name: str
    display_name: str
    has_credentials: bool
    auth_name: str = ""
    auth_password: str = field(default="", repr=False)


class Renderer:
    """Renders phones; compiles each template once.

    ``templates`` are an operator's own, by family id; they take the built-in one's place.
    """

    def __init__(self, templates: Mapping[str, str] | None = None) -> None:
        self._own: Mapping[str, str] = MappingProxyType(dict(templates or {}))
        self._compiled: dict[str, PhoneTemplate] = {}
        for family_id in self._own:
            family(family_id)

    def render(self, phone: PhoneToRender) -> tuple[RenderedFile, ...]:
        """Return the files of ``phone``.

        RenderFault names template, template line and phone; LimitExceeded the element and its limit;
        ValueOutOfRange, UnknownSetting, UnknownFamily, CredentialsDisagree and IncompletePhone what to change.
        """
        kind = family(phone.family)
        values = _template_values(phone, kind)
        template = self._template(phone, kind)
        try:
            text = template.render(values)
        except TemplateFault as fault:
            raise _fault(phone, template.name, fault.line, _redact(fault.reason, phone)) from None
        data = _stamped(text, phone, template.name).encode("utf-8", "surrogatepass")  # the parse below refuses those
        _check(data, phone, kind, template, values)
        return (
            RenderedFile(
                name=configuration_name(phone.mac),
                data=data,
                owner=phone.mac,
                kind=TargetKind.CONFIGURATION,
                reload=Reload("sip-notify", _listen_port(phone, kind)),
            ),
        )

    def _template(self, phone: PhoneToRender, kind: Family) -> PhoneTemplate:
        own = self._own.get(kind.id)
        name = kind.template_name if own is None else f"own template of {kind.id}"
        compiled = self._compiled.get(name)
        if compiled is None:
            try:
                compiled = PhoneTemplate(name, built_in_template(name) if own is None else own)
            except TemplateFault as fault:
                raise _fault(phone, name, fault.line, fault.reason) from None
            self._compiled[name] = compiled
        return compiled


def _template_values(phone: PhoneToRender, kind: Family) -> Mapping[str, object]:
    defaults, defaults_on_wire = _DEFAULTS[kind.id]
    settings, wire = dict(defaults), dict(defaults_on_wire)
    for name, value in phone.settings.items():
        if name not in settings:
            settings_named((kind.id,), name)  # raises UnknownSetting with the nearest names
        settings[name] = kind.settings[name].check(value)
        wire[name] = kind.settings[name].on_wire(value)
    _check_together(phone, settings)
    return {
        "phone": {"mac": phone.mac.bare, "description": phone.description, "family": kind.id},
        "settings": settings,
        "wire": wire,
        "ntp_servers": [host for host in str(settings["ntp_servers"]).split(",") if host],
        "sip_servers": [
            str(settings[name]) for name in ("sip_server", "sip_server_2", "sip_server_3") if settings[name]
        ],
        "lines": _lines_in_template(phone, kind),
        "version_stamp": _STAMP_UNSET,
    }


def _check_together(phone: PhoneToRender, settings: Mapping[str, Value]) -> None:
    """Refuse values that are good one by one and wrong together."""
    if not settings["sip_server"]:
        raise IncompletePhone(
            "no SIP server is set", where=_place(phone), to_do="Set sip_server for the phone, its site or all sites."
        )
    for low, high in (("media_port_first", "media_port_last"), ("busy_trigger", "max_calls")):
        if int(settings[low]) > int(settings[high]):
            raise ValueOutOfRange(
                f"{low} {settings[low]} is above {high} {settings[high]}",
                where=_place(phone),
                to_do=f"Make {low} at most {high}.",
            )
    if settings["ssh_access"] and not (settings["ssh_user"] and settings["ssh_password"]):
        raise IncompletePhone(
            "ssh_access is on without a user and a password",
            where=_place(phone),
            to_do="Set ssh_user and ssh_password, or turn ssh_access off.",
        )


def _lines_in_template(phone: PhoneToRender, kind: Family) -> tuple[_LineInTemplate, ...]:
    if not is_printable(phone.description):
        raise ValueOutOfRange("the description holds a control character", where=f"phone {phone.mac}")
    lines = sorted(phone.lines, key=lambda line: line.index)
    if not lines:
        raise IncompletePhone(
            "the phone has no line, and phones discard a configuration without one",
            where=_place(phone),
            to_do="Add a line.",
        )
    indexes = [line.index for line in lines]
    if len(set(indexes)) != len(indexes):
        raise ValueOutOfRange("two lines have the same key", where=_place(phone), to_do="Give each line its own key.")
    keys = kind.line_keys.value
    outside = [index for index in indexes if not 1 <= index <= keys]
    if outside:
        raise LimitExceeded(
            f"a line is on key {outside[0]}, and a {kind.id} has keys 1 to {keys}",
            where=_place(phone),
            to_do="Move the line to a free key.",
        )
    for line in lines:
        _check_line(line, phone)
    carrier = _credential_carrier(lines, phone)
    return tuple(
        _LineInTemplate(line.index, line.label, line.name, line.display_name, has_credentials=False)
        if line is not lines[0]
        else _LineInTemplate(
            line.index,
            line.label,
            line.name,
            line.display_name,
            has_credentials=True,
            auth_name=carrier.auth_name or carrier.name,
            auth_password=carrier.password.reveal(),
        )
        for line in lines
    )


def _check_line(line: LineAccount, phone: PhoneToRender) -> None:
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
                where=_place(phone),
                to_do="Write it without.",
            )
    if not line.name:
        raise IncompletePhone(f"line {line.index} has no SIP name", where=_place(phone), to_do="Give it one.")


def _credential_carrier(lines: list[LineAccount], phone: PhoneToRender) -> LineAccount:
    """Return the line that has the device's one credential; lines that say nothing of theirs share it."""
    with_credentials = [line for line in lines if line.password]
    if not with_credentials:
        raise IncompletePhone("no line has a password", where=_place(phone), to_do="Give the first line one.")
    first = with_credentials[0]
    for line in with_credentials[1:]:
        same_name = (line.auth_name or line.name) == (first.auth_name or first.name)
        if not same_name or line.password != first.password:
            raise CredentialsDisagree(
                f"lines {first.index} and {line.index} have different credentials, and a phone holds one for all",
                where=_place(phone),
                to_do="Give all lines of the phone the same auth name and password.",
            )
    return first


def _stamped(text: str, phone: PhoneToRender, template: str) -> str:
    """Return ``text`` with its version stamp, which is a digest of all the rest."""
    unset = _STAMP_NODE.format(_STAMP_UNSET)
    if text.count(unset) != 1:
        raise _fault(
            phone,
            template,
            0,
            "it must hold <versionStamp>{{ version_stamp }}</versionStamp> once; phones need it to change",
        )
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    stamp = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
    return text.replace(unset, _STAMP_NODE.format(stamp))


def _check(
    data: bytes, phone: PhoneToRender, kind: Family, template: PhoneTemplate, values: Mapping[str, object]
) -> None:
    """Raise unless ``data`` is what the phone takes."""
    try:
        document = parse(data)
    except NotWellFormed as fault:
        line = template.line_behind(values, fault.line, fault.column) if fault.line else 0
        reason = f"line {fault.line} of the file that it makes is not well-formed: {_redact(fault.reason, phone)}"
        raise _fault(phone, template.name, line, reason) from None
    for over in over_limits(document, kind.limits, lambda limit: limit.we_write):
        line = template.line_behind(values, over.line)
        raise LimitExceeded(
            f"{over.element} has {over.length} characters, and a {kind.id} takes {over.limit}",
            where=f"{_place(phone)}; template {template.name}, line {line}",
            to_do="Make it shorter.",
        )
    try:
        check_document(document, kind)  # a phone takes at least the lengths that we write
    except ConfigurationRejected as fault:
        reason = f"the phone would discard the file that it makes: {_redact(fault.what, phone)}"
        raise _fault(phone, template.name, 0, reason) from None


def _listen_port(phone: PhoneToRender, kind: Family) -> int:
    return int(phone.settings.get("sip_listen_port", kind.settings["sip_listen_port"].default))


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


def _redact(text: str, phone: PhoneToRender) -> str:
    """Return ``text`` without any of the phone's secrets: a parser may quote what it could not read."""
    secrets = [line.password.reveal() for line in phone.lines]
    known = FAMILIES[phone.family].settings
    secrets += [str(value) for name, value in phone.settings.items() if name in known and known[name].secret]
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    return text
