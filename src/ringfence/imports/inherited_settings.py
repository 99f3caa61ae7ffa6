"""What imported phones get of their organisation's, site's and group's settings, where their own files say nothing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ringfence.counted import counted, some
from ringfence.errors import BadInput, ContentRefused
from ringfence.imports.hub_requests import HubRequests, Json
from ringfence.phones.families import model as model_of
from ringfence.phones.importing.outcome import ImportedPhone
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import patches_of
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value

_FAULTS = (BadInput, ContentRefused)
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class InheritedSetting:
    """One setting that is given at a wider scope, and the phones whose files it changes; no ``value`` if secret."""

    name: str
    value: str | None
    scope: str
    paths: tuple[str, ...]

    def as_json(self) -> Json:
        """Return it for scripts."""
        return {"name": self.name, "value": self.value, "scope": self.scope, "paths": list(self.paths)}

    def __str__(self) -> str:
        value = "" if self.value is None else f"={self.value}"
        phones = f"{counted(len(self.paths), 'phone')} {'takes' if len(self.paths) == 1 else 'take'}"
        named = some(self.paths, _MOST_NAMED)
        return f"{phones} {self.name}{value} from the {self.scope}, which their files don't set: {named}."


@dataclass(frozen=True, slots=True)
class _Given:
    value: Value | None = field(repr=False)
    scope: str
    is_secret: bool


def inherited(
    client: HubRequests, site: str, phones: Iterable[tuple[str, ImportedPhone]], of_import: Mapping[str, str]
) -> list[InheritedSetting]:
    """Return what of the organisation, of an existing site and of groups changes the files of imported phones.

    An own template that makes their files is named like a setting, such as ``template:cisco-79xx:device``.

    Args:
        client: The hub.
        site: The site's id or name.
        phones: Each phone with the path of its file.
        of_import: What the import itself sets for the site.
    """
    wide, by_mac = _given(client, site, of_import)
    renderer = Renderer()
    templates = [(row["family"], f"template:{row['family']}:{row['name']}") for row in client.items("/templates")]
    of_templates = {name: _Given(None, "organisation", is_secret=True) for _family, name in templates}
    found: dict[tuple[str, _Given], list[str]] = {}
    for path, phone in phones:
        family, _model = model_of(phone.model)
        given = wide | by_mac.get(phone.mac.bare, {})
        for name in _reaching(phone, given, renderer) if given else ():
            found.setdefault((name, given[name]), []).append(path)
        for name in (name for of, name in templates if of == family.id):
            found.setdefault((name, of_templates[name]), []).append(path)
    return [
        InheritedSetting(name, None if given.is_secret else str(given.value), given.scope, tuple(paths))
        for (name, given), paths in sorted(found.items(), key=lambda each: (each[0][0], each[0][1].scope))
    ]


def _given(
    client: HubRequests, site: str, of_import: Mapping[str, str]
) -> tuple[dict[str, _Given], dict[str, dict[str, _Given]]]:
    """Return what is given without what the import sets itself, the nearer before the wider.

    Returns:
        For all phones of the site, and for those that are in a group by their bare addresses.
    """
    found = _settings(client, "/settings/organisation")
    by_mac: dict[str, dict[str, _Given]] = {}
    for row in client.items("/sites"):
        if site in {row["id"], row["name"]}:
            found |= _settings(client, f"/settings/sites/{row['id']}")
            groups = {Mac.parse(phone["mac"]).bare: phone["group"] for phone in client.items("/phones", site=row["id"])}
            of_groups = {
                group: _settings(client, f"/settings/groups/{group}", f"group {group}")
                for group in set(groups.values()) - {None}
            }
            by_mac = {bare: of_groups[group] for bare, group in groups.items() if group is not None}
    return {name: given for name, given in found.items() if name not in of_import}, by_mac


def _settings(client: HubRequests, path: str, scope: str = "") -> dict[str, _Given]:
    return {row["name"]: _as_given(row, scope) for row in client.items(path)}


def _as_given(row: Json, scope: str) -> _Given:
    return _Given(row["value"], scope or str(row["scope"]), bool(row["secret"]))


def _reaching(phone: ImportedPhone, given: Mapping[str, _Given], renderer: Renderer) -> Iterator[str]:
    """Yield the settings that make a phone's files others than they are by its own settings."""
    family, model = model_of(phone.model)
    own = PhoneToRender(
        phone.mac, phone.model, "", phone.settings, phone.lines, patches_of([("phone", phone.patches)], family)
    )
    before: tuple[bytes, ...] | None = None
    for name, each in given.items():
        is_patch = name.startswith((f"patch:{family.id}:", f"patch:{family.id}."))
        if name in phone.settings or name in phone.patches or not (is_patch or name in model.settings):
            continue
        if each.value is None:  # a secret: what it is, only the hub knows
            yield name
            continue
        if is_patch:
            layers = [("organisation", {name: str(each.value)}), ("phone", phone.patches)]
            other = replace(own, patches=patches_of(layers, family))
        else:
            other = replace(own, settings={name: each.value, **phone.settings})
        before = before or _files(own, renderer)
        if _files(other, renderer) != before:
            yield name


def _files(phone: PhoneToRender, renderer: Renderer) -> tuple[bytes, ...]:
    """Return a phone's files; none if it can't be had so, which a publish would leave out."""
    try:
        return tuple(file.data for file in renderer.render(phone))
    except _FAULTS:
        return ()
