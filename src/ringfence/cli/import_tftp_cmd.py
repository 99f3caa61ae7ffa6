"""``ringfence import tftp``: import a TFTP folder."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.support import output
from ringfence.cli.support.api import PeoplesApi
from ringfence.cli.support.asset_uploads import bring
from ringfence.cli.support.bulk import DryRun, say_outcome
from ringfence.cli.support.connection import hub
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.import_order import ImportOrder, check, send
from ringfence.cli.support.import_report import ImportReport
from ringfence.cli.support.inherited_settings import inherited
from ringfence.cli.support.model_questions import ask_for_models
from ringfence.cli.support.output import AsJson
from ringfence.cli.support.source_folders import FilesOnDisk
from ringfence.cli.support.uploads import progress
from ringfence.errors import BadInput, EnvironmentFault
from ringfence.phones.mac import Mac

if TYPE_CHECKING:  # only the commands that need it load it: it loads the XML library and the templates
    from ringfence.phones.assets.kinds import Asset
    from ringfence.phones.importing.folder import FolderReport
    from ringfence.phones.importing.reader import SaidModels

app = typer.Typer()


@app.command()
def tftp(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that your TFTP server serves.")],
    site: Annotated[str, typer.Option(help="The site of its phones; created if it does not exist.")] = "imported",
    model: Annotated[
        list[str] | None,
        typer.Option(help="A model such as 7942 for files that don't name one, or MAC=MODEL for one phone."),
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask/--no-ask", help="Ask for models that are not certain, on a terminal.")
    ] = True,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import phones, lines and settings from the files of a folder, with its dial plans, rings and wallpapers.

    Each file stands for itself: a phone is imported, imported with remarks, or left out, and the report says why and
    what became of each element. What no setting can express is kept as a patch; what the new file would state besides
    is left out of it (leave_out). Firmware has an import command of its own; until it is there, phones keep theirs.

    Example: ringfence import tftp /srv/tftp --site office --dry-run
    """
    files = FilesOnDisk(folder)
    report = _read(files, _said(model or []))
    if ask and sys.stdin.isatty() and not as_json:
        answers = ask_for_models(report.imported)
        report = _read(files, _said([*(model or []), *answers])) if answers else report
    if not report.entries:
        raise BadArgument("it holds no phone's configuration", where=str(folder), to_do=_IS_IT)
    if not report.imported:
        first = report.entries[0]
        raise BadArgument(
            "none of its phones' files can be imported", where=str(folder), to_do=f"{first.path}: {first.why}."
        )
    client = hub()
    order = ImportOrder.of(report, site)
    sent = check(client, order)
    assets = [*report.kept_files, *_assets(files, report)]
    if not dry_run:
        # What phones name comes before them, so that an end in between leaves no phone without it.
        assets = list(_brought(client, assets, folder.name, files))
        sent = send(client, sent)
    taken = [(row.path, row.phone) for row in report.imported if row.phone is not None and row.path not in sent.refused]
    said = ImportReport.of(
        report, order, sent, inherited(client, site, taken, sent.of_site), files.passed_over,
        [{"kind": str(each.kind), "name": each.name} for each in assets],
    )  # fmt: skip
    if as_json:
        output.show_json({**sent.done, **said.as_json()})
        return
    said.say(dry_run=dry_run)
    say_outcome(sent.done, dry_run=dry_run, names_phones=False)


_IS_IT = "Check that it is the TFTP server's folder."


def _read(files: FilesOnDisk, said: "SaidModels") -> "FolderReport":
    from ringfence.phones.importing.folder import read_folder
    from ringfence.phones.importing.source_folder import SourceFolder

    source = SourceFolder(files.paths, files.read)
    with progress("reading") as (show, advance):
        show(0, len(files.paths))
        return read_folder(source, said, lambda _entry: advance(1))


def _said(texts: Sequence[str]) -> "SaidModels":
    try:
        from ringfence.phones.families import model as model_of
        from ringfence.phones.importing.reader import SaidModels
    except ModuleNotFoundError as missing:
        raise EnvironmentFault(
            f"this needs {missing.name}, which is not installed", to_do="Run pip install 'ringfence[hub]'."
        ) from None
    by_mac: dict[str, str] = {}
    for_others = ""
    for text in texts:
        mac, equals, name = text.rpartition("=")
        model_of(name)  # a name that is none is an error before anything is read
        if equals:
            by_mac[Mac.parse(mac).bare] = name
        else:
            for_others = name
    return SaidModels(by_mac, for_others)


def _brought(client: PeoplesApi, assets: "Sequence[Asset]", source: str, files: FilesOnDisk) -> Iterator["Asset"]:
    """Bring assets to the hub; yield those that it takes, and note the others."""
    for asset in assets:
        try:
            bring(client, asset, source)
        except BadInput as fault:
            files.passed_over.append((asset.name, f"the hub does not take it: {fault.what}"))
            continue
        yield asset


def _assets(files: FilesOnDisk, report: "FolderReport") -> Iterator["Asset"]:
    """Yield the rings, wallpapers and languages of the folder; what can't be used is told in the report's rest."""
    from ringfence.phones.assets.kinds import recognise, together

    def found() -> Iterator["Asset"]:
        for path in report.left_alone:
            if path.lower().endswith(_ASSETS) and not path.lower().endswith("-tn.png"):
                try:
                    asset = recognise(path, files.whole(path, _LARGEST_ASSET))
                except (BadInput, OSError) as fault:
                    files.passed_over.append((path, fault.what if isinstance(fault, BadInput) else str(fault)))
                    continue
                if asset is not None:
                    yield asset

    seen: set[Any] = set()
    for asset in together(found()):
        if (asset.kind, asset.name) not in seen:
            seen.add((asset.kind, asset.name))
            yield asset


_ASSETS = (".raw", ".rwb", ".pcm", ".png", ".jar", "g3-tones.xml", "g4-tones.xml")
_LARGEST_ASSET = 64 << 20
