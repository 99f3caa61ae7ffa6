"""``ringfence tftp``: a TFTP client, to troubleshoot a site."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, Self

import typer

from ringfence.cli.support import output
from ringfence.cli.support.errors import (
    BadArgument,
    CanNotWrite,
    FileExists,
    NotAllowed,
    NotServed,
)
from ringfence.cli.support.tftp_arguments import EXAMPLES, read_options
from ringfence.counted import counted
from ringfence.errors import EnvironmentFault, RingfenceError
from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import Retrieved, retrieve
from ringfence.tftp.options import NO_OPTIONS, RequestedOptions
from ringfence.tftp.packets import ErrorCode
from ringfence.tftp.uri import parse

app = typer.Typer(help="A TFTP client, to see what a phone would get.", no_args_is_help=True)

FAST = RequestedOptions(block_size=1428, window_size=16, transfer_size=True)
STANDARD_OUTPUT = "-"


@app.callback()
def _group() -> None:
    """Keep ``get`` a command of its own, although it is the only one."""


@app.command()
def get(
    uri: Annotated[str, typer.Argument(help="tftp://HOST/PATH, tftp://HOST:PORT/PATH;mode=netascii (RFC 3617).")],
    to: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write it; - is standard output.",
            show_default="its own name",
        ),
    ] = None,
    option: Annotated[list[str] | None, typer.Option(help=f"A TFTP option to request: {EXAMPLES}.")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Ask for blocks of 1428 bytes, 16 at a time.")] = False,
    source: Annotated[str | None, typer.Option(metavar="ADDRESS", help="The address to ask from.")] = None,
    timeout: Annotated[float, typer.Option(min=0.01, help="Seconds until the first repeat; doubles each time.")] = 1,
    retries: Annotated[int, typer.Option(min=0, help="How often to repeat.")] = 5,
    rollover: Annotated[int, typer.Option(min=0, max=1, help="The server's block number after 65535.")] = 0,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace a file that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Fetch one file over TFTP, as a phone does.

    No TFTP options are requested unless you name them. The file appears whole or not at all. The exit code is 4 if the
    server has no such file, 6 if it does not allow it, 7 if it is silent or the file can't be written, and 9 if it
    refuses for another reason.

    Example: ringfence tftp get tftp://192.168.1.2/SEP001122334455.cnf.xml -o -
    """
    where = parse(uri)
    asked = read_options(option or [], FAST if fast else NO_OPTIONS)
    target = to or where.name.replace("\\", "/").rpartition("/")[2]
    if as_json and target == STANDARD_OUTPUT:
        raise BadArgument("--json and the file would both go to standard output", to_do="Name a file with -o.")
    if not target:
        raise BadArgument(
            "the path ends with a slash, so there is no file name to write to", to_do="Name a file with -o."
        )
    with _whole_or_not_at_all(target, force=force) as file, _Progress(where.name) as progress:

        def take(data: bytes, total_bytes: int | None) -> None:
            try:
                file.write(data)
            except OSError as fault:
                raise CanNotWrite(f"can't write: {fault.strerror}", where=target) from fault
            progress.advance(len(data), total_bytes)

        try:
            done = retrieve(
                (where.host, where.port),
                where.name,
                take,
                options=asked,
                mode=where.mode,
                source_host=source,
                timeout_s=timeout,
                retries=retries,
                rollover=rollover,
            )
        except FileRefused as refused:
            raise _refused(refused) from refused
        except OSError as fault:
            raise EnvironmentFault(
                f"the server can't be asked: {fault.strerror}", where=uri, to_do="Check the names and addresses."
            ) from fault
    if as_json:
        output.show_json({"uri": uri, "file": target, **done.as_document()})
    elif target != STANDARD_OUTPUT:
        output.say(f"{target}: {_in_words(done)}")


@contextlib.contextmanager
def _whole_or_not_at_all(target: str, *, force: bool) -> Iterator[BinaryIO]:
    """Yield a file to write to; it gets its name if the block succeeds, and is deleted otherwise."""
    if target == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(target)
    if path.exists() and not force:
        raise FileExists("this file exists", where=target, to_do="Replace it with --force, or name another with -o.")
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        file = part.open("xb")
    except OSError as fault:
        raise CanNotWrite(f"can't write: {fault.strerror}", where=str(part.parent)) from fault
    try:
        with file:
            yield file
        part.replace(path)
    except OSError as fault:
        raise CanNotWrite(f"can't write: {fault.strerror}", where=target) from fault
    finally:
        part.unlink(missing_ok=True)


class _Progress:
    """A bar on a terminal, nothing elsewhere."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bar = None
        if sys.stderr.isatty():
            # Here and not above: loading it takes as long as fetching a small file.
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(name, total=None)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_what: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, size_bytes: int, total_bytes: int | None) -> None:
        """Show that more bytes have come, out of the total that the server announced."""
        if self._bar is not None:
            self._bar.update(self._task, advance=size_bytes, total=total_bytes)


def _refused(refused: FileRefused) -> RingfenceError:
    match refused.code:
        case ErrorCode.FILE_NOT_FOUND:
            return NotServed(refused.what, where=refused.where, to_do="Check the name, including upper and lower case.")
        case ErrorCode.ACCESS_VIOLATION | ErrorCode.NO_SUCH_USER:
            return NotAllowed(
                refused.what,
                where=refused.where,
                to_do="Check which addresses may have it, and which one you ask from.",
            )
        case _:
            return refused


def _in_words(done: Retrieved) -> str:
    rate = done.size_bytes / done.duration_s / 1000
    window = f", {done.terms.window_size} at a time" if done.terms.window_size > 1 else ""
    repeats = f"; {counted(done.retransmissions, 'repeat')}" if done.retransmissions else ""
    return (
        f"{counted(done.size_bytes, 'byte')} in {done.duration_s:.3f} s ({rate:,.0f} kB/s), "
        f"blocks of {done.terms.block_size} bytes{window}{repeats}."
    )
