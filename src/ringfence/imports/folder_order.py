"""From what an import has read to the hub's bulk request; an entry that the hub refuses does not stop the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ringfence.imports.errors import NothingToImport
from ringfence.imports.hub_requests import HubRequests, Json
from ringfence.phones.importing.default_file import site_defaults
from ringfence.phones.importing.folder import FolderReport
from ringfence.phones.importing.outcome import ImportedPhone, SiteFile, common_settings
from ringfence.phones.rendering.render_input import LineAccount
from ringfence.phones.settings.types import Value

_MOST_ROUNDS = 5
_OF_ONE_LINE = "sipProfile/sipLines/"


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """Phones for one site, each with its place in the folder, and what the whole site has in common."""

    site: str
    phones: tuple[Json, ...]
    paths: Mapping[int, str]
    common: Mapping[str, str]
    """What all phones have; it becomes the site's if the site has no other phones."""
    site_files: Sequence[SiteFile]
    """What is about no phone alone, such as dial rules; it becomes the site's likewise."""

    @classmethod
    def of(cls, report: FolderReport, site: str) -> "ImportOrder":
        """Return the order for what a folder holds."""
        phones = [entry.phone for entry in report.imported if entry.phone is not None]
        common = {
            name: value
            for name, value in common_settings(phones).items()
            if _OF_ONE_LINE not in str(name) and name not in _PHONES_OWN
        }
        default = None if report.default is None else site_defaults(report.default, phones, common)
        site_files = [each for each in (default, report.dial_rules) if each is not None]
        bodies, paths = [], {}
        for row, entry in enumerate(report.imported, 1):
            if entry.phone is not None:
                bodies.append(_body(entry.phone, site, row))
                paths[row] = entry.path
        return cls(site, tuple(bodies), paths, _texts(common), site_files)

    @property
    def of_site(self) -> dict[str, str]:
        """All that becomes the site's."""
        found: dict[str, str] = {}
        for file in self.site_files:
            found |= _texts(file.settings)
        return found | dict(self.common)


_PHONES_OWN = frozenset({"keys", "phone_label", "modules"})


@dataclass(frozen=True, slots=True)
class Checked:
    """What the hub takes of an order, and would make of it; why each refused path was; and what the site has of it."""

    done: Json
    refused: Mapping[str, str]
    of_site: Mapping[str, str]
    has_other_phones: bool
    request: Json = field(repr=False)


def check(client: HubRequests, order: ImportOrder) -> Checked:
    """Return what the hub takes of an order; nothing is changed. What it refuses is left out.

    Raises:
        NothingToImport: The hub takes none of it.
    """
    phones, refused = list(order.phones), dict[str, str]()
    has_others = _has_other_phones(client, order)
    of_site = {} if has_others else order.of_site
    for _round in range(_MOST_ROUNDS):
        body = _request(order.site, phones, of_site)
        done = client.post("/phones/bulk", {**body, "dry_run": True})
        if not done["refusals"]:
            return Checked(done, refused, of_site, has_others, body)
        for each in done["refusals"]:
            if each["row"]:
                refused.setdefault(order.paths[each["row"]], f"{each['what']}. {each['to_do']}".strip())
            else:
                of_site.pop(each["column"], None)
        phones = [phone for phone in phones if order.paths[phone["row"]] not in refused]
        if not phones:
            break
    first = next(iter(refused.items()), (order.site, "the hub takes none of it"))
    raise NothingToImport("the hub takes none of its phones", where=first[0], to_do=first[1])


def send(client: HubRequests, checked: Checked) -> Checked:
    """Have the hub do what it takes of an order, all in one step; return what it made of it."""
    return replace(checked, done=client.post("/phones/bulk", {**checked.request, "dry_run": False}))


def _request(site: str, phones: Sequence[Json], of_site: Mapping[str, str]) -> Json:
    own = [
        {**phone, "settings": {name: text for name, text in phone["settings"].items() if of_site.get(name) != text}}
        for phone in phones
    ]
    return {"phones": own, "site_settings": {site: of_site} if of_site else {}, "make_sites": True}


def _has_other_phones(client: HubRequests, order: ImportOrder) -> bool:
    """Return whether a site has phones that the order does not name: the order must not change those."""
    sites = [site for site in client.items("/sites") if order.site in {site["id"], site["name"]}]
    if not sites or not sites[0]["phones"]:
        return False
    ours = {phone["mac"] for phone in order.phones}
    return any(phone["mac"] not in ours for phone in client.items("/phones", site=sites[0]["id"]))


def _body(phone: ImportedPhone, site: str, row: int) -> Json:
    return {
        "mac": str(phone.mac),
        "site": site,
        "model": phone.model,
        "description": phone.lines[0].label or phone.lines[0].name,
        "settings": _texts(phone.settings) | dict(phone.patches),
        "lines": [_line(line, row) for line in phone.lines],
        "row": row,
    }


def _line(line: LineAccount, row: int) -> Json:
    password = line.password.reveal()
    return {
        "index": line.index,
        "label": line.label,
        "name": line.name,
        "display_name": line.display_name,
        "auth_name": line.auth_name,
        "settings": _texts(line.settings),
        "row": row,
        **({"password": password} if password else {}),
    }


def _texts(settings: Mapping[str, Value]) -> dict[str, str]:
    return {name: as_text(value) for name, value in settings.items()}


def as_text(value: object) -> str:
    """Return a setting's value as the hub's API takes it."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
