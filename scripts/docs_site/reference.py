"""The pages of the documentation that are made from the code: commands, settings, models, the API, hub.toml."""

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from typer._click.core import Command, Parameter  # Typer brings its own Click
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from ringfence.cli.main import make_app
from ringfence.hub.core import Hub
from ringfence.hub.data.config import HubConfig
from ringfence.hub.data.phones_config import PhoneListenerConfig
from ringfence.hub.fleet import settings
from ringfence.hub.people.app import people_app
from ringfence.hub.people.rights import Role, may
from ringfence.phones.families import families

Json = dict[str, Any]  # Any: parts of an OpenAPI description


def pages() -> Iterator[tuple[str, str]]:
    """Yield each page: its path in the site, and its Markdown."""
    yield from _commands()
    yield "reference/settings.md", _settings()
    yield "reference/models.md", _models()
    yield "reference/api.md", _api()
    yield "reference/hub-toml.md", _hub_toml()


def _commands() -> Iterator[tuple[str, str]]:
    tree = cast("TyperGroup", get_command(make_app()))
    listed = ["# Commands", "", "Every command explains itself with `--help`. `--json` prints for scripts.", ""]
    listed += _table(("Command", "What it does"))
    for name, command in sorted(tree.commands.items()):
        text = [f"# ringfence {name}", "", _prose(command.help or "")]
        commands = _leaves(command, name) if isinstance(command, TyperGroup) else ((name, command),)
        for words, leaf in commands:
            if isinstance(command, TyperGroup):
                text += ["", f"## {words}", "", _prose(leaf.help or "")]
            text += ["", *_parameters(leaf)]
        yield f"reference/commands/{name}.md", "\n".join(text) + "\n"
        listed.append(_row(f"[ringfence {name}]({name}.md)", _first_sentence(command.help or "")))
    yield "reference/commands/index.md", "\n".join(listed) + "\n"


def _leaves(group: TyperGroup, above: str) -> Iterator[tuple[str, Command]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _leaves(command, f"{above} {name}")
        else:
            yield f"{above} {name}", command


def _parameters(command: Command) -> Iterator[str]:
    shown = [each for each in command.params if not getattr(each, "hidden", False) and each.name != "help"]
    if shown:
        yield from _table(("Argument or option", "Meaning", "Default"))
    for each in shown:
        yield _row(_written(each), _prose(getattr(each, "help", None) or ""), _default(each))


def _written(parameter: Parameter) -> str:
    if isinstance(parameter, TyperArgument):
        name = (parameter.metavar or parameter.name or "").upper()
        return f"`{name}`" + ("" if parameter.required else " (optional)")
    return ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter, TyperOption) and isinstance(parameter.show_default, str):
        return parameter.show_default
    value = parameter.default
    return "" if value in {None, "", False, ()} or callable(value) else f"`{value}`"


def _settings() -> str:
    text = [
        "# Settings",
        "",
        "What `ringfence set` takes, for the organisation, a site, a group, a phone or a line.",
        "",
    ]
    for setting, owners in settings.catalogue(None):
        default = "" if setting.secret or setting.default in {"", None} else f" Default: `{setting.default}`."
        takes = setting.takes[:1].upper() + setting.takes[1:]
        text += [
            f"## `{setting.name}`", "", _prose(setting.help), "", f"- {takes}.{default}",
            f"- For: {', '.join(map(str, setting.scopes))}.", f"- Families: {', '.join(owners)}.",
            f"- Known from: {setting.source} ({setting.mark}).", "",
        ]  # fmt: skip
    return "\n".join(text)


def _models() -> str:
    text = ["# Phones", "", "The families and models that come with Ringfence. [How to add one](../families.md)."]
    for family in families().values():
        text += ["", f"## {family.title}", "", f"Family `{family.id}`.", ""]
        text += _table(("Model", "Name", "Line keys", "SIP over", "Newest TLS"))
        for model in family.models.values():
            facts = (model.line_keys.value, ", ".join(model.transports.value), model.tls_ceiling.value or "none")
            text.append(_row(f"`{model.name}`", model.title, *map(str, facts)))
    return "\n".join(text) + "\n"


def _api() -> str:
    described = people_app(cast("Hub", None)).openapi()
    text = ["# API", "", _prose(described["info"]["description"]), ""]
    text += ["The hub serves the whole description at `/openapi.json`.", ""]
    text += _table(("Request", "What it does", "For"))
    for path, methods in sorted(described["paths"].items()):
        for method, operation in sorted(methods.items()):
            asked = f"`{method.upper()} {path}`"
            roles = [role for role in Role if may(role, method.upper(), re.sub(r"\{(\w+)\}", r"\1", path))]
            text.append(_row(asked, _first_sentence(_said(operation)), ", ".join(map(str, roles)) or "everybody"))
    return "\n".join(text) + "\n"


def _said(operation: Json) -> str:
    return str(operation.get("description") or operation.get("summary") or "")


def _hub_toml() -> str:
    text = ["# hub.toml", ""]
    text += ["It is in the hub's data folder. `RINGFENCE_HUB_NAME=…` in the environment overrides `name`.", ""]
    for of in (HubConfig, PhoneListenerConfig):
        text += [_prose(re.sub(r"docs/(adr/\d{4})\b", r"ADR \1", inspect.getdoc(of) or "")), ""]
    text += _table(("Name", "Default"))
    for name, field in HubConfig.model_fields.items():
        text.append(_row(f"`{name}`", "required" if field.is_required() else f"`{_toml(field.default)}`"))
    return "\n".join(text) + "\n"


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case tuple() | list():
            return "[" + ", ".join(_toml(each) for each in value) + "]"
        case str():
            return f'"{value}"'
        case _:
            return str(value)


def _table(columns: tuple[str, ...]) -> list[str]:
    return [_row(*columns), "|" + "---|" * len(columns)]


def _row(*cells: str) -> str:
    return "| " + " | ".join(re.sub(r"\s+", " ", cell).replace("|", "\\|").strip() for cell in cells) + " |"


def _first_sentence(text: str) -> str:
    return _prose(text).split("\n\n", maxsplit=1)[0]


_AS_MARKDOWN: Mapping[str, str] = {r"``([^`]+)``": r"`\1`", r"<(?=[A-Za-z/])": "&lt;", r"\b_(?=\w)": r"\\_"}


def _prose(text: str) -> str:
    """Return a docstring or help text as Markdown."""
    for pattern, instead in _AS_MARKDOWN.items():
        text = re.sub(pattern, instead, text)
    return re.sub(r"(?m)^Example: (.+)$", r"    \1", inspect.cleandoc(text)).strip()
