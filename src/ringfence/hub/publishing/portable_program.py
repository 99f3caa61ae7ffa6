"""Writes ``ringfence-portable``: one file that any Python from 3.11 on runs, which knows this hub's signatures.

It holds the modules of ours that the portable needs, the pure libraries with their licences, and the hub's public key.
"""

import importlib.metadata
import io
import zipfile
from importlib import import_module
from pathlib import Path

from ringfence import __version__
from ringfence.hub.core import Hub
from ringfence.hub.publishing import bundle_file

OURS = (
    "ringfence", "ringfence.errors", "ringfence.secret", "ringfence.printable", "ringfence.portable",
    "ringfence.tftp", "ringfence.content", "ringfence.content.errors", "ringfence.content.names",
    "ringfence.content.release", "ringfence.content.digests", "ringfence.phones", "ringfence.phones.errors",
    "ringfence.phones.mac", "ringfence.phones.filenames",
)  # fmt: skip
"""Modules; of ``portable`` and ``tftp``, all that they have."""
_WHOLE = ("ringfence.portable", "ringfence.tftp")
_LIBRARIES = {
    "tlslite-ng": tuple(
        f"tlslite/{name}.py"
        for name in (
            "__init__", "utils/__init__", "utils/chacha", "utils/chacha20_poly1305", "utils/codec", "utils/compat",
            "utils/constanttime", "utils/cryptomath", "utils/deprecations", "utils/poly1305", "utils/tlshashlib",
            "utils/tlshmac", "utils/x25519",
        )
    ),
    "ecdsa": tuple(
        f"ecdsa/{name}.py"
        for name in (
            "__init__", "_compat", "_rwlock", "_sha3", "_version", "curves", "der", "ecdh", "ecdsa", "eddsa",
            "ellipticcurve", "errors", "keys", "numbertheory", "rfc6979", "ssh", "util",
        )
    ),
    "six": ("six.py",),
}  # fmt: skip
"""Distributions, and which of their files. What tlslite-ng's package loads at its start is left out: see
``pure_primitives``."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_START = '''\
"""ringfence-portable {version}: serves one home's phones from an encrypted bundle."""

import sys

if sys.version_info < (3, 11):
    sys.exit("ringfence-portable needs Python 3.11 or newer; this is " + sys.version.split()[0])

from ringfence.portable.run import main
from ringfence.portable.watching import HubKeys

sys.exit(main(sys.argv[1:], HubKeys(bytes.fromhex({key!r}), {authority!r})))
'''


def make(hub: Hub) -> bytes:
    """Return the program as a zip file that Python runs; the same bytes for the same version, hub and libraries."""
    authority = "" if hub.config.people_certificate else hub.authority.pem
    start = _START.format(version=__version__, key=bundle_file.signing_key(hub).hex(), authority=authority)
    files = {"__main__.py": start.encode(), **_ours(), **_libraries()}
    packed = io.BytesIO(b"#!/usr/bin/env python3\n")
    packed.seek(0, io.SEEK_END)
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, files[name])
    return packed.getvalue()


def _ours() -> dict[str, bytes]:
    found = {}
    for name in OURS:
        source = Path(str(import_module(name).__file__))
        is_package = source.name == "__init__.py"
        path = name.replace(".", "/")
        found[f"{path}/__init__.py" if is_package else f"{path}.py"] = source.read_bytes()
        if name in _WHOLE:
            for file in source.parent.glob("*.py"):
                found[f"{path}/{file.name}"] = file.read_bytes()
    return found


def _libraries() -> dict[str, bytes]:
    found = {}
    for name, files in _LIBRARIES.items():
        distribution = importlib.metadata.distribution(name)
        for file in files:
            found[file] = Path(str(distribution.locate_file(file))).read_bytes()
        for each in distribution.files or ():
            if each.name.upper().startswith(("LICENSE", "LICENCE", "COPYING")) and ".dist-info" in str(each):
                found[f"licences/{name}/{each.name}"] = Path(str(distribution.locate_file(each))).read_bytes()
    return found
