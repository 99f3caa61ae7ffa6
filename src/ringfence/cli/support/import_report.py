"""The report of an import on a terminal."""

from typing import TYPE_CHECKING

from ringfence.cli.support import output

if TYPE_CHECKING:  # it loads the XML library and the templates
    from ringfence.imports.folder_report import ImportReport


def say_report(report: "ImportReport", *, dry_run: bool) -> None:
    """Print a report for people: how much came in, then what is in its sections."""
    output.show_paragraph(report.counts, "")
    for title, lines in report.sections(dry_run=dry_run):
        if lines:
            output.say(f"\n{title}")
        for line in lines:
            output.show_paragraph(line.replace("..", ".") if line.endswith("..") else line, "  ", "  ")
    output.say("")
