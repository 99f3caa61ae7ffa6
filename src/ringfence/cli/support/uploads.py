"""Uploading files to the hub: only those that it lacks, with a progress bar."""

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ringfence.archives import members
from ringfence.cli.support import output
from ringfence.cli.support.api import Json, PeoplesApi
from ringfence.counted import counted, some
from ringfence.imports.bundle_import import bring_members

Show = Callable[[float, float], None]
Advance = Callable[[float], None]


@contextmanager
def progress(what: str) -> Iterator[tuple[Show, Advance]]:
    """Show a bar on standard error, where that is a terminal; yield ``show(done, total)`` and ``advance(count)``."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def show(done: float, total: float) -> None:
            bar.update(task, completed=done, total=total)

        def advance(count: float) -> None:
            bar.advance(task, count)

        yield show, advance


def say_skipped(skipped: Sequence[str]) -> None:
    """Say what was passed over because a system had put it there for itself, if there is anything."""
    if skipped:
        files = counted(len(skipped), "file")
        output.say(f"Skipped {files} that a Mac, Windows or a network drive added: {some(skipped)}.")


def upload_members(client: PeoplesApi, file: Path, wanted: Collection[str], total_bytes: int) -> list[Json]:
    """Upload the members of a folder or archive with these names; return their names, digests and lengths."""
    with progress("uploading") as (show, advance):
        show(0, total_bytes)
        return bring_members(client, members(file), wanted, advance)
