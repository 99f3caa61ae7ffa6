"""From a phone's settings and lines to the files that it fetches, checked as the phone would check them.

Invariants:

- Nothing is returned unless it parses again and every element keeps its limit.
- The same input gives the same bytes: version stamps and names are derived from the content.
- Where a device has one credential (PHONES.md section 4d), the first line carries it, the others carry none.
- No error shows a secret.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ringfence.content.release import (
    MINUTES_A_DAY,
    Reload,
    ReloadMethod,
    TargetKind,
)
from ringfence.errors import BadInput
from ringfence.phones.document import NotWellFormed, TooLong
from ringfence.phones.errors import (
    ConfigurationRejected,
    IncompletePhone,
    LimitExceeded,
    RenderFault,
    ValueOutOfRange,
)
from ringfence.phones.families import family as family_of
from ringfence.phones.families import model as model_of
from ringfence.phones.family import (
    Family,
    FileTemplate,
    Model,
    ReloadEvent,
)
from ringfence.phones.mac import Mac
from ringfence.phones.orders.web_interface import PORT as WEB_PORT
from ringfence.phones.rendering.own_templates import OwnTemplates
from ringfence.phones.rendering.render_input import PhoneToRender, secrets_of
from ringfence.phones.rendering.sandbox import PhoneTemplate, TemplateFault, built_in_template
from ringfence.phones.rendering.template_values import STAMP_UNSET, template_values
from ringfence.phones.settings.time_zones import offset_minutes
from ringfence.phones.settings.types import Value

OnTemplate = Callable[[str, bool], None]
_STAMP_NODE = "<versionStamp>{}</versionStamp>"


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One file for one phone; ``data`` holds its secrets and stays out of ``repr``."""

    name: str
    data: bytes = field(repr=False)
    owner: Mac | None
    kind: TargetKind
    reload: Reload | None
    template: str = ""
    """The name of the template that it was made by."""


def _tell_nobody(_template: str, _is_compiling: bool) -> None:
    pass


class Renderer:
    """Renders phones; compiles each template once. ``own`` are the operator's templates.

    ``on_template`` is called with the name of each template that is about to be compiled (True) or run (False).
    """

    def __init__(self, own: OwnTemplates | None = None, on_template: OnTemplate = _tell_nobody) -> None:
        self._own = own or OwnTemplates()
        self._on_template = on_template
        self._compiled: dict[tuple[str, str], PhoneTemplate] = {}

    def read_built_in(self) -> None:
        """Compile the built-in templates of all families with own ones: no file is read after that."""
        for family_id in self._own.sources:
            for file in self._own.files_of(family_of(family_id)):
                if self._own.source(file) is None:
                    self._template(file)

    def render(self, phone: PhoneToRender) -> tuple[RenderedFile, ...]:
        """Return the files of ``phone``, its own configuration last.

        Raises:
            RenderFault: A template fails; the error names template, line and phone.
            LimitExceeded: A value is too long; the error names the element and its limit.
            ValueOutOfRange, UnknownSetting, UnknownModel: A setting or the model can't be so.
            CredentialsDisagree, IncompletePhone: The phone can't be configured so; the error says what to change.
        """
        family, model = model_of(phone.model)
        try:
            return self._render(phone, family, model)
        except BadInput as fault:
            if fault.where:
                raise
            raise type(fault)(fault.what, where=_place(phone), to_do=fault.to_do) from None

    def _render(self, phone: PhoneToRender, family: Family, model: Model) -> tuple[RenderedFile, ...]:
        values = template_values(phone, family, model)
        names: dict[str, str] = {}
        values["files"] = names
        found = []
        files = self._own.files_of(family)
        if not files:
            raise IncompletePhone(
                f"phones of the family {family.id} have no file, because there is no template",
                to_do=f"Add one: ringfence template put {family.id} NAME FILE.",
            )
        unknown = [key for key in phone.patches if key not in {file.key for file in files}]
        if unknown:
            raise ValueOutOfRange(
                f"a patch is for the file {unknown[0]!r}, but {model.with_article} has no file of that name",
                to_do=f"It has: {', '.join(file.key for file in files)}.",
            )
        for file in files:
            names[file.key] = ""
            if file.when and not any(values["settings"].get(name) for name in file.when):
                continue
            if file.line:
                of_line = [line for line in values["lines"] if line.index == file.line]
                if not of_line:
                    continue
                (values["line"],) = of_line
            data = self._make(file, phone, model, values)
            name = file.name_for(phone.mac, model, hashlib.sha256(data).hexdigest())
            names[file.key] = name
            reload = _reload(family, values["settings"]) if file.reloads else None
            found.append(
                RenderedFile(name, data, phone.mac if file.is_own else None, file.kind, reload, self._name(file))
            )
        return tuple(found)

    def _make(self, file: FileTemplate, phone: PhoneToRender, model: Model, values: dict[str, Any]) -> bytes:
        name = self._name(file)
        try:
            template = self._template(file)
            self._on_template(name, False)
            text = template.render(values)
        except TemplateFault as fault:
            raise _fault(phone, name, fault.line, _redact(fault.reason, phone)) from None
        if file.stamped:
            _check_stamp(text, phone, template.name)
        data = text.encode("utf-8", "surrogatepass")  # the check below refuses those
        patches = phone.patches.get(file.key, {})
        left_out = [name for name in str(values["settings"].get("leave_out", "")).split(",") if name and file.reloads]
        check = _Check(file, phone, model, template, values)
        if patches or left_out:
            check(data)
            data = file.format.patch(file.format.leave_out(data, [name.strip() for name in left_out]), patches)
            if file.stamped:
                _check_stamp(data.decode(), phone, template.name)
        if file.stamped:
            data = _stamped(data)
        check(data, is_patched=bool(patches or left_out))
        return data

    def _name(self, file: FileTemplate) -> str:
        return file.template if self._own.source(file) is None else f"own template {file.template}"

    def _template(self, file: FileTemplate) -> PhoneTemplate:
        compiled = self._compiled.get((file.package, file.template))
        if compiled is None:
            own, name = self._own.source(file), self._name(file)
            self._on_template(name, True)
            source = built_in_template(file.package, file.template) if own is None else own
            compiled = self._compiled[file.package, file.template] = PhoneTemplate(
                name, source, escapes=file.format.is_xml
            )
        return compiled


