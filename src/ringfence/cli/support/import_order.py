"""From what an import has read to the hub's bulk request; an entry that the hub refuses does not stop the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringfence.cli.support.api import PeoplesApi
from ringfence.cli.support.bulk import Json
from ringfence.cli.support.errors import BadArgument

if TYPE_CHECKING:
    from ringfence.phones.importing.folder import FolderReport
    from ringfence.phones.importing.outcome import ImportedPhone
    from ringfence.phones.rendering.render_input import LineAccount

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
    of_site: Mapping[str, str]
    """What can only be a site's, such as dial rules."""

    @classmethod
    def of(cls, report: "FolderReport", site: str, read: Callable[[str], bytes]) -> "ImportOrder":
        """Return the order for what a folder holds."""
        from ringfence.phones.importing.outcome import common_settings

        phones = [entry.phone for entry in report.imported if entry.phone is not None]
        common = {
            name: as_text(value)
            for name, value in common_settings(phones).items()
            if _OF_ONE_LINE not in str(name) and name not in _PHONES_OWN
        }
        bodies, paths = [], {}
        for row, entry in enumerate(report.imported, 1):
            if entry.phone is not None:
                bodies.append(_body(entry.phone, site, row))
                paths[row] = entry.path
        return cls(site, tuple(bodies), paths, common, _dial_rules(report, read))


_PHONES_OWN = frozenset({"keys", "phone_label", "modules"})


def send(client: PeoplesApi, order: ImportOrder, *, dry_run: bool) -> tuple[Json, dict[str, str]]:
    """Send an order; what the hub refuses is left out. Return the outcome, and why each refused path was.

    Raises:
        BadArgument: The hub takes none of it.
    """
    phones, refused = list(order.phones), dict[str, str]()
    common = {} if _has_other_phones(client, order) else dict(order.common)
    of_site = dict(order.of_site)
    for _round in range(_MOST_ROUNDS):
        body = _request(order.site, phones, common, of_site)
        done = client.post("/phones/bulk", {**body, "dry_run": True})
        if not done["refusals"]:
            return (done if dry_run else client.post("/phones/bulk", {**body, "dry_run": False})), refused
        for each in done["refusals"]:
            if each["row"]:
                refused.setdefault(order.paths[each["row"]], f"{each['what']}. {each['to_do']}".strip())
            else:
                common.pop(each["column"], None)
                of_site.pop(each["column"], None)
        phones = [phone for phone in phones if order.paths[phone["row"]] not in refused]
        if not phones:
            break
    first = next(iter(refused.items()), (order.site, "the hub takes none of it"))
    raise BadArgument("the hub takes none of its phones", where=first[0], to_do=first[1])


def _request(site: str, phones: Sequence[Json], common: Mapping[str, str], of_site: Mapping[str, str]) -> Json:
    own = [
        {**phone, "settings": {name: text for name, text in phone["settings"].items() if common.get(name) != text}}
        for phone in phones
    ]
    settings = {**common, **of_site}
    return {"phones": own, "site_settings": {site: settings} if settings else {}, "make_sites": True}


def _has_other_phones(client: PeoplesApi, order: ImportOrder) -> bool:
    """Return whether a site has phones that the order does not name: the order must not change those."""
    sites = [site for site in client.items("/sites") if order.site in {site["id"], site["name"]}]
    if not sites or not sites[0]["phones"]:
        return False
    ours = {phone["mac"] for phone in order.phones}
    return any(phone["mac"] not in ours for phone in client.items("/phones", site=sites[0]["id"]))


def _body(phone: "ImportedPhone", site: str, row: int) -> Json:
    return {
        "mac": str(phone.mac),
        "site": site,
        "model": phone.model,
        "description": phone.lines[0].label or phone.lines[0].name,
        "settings": {name: as_text(value) for name, value in phone.settings.items()} | dict(phone.patches),
        "lines": [_line(line, row) for line in phone.lines],
        "row": row,
    }


def _line(line: "LineAccount", row: int) -> Json:
    password = line.password.reveal()
    return {
        "index": line.index,
        "label": line.label,
        "name": line.name,
        "display_name": line.display_name,
        "auth_name": line.auth_name,
        "settings": {name: as_text(value) for name, value in line.settings.items()},
        "row": row,
        **({"password": password} if password else {}),
    }


def _dial_rules(report: "FolderReport", read: Callable[[str], bytes]) -> dict[str, str]:
    from ringfence.phones.importing.side_files import read_dial_rules

    path = next((path for path in report.left_alone if path.lower() == "appdialrules.xml"), None)
    rows = read_dial_rules(read(path)).rows if path is not None else ""
    return {"application_dial_rules": rows} if rows else {}


def as_text(value: object) -> str:
    """Return a setting's value as the hub's API takes it."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
