"""Files that commands write for PBXes, which run as other users than whoever writes them."""

import os
import stat
from pathlib import Path

from ringfence.cli.support.errors import BadArgument, CanNotWrite


def root_alone_reads(path: str) -> bool:
    """Return whether nobody but root can read a file."""
    found = Path(path).stat()
    return found.st_uid == 0 and (found.st_gid == 0 or not found.st_mode & stat.S_IRGRP)


def write_pbx_file(folder: Path, name: str, text: str, *, is_key: bool = False) -> Path:
    """Write a whole file: one that is replaced keeps its owner and mode, a new one belongs to its folder's owner.

    A PBX gives up root's rights: a file that root alone can read takes away its accounts at its next start.

    Args:
        folder: The folder of the PBX's files; made where it is not there.
        name: The file's name below it.
        text: What is to be in it.
        is_key: Whether its owner alone may read it, whoever may read the folder's files.

    Raises:
        BadArgument: The name leads out of the folder.
        CanNotWrite: It can't be written.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadArgument(f"{name!r} is not the name of a file below the folder", where=str(folder))
    try:
        _make_folder(path.parent)
        temporary = path.with_name(path.name + ".new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            model = path if path.exists() else path.parent
            _give_to_owner_of(file.fileno(), model)
            mode = stat.S_IMODE(path.stat().st_mode) if model == path else _new_mode(model)
            os.fchmod(file.fileno(), 0o600 if is_key else mode)
        temporary.replace(path)
    except OSError as fault:
        raise CanNotWrite(f"the file can't be written: {fault.strerror}", where=str(path)) from None
    return path


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _give_to_owner_of(folder, folder.parent)


def _give_to_owner_of(made: int | Path, model: Path) -> None:
    """Give a file to whom another belongs; only root can, and for everybody else there is nothing to do."""
    if os.geteuid() == 0:
        found = model.stat()
        os.chown(made, found.st_uid, found.st_gid)


def _new_mode(folder: Path) -> int:
    """Return the mode of a new file: root's folders are read by their group, where that is a PBX's."""
    found = folder.stat()
    return 0o640 if found.st_uid == 0 and found.st_gid != 0 else 0o600
