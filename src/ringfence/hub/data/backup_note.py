"""When the hub was last copied, noted in its data folder beside what the copy was made of.

A file and not a row: a copy may be made by another version of the program than the one that runs, which must not touch
the running hub's tables.
"""

import json

from ringfence.hub.data.folder import DataFolder, acting_as_owner, replace_file

_NAME = "backup.json"


def write(folder: DataFolder, made_at: float) -> None:
    """Note that a copy of that moment (Unix seconds) is there.

    Raises:
        DataFolderUnusable: It can't be written.
    """
    with acting_as_owner(folder.path):
        replace_file(folder.path / _NAME, json.dumps({"made_at": made_at}).encode() + b"\n")


def read(folder: DataFolder) -> float | None:
    """Return of which moment the last copy is that is known; None where none is."""
    try:
        return float(json.loads((folder.path / _NAME).read_text())["made_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
