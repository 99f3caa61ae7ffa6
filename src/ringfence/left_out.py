"""Modules that a process is not to have, though they are installed: for one that is small, or reads strangers' packets.

To be called before whatever would import them.
"""

import sys

HASHES = "_hashlib"
"""libcrypto, for hashlib, which has digests of its own."""
TYPING = "typing_extensions"
"""Comes with libraries of the hub; msgspec takes it where it is, and does without it."""
HARDWARE_KEYS = "pkcs11"
"""Comes with the hub's extra for hardware keys; what checks metadata loads it where it is, as it can sign too."""

OTHER_ARCHIVES = ("bz2", "lzma")
"""With their C libraries; shutil takes them where they are, for archives that nobody asks an edge for."""


def leave_out(*names: str) -> None:
    """Have each import of these fail as if they were not installed; what is loaded already stays."""
    for name in names:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type] # so the import system is told that there is none
