"""Modules that a process is not to have, though they are installed: for one that is small, or reads strangers' packets.

To be called before whatever would import them.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

HASHES = "_hashlib"
"""libcrypto, for hashlib, which has digests of its own."""
TYPING = "typing_extensions"
"""Comes with libraries of the hub; msgspec takes it where it is, and does without it."""
HARDWARE_KEYS = "pkcs11"
"""Comes with the hub's extra for hardware keys; what checks metadata loads it where it is, as it can sign too."""
CLOUD_KEYS = ("azure", "boto3", "google", "hvac")
"""May be installed for other programs; what checks metadata loads it for the same reason."""

OTHER_ARCHIVES = ("bz2", "lzma")
"""With their C libraries; shutil takes them where they are, for archives that nobody asks an edge for."""


def leave_out(*names: str) -> None:
    """Have each import of these fail as if they were not installed; what is loaded already stays."""
    for name in names:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type] # so the import system is told that there is none


def put_off_metadata() -> None:
    """Have ``importlib.metadata`` loaded once something of it is used: urllib3 imports a function that it never calls.

    It brings ``zipfile``, ``csv`` and much of ``email``.
    """

    def real() -> ModuleType:
        sys.modules.pop("importlib.metadata", None)
        return importlib.import_module("importlib.metadata")

    def version(name: str) -> str:
        """Return the version of a distribution."""
        return str(real().version(name))

    def look_up(name: str) -> Any:  # noqa: ANN401 - whatever the module has
        if name.startswith("__"):  # the import system's own questions, such as whether it is a package
            raise AttributeError(name)
        return getattr(real(), name)

    stand_in = ModuleType("importlib.metadata")
    stand_in.__dict__.update(version=version, __getattr__=look_up)
    sys.modules.setdefault("importlib.metadata", stand_in)
