"""``ringfence import tftp``: import a TFTP folder."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.support import output
from ringfence.cli.support.bulk import DryRun, Json, raise_refusals, say_outcome
from ringfence.cli.support.connection import hub
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.output import AsJson
from ringfence.counted import counted
from ringfence.errors import BadInput, EnvironmentFault
from ringfence.phones.mac import Mac

if TYPE_CHECKING:  # only the commands that need it load it: it loads the XML library and the templates
    from ringfence.phones.importing.device_file import Imported

app = typer.Typer()

_MOST_SHOWN = 12


@app.command()
def tftp(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that your TFTP server serves.")],
    site: Annotated[str, typer.Option(help="The site of its phones; created if it does not exist.")] = "imported",
    model: Annotated[
        list[str] | None,
        typer.Option(help="A model such as 7942 for files that don't name one, or MAC=MODEL for one phone."),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import phones, lines and settings from a folder's SEP….cnf.xml files.

    Elements that no setting covers are kept as patches. Files that can't be read are listed and skipped; the others
    are imported all together or not at all. Firmware, ring tones and wallpapers have import commands of their own.

    Example: ringfence import tftp /srv/tftp --site office --dry-run
    """
    try:
        from ringfence.phones.importing import device_file
    except ModuleNotFoundError as missing:
        raise EnvironmentFault(
            f"this needs {missing.name}, which is not installed", to_do="Run pip install 'ringfence[hub]'."
        ) from None
    default, by_mac = _models(model or [])
    files = _files(folder)
    phones: list[Imported] = []
    refused: list[tuple[str, str]] = []
    for name, path in files.items():
        if not device_file.is_importable(name):
            continue
        mac = name[3:15].upper()
        try:
            phones.append(
                device_file.read_phone(name, _bytes(path), by_mac.get(mac) or _guessed(device_file, path, default))
            )
        except BadInput as fault:
            refused.append((name, str(fault)))
    if not phones:
        what = "none of its SEP….cnf.xml files can be imported" if refused else "it holds no SEP….cnf.xml files"
        raise BadArgument(
            what,
            where=str(folder),
            to_do=_capitalised(refused[0][1]) if refused else "Check that it is the TFTP server's folder.",
        )
    order, report = _order(device_file, phones, files, site)
    done = hub().post("/phones/bulk", {**order, "dry_run": dry_run})
    left = sorted(name for name in files if not device_file.is_importable(name))
    if as_json:
        output.show_json({**done, "phones": report, "not_read": dict(refused), "left_alone": left})
    else:
        _say_report(report, refused, left, phones)
        say_outcome(done, dry_run=dry_run)
    raise_refusals(done, str(folder))


def _models(said: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    by_mac: dict[str, str] = {}
    default = None
    for text in said:
        mac, equals, name = text.partition("=")
        if equals:
            by_mac[Mac.parse(mac).bare] = name
        else:
            default = text
    return default, by_mac


def _guessed(device_file: Any, path: Path, default: str | None) -> str | None:  # noqa: ANN401 - a module
    """Return the default model if the file itself does not name one."""
    if default is None:
        return None
    try:
        device_file.read_phone(path.name, _bytes(path))
    except BadInput:
        return default
    return None


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise BadArgument("there is no such folder", where=str(folder))
    return {path.name: path for path in sorted(folder.iterdir()) if path.is_file() and not path.is_symlink()}


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read((256 << 10) + 1)
    except OSError as fault:
        raise BadArgument(f"the file can't be read: {fault.strerror}", where=str(path)) from None


def _order(
    device_file: Any,  # noqa: ANN401 - a module
    phones: Sequence["Imported"],
    files: Mapping[str, Path],
    site: str,
) -> tuple[Json, list[Json]]:
    """Return the request for the hub, and what to report about each phone."""
    settings, patches = device_file.common_settings(phones)
    common = {name: _as_text(value) for name, value in settings.items()} | patches
    bodies, report = [], []
    for phone in phones:
        own = {name: _as_text(value) for name, value in phone.settings.items()} | phone.named_patches
        plan_file = str(phone.settings.get("dial_plan_file", "dialplan.xml"))
        plan = files.get(plan_file)
        rows = device_file.read_dial_plan(_bytes(plan)) if plan is not None else None
        if rows:
            own["dial_plan"] = rows
        bodies.append(
            {
                "mac": str(phone.mac),
                "site": site,
                "model": phone.model,
                "description": phone.lines[0].label or phone.lines[0].name,
                "settings": {name: text for name, text in own.items() if common.get(name) != text},
                "lines": [_line(line) for line in phone.lines],
            }
        )
        report.append(
            {
                "mac": str(phone.mac),
                "model": phone.model,
                "model_is_certain": phone.model_is_certain,
                "lines": [line.name for line in phone.lines],
                "settings": len(phone.settings),
                "patches": sorted(phone.patches),
                "not_kept": list(phone.not_kept),
                "added": list(phone.added),
                "dial_plan": bool(rows),
                "dial_plan_file": plan_file if plan is not None else "",
                "firmware_load": str(phone.settings.get("firmware_load", "")),
            }
        )
    settings_of_site = {site: common} if common else {}
    return {"phones": bodies, "site_settings": settings_of_site, "make_sites": True}, report


def _line(line: Any) -> Json:  # noqa: ANN401 - a LineAccount
    password = line.password.reveal()
    return {
        "index": line.index,
        "label": line.label,
        "name": line.name,
        "display_name": line.display_name,
        "auth_name": line.auth_name,
        "settings": {name: _as_text(value) for name, value in line.settings.items()},
        **({"password": password} if password else {}),
    }


def _as_text(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _say_report(
    report: Sequence[Json], refused: Sequence[tuple[str, str]], left: Sequence[str], phones: Sequence["Imported"]
) -> None:
    for row in report:
        guessed = "" if row["model_is_certain"] else " (guessed: its firmware fits several models)"
        output.say(
            f"{row['mac']}: model {row['model']}{guessed}, lines {', '.join(row['lines'])}; "
            f"{counted(row['settings'], 'setting')}."
        )
        for what, key in (("Kept as patches", "patches"), ("Not kept", "not_kept")):
            if row[key]:
                output.say(f"  {what}: {_some(row[key])}")
    added = sorted({path for phone in phones for path in phone.added})
    if added:
        output.say(f"The new files also state these defaults: {_some(added)}")
    for name, why in refused:
        output.say(f"Skipped {name}: {why}")
    plans = {row["dial_plan_file"]: row["dial_plan"] for row in report if row["dial_plan_file"]}
    for name, taken in sorted(plans.items()):
        count = sum(row["dial_plan_file"] == name for row in report)
        if taken:
            output.say(f"Imported {name} as the table dial_plan of {counted(count, 'phone')}.")
        else:
            output.say(
                f"{name} does not fit the table dial_plan, so {counted(count, 'phone')} would not get it. "
                "Add it yourself: ringfence template put."
            )
    if loads := sorted({row["firmware_load"] for row in report} - {""}):
        output.say(f"Import their firmware before you publish (ringfence firmware import): {_some(loads)}")
    if others := [name for name in left if name not in plans]:
        output.say(f"Ignored, as they are not phone configurations: {_some(others)}")


def _some(names: Iterable[str]) -> str:
    found = list(names)
    more = len(found) - _MOST_SHOWN
    return ", ".join(found[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
