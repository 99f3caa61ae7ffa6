"""What Macs, Windows and network drives put into folders and archives beside people's files; no phone asks for it."""

import re

_FOLDERS = frozenset(
    {"__macosx", ".appledouble", ".fseventsd", ".spotlight-v100", ".temporaryitems", ".trashes", "$recycle.bin",
     "system volume information", "@eadir"}
)  # fmt: skip
_FILES = re.compile(r"\._.*|\.ds_store|\.localized|icon\r|thumbs\.db|ehthumbs(?:_vista)?\.db|desktop\.ini", re.DOTALL)


def is_litter(path: str) -> bool:
    """Return whether a path, with ``/`` between its parts, is a file that some system made for itself."""
    *folders, name = path.casefold().split("/")
    return not _FOLDERS.isdisjoint(folders) or _FILES.fullmatch(name) is not None
