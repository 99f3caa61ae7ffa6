"""Files that commands read and write for the user."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ringfence import csv_text
from ringfence.cli.support import output
from ringfence.cli.support.errors import BadArgument, CanNotWrite, FileExists
from ringfence.errors import BadInput, NotPermitted

LARGEST_TEXT_BYTES = 1 << 20


def read_text(path: Path, largest_bytes: int = LARGEST_TEXT_BYTES) -> str:
    """Return the text of a file; BadArgument if it can't be read, is not UTF-8 or is larger than ``largest_bytes``."""
    data = read_bytes(path, largest_bytes)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data[: fault.start].count(b"\n") + 1
        raise BadArgument("the file is not UTF-8", where=f"{path}, line {line}", to_do="Save it as UTF-8.") from None


def read_bytes(path: Path, largest_bytes: int) -> bytes:
    """Return what is in a file; BadArgument if it can't be read or is larger than ``largest_bytes``."""
    try:
        with path.open("rb") as file:
            data = file.read(largest_bytes + 1)
    except OSError as fault:
        raise BadArgument(f"the file can't be read: {fault.strerror}", where=str(path)) from None
    if len(data) > largest_bytes:
        raise BadArgument(f"the file is larger than {largest_bytes:,} bytes", where=str(path))
    return data


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file to be written by the block; where that fails, nothing is left of it.

    Raises:
        FileExists: There is one.
        CanNotWrite: It can't be written.
    """
    try:
        file = path.open("xb")
    except FileExistsError:
        raise FileExists("this file exists", where=str(path), to_do="Name another one.") from None
    except OSError as fault:
        raise _not_written(path, fault) from None
    try:
        with file:
            yield file
    except OSError as fault:
        path.unlink(missing_ok=True)
        raise _not_written(path, fault) from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def private_file(path: Path, data: bytes) -> Iterator[None]:
    """Write a new file that only its owner can read, for a block that makes it worth something.

    Where the block is refused nothing is left of it; where nobody knows what came of the block, it stays.

    Raises:
        FileExists: There is one.
        CanNotWrite: It can't be written.
    """
    with new_file(path) as file:
        path.chmod(0o600)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    try:
        yield
    except (BadInput, NotPermitted):
        path.unlink(missing_ok=True)
        raise


def write_table(file: Path | None, rows: Iterable[Sequence[object]]) -> None:
    """Write rows, the heading first, as CSV into a new file, or print them where none is named.

    A cell that a spreadsheet would run as a formula begins with an apostrophe.
    """
    text = csv_text.to_text(rows)
    if file is None:
        output.show_text(text)
        return
    with new_file(file) as opened:
        opened.write(text.encode())
    output.say(f"{file} written.")


def _not_written(path: Path, fault: OSError) -> CanNotWrite:
    return CanNotWrite(f"the file can't be written: {fault.strerror}", where=str(path))
