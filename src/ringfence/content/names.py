"""Names of the files that phones ask for."""

import functools
import re

from ringfence.content.errors import BadName

LONGEST_BYTES = 255
_NAMES_REMEMBERED = 1024  # phones ask for the same few, all the time; what is no name is judged anew each time
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@functools.lru_cache(maxsize=_NAMES_REMEMBERED)
def normalise(raw: str) -> str:
    r"""Return ``raw`` in the one form that releases and catalogues use: names with one ``/`` between each two.

    Phones and boot loaders ask for ``/g3-tones.xml``, ``Communicator\file``, ``./file`` and ``folder//file``: parts
    that are empty or ``.`` say nothing, and are dropped (PHONES.md section 1b).

    Raises:
        BadName: It could leave the catalogue or a log line: ``..``, nothing but separators, control characters, NUL,
            more than 255 bytes.
    """
    name = raw.replace("\\", "/").lstrip("/")
    if len(name.encode("utf-8", "surrogateescape")) > LONGEST_BYTES:
        raise BadName(f"a file name has more than {LONGEST_BYTES} bytes", where=repr(name[:40]) + "…")
    if _CONTROL.search(name):
        raise BadName("a file name contains a control character", where=repr(name[:80]))
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if not parts:
        raise BadName("a file name is empty", to_do="Give a name such as SEP001122334455.cnf.xml.")
    if ".." in parts:
        raise BadName("a file name has a '..' part", where=repr(name[:80]))
    return "/".join(parts)
