"""``ringfence import wazo``: import the devices of a wazo-provd.

Form: wazo-platform/wazo-provd, ``provd/devices/device.py`` and ``config.py``: a device names its config, which inherits
from its parents; both as its API answers (``{"devices": [...]}``, ``{"configs": [...]}``) or as one JSON file each.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support.bulk import DryRun, Json
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.files import read_text
from ringfence.cli.support.foreign_entries import ForeignEntries, Model, Site
from ringfence.cli.support.output import AsJson

app = typer.Typer()

_LARGEST_BYTES = 64 << 20
_LONGEST_ANCESTRY = 20
_KINDS = ("devices", "configs")


@app.command()
def wazo(
    places: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="What its API answers for devices and configs, or the folder that has both as folders.",
        ),
    ],
    site: Site = "imported",
    model: Model = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import phones, lines and servers from wazo-provd's devices and configs (JSON).

    Each phone gets its lines with their passwords, the SIP server, transport, time server and time zone of its config
    and its parents. Devices that nobody has configured are left out. One entry that can't be used never stops the
    others.

    Example: ringfence import wazo devices.json configs.json --site office --dry-run
    """
    found = {kind: [entry for place in places for entry in _entries(place, kind)] for kind in _KINDS}
    configs = {str(config.get("id", "")): config for config in found["configs"]}
    entries = ForeignEntries(site, model)
    for row, device in enumerate(found["devices"], 1):
        _add(entries, row, device, configs)
    entries.take(", ".join(map(str, places)), dry_run=dry_run, as_json=as_json)


def _add(entries: ForeignEntries, row: int, device: Json, configs: Mapping[str, Json]) -> None:
    name = _text(device, "mac")
    config = _whole(configs, _text(device, "config"))
    lines = config.get("sip_lines")
    if not isinstance(lines, dict) or not lines:
        entries.leave_out(row, name, "it has no SIP lines")
        return
    phone = entries.phone(row, name, model=_text(device, "model"), description=_text(device, "description"))
    if phone is None:
        return
    for index, line in lines.items():
        if not isinstance(line, dict):
            entries.remark(phone, f"line {index[:20]!r} holds nothing, so it is lost")
            continue
        entries.add_line(
            phone,
            index,
            {
                "name": _text(line, "username"),
                "auth_name": _text(line, "auth_username"),
                "display_name": _text(line, "display_name"),
                "label": _text(line, "number"),
                "password": _text(line, "password"),
            },
        )
    first = next((line for line in lines.values() if isinstance(line, dict)), {})
    given = {
        "sip_server": _text(first, "proxy_ip") or _text(config, "sip_proxy_ip"),
        "sip_server_2": _text(first, "backup_proxy_ip") or _text(config, "sip_backup_proxy_ip"),
        "sip_port": _text(first, "proxy_port") or _text(config, "sip_proxy_port"),
        "sip_transport": _text(config, "sip_transport"),
        "ntp_servers": _text(config, "ntp_ip") if config.get("ntp_enabled") else "",
        "time_zone": _text(config, "timezone"),
    }
    phone["settings"].update({name: text for name, text in given.items() if text})


def _whole(configs: Mapping[str, Json], name: str) -> Json:
    """Return a config's values over those of its parents; empty if there is no such config."""
    chain: list[Json] = []
    while name in configs and len(chain) < _LONGEST_ANCESTRY:
        chain.append(configs[name])
        name = _text(configs[name], "parent_id")
    whole: Json = {}
    for config in reversed(chain):
        raw = config.get("raw_config")
        whole |= raw if isinstance(raw, dict) else {}
    return whole


def _entries(place: Path, kind: str) -> Iterator[Json]:
    if place.is_dir():
        for path in sorted((place / kind).glob("*")) if (place / kind).is_dir() else ():
            if path.is_file():
                yield from _objects([_parsed(path)])
        return
    document = _parsed(place)
    if isinstance(document, dict) and isinstance(document.get(kind), list):
        yield from _objects(document[kind])


def _objects(found: list[object]) -> Iterator[Json]:
    yield from (entry for entry in found if isinstance(entry, dict))


def _parsed(path: Path) -> object:
    try:
        parsed: object = json.loads(read_text(path, _LARGEST_BYTES))
    except (ValueError, RecursionError) as fault:
        raise BadArgument(f"it is not JSON: {fault}", where=str(path)) from None
    return parsed


def _text(entry: Json, name: str) -> str:
    value = entry.get(name)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
