"""``ringfence import tftp``: import a TFTP folder."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.bulk import DryRun, say_outcome
from ringfence.cli.support.connection import hub
from ringfence.cli.support.import_report import say_report
from ringfence.cli.support.model_questions import ask_for_models
from ringfence.cli.support.output import AsJson
from ringfence.cli.support.source_folders import FilesOnDisk
from ringfence.cli.support.uploads import progress
from ringfence.errors import EnvironmentFault

if TYPE_CHECKING:  # only the commands that need it load it: it loads the XML library and the templates
    from ringfence.phones.importing.folder import FolderReport

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
    try:
        from ringfence.imports.folder_import import take_over
    except ModuleNotFoundError as missing:
        raise EnvironmentFault(
            f"this needs {missing.name}, which is not installed", to_do="Run pip install 'ringfence[hub]'."
        ) from None
    files = FilesOnDisk(folder)
    report = _read(files, folder, model or [])
    if ask and sys.stdin.isatty() and not as_json:
        answers = ask_for_models(report.imported)
        report = _read(files, folder, [*(model or []), *answers]) if answers else report
    done, told = take_over(hub(), files, report, site, folder.name, dry_run=dry_run)
    if as_json:
        output.show_json({**done, **told.as_json()})
        return
    say_report(told, dry_run=dry_run)
    say_outcome(done, dry_run=dry_run, names_phones=False)


def _read(files: FilesOnDisk, folder: Path, models: Sequence[str]) -> "FolderReport":
    from ringfence.imports.folder_import import read_files, said_models

    with progress("reading") as (show, advance):
        show(0, len(files.paths))
        return read_files(files, said_models(models), str(folder), lambda _entry: advance(1))