_METHODS: Mapping[ReloadEvent, ReloadMethod] = MappingProxyType(
    {
        ReloadEvent.SERVICE_CONTROL: "sip-notify",
        ReloadEvent.CHECK_SYNC: "check-sync",
        ReloadEvent.CHECK_SYNC_IN_USE: "check-sync;reboot=false",
    }
)


def _reload(family: Family, settings: Mapping[str, Value]) -> Reload | None:
    """Return how and when the phone is told of a new configuration, None if it is not."""
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
    return Reload(_METHODS[family.reload_event.value], int(settings["sip_listen_port"]), minute)


def _check_stamp(text: str, phone: PhoneToRender, template: str) -> None:
    if text.count(_STAMP_NODE.format(STAMP_UNSET)) != 1:
        raise _fault(
            phone,
            template,
            0,
            "it must contain <versionStamp>{{ version_stamp }}</versionStamp> once; phones need it to see a change",
        )


def _stamped(data: bytes) -> bytes:
    """Return a file with its version stamp, which is a digest of all the rest."""
    digest = hashlib.sha256(data).hexdigest()
    stamp = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
    return data.replace(_STAMP_NODE.format(STAMP_UNSET).encode(), _STAMP_NODE.format(stamp).encode())


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
            reason = f"line {fault.line} of the file that it produces is not well-formed: {self._redact(fault.reason)}"
            raise _fault(self.phone, self.template.name, line, reason) from None
        except TooLong as fault:
            over = fault.over
            line = 0 if is_patched else self._line(over.line)
            raise LimitExceeded(
                f"{over.element} has {over.length} characters, "
                f"but {self.model.with_article} takes at most {over.limit}",
                where=f"{_place(self.phone)}; template {self.template.name}" + (f", line {line}" if line else ""),
                to_do="Make it shorter.",
            ) from None
        except ConfigurationRejected as fault:
            reason = f"the phone would discard the file that it produces: {self._redact(fault.what)}"
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
        to_do="Correct the template.",
    )


def _place(phone: PhoneToRender) -> str:
    described = f" ({phone.description})" if phone.description else ""
    return f"phone {phone.mac}{described}"


def _redact(text: str, phone: PhoneToRender) -> str:
    """Return ``text`` without any of the phone's secrets: a parser may quote what it could not read."""
    for secret in secrets_of(phone):
        text = text.replace(secret, "…")
    return text
