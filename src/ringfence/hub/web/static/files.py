"""The static files, each under a name that changes with what it holds, so that browsers may keep it for good."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from fastapi import APIRouter, Response

from ringfence.hub.errors import NothingHere
from ringfence.hub.people.rights import OPEN_BELOW

router = APIRouter()

_TYPES = {"ringfence.css": "text/css", "ringfence.js": "text/javascript", "passkeys.js": "text/javascript",
          "icon.svg": "image/svg+xml"}  # fmt: skip
_KEPT = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is served."""

    name: str
    media_type: str
    data: bytes


@cache
def static_files() -> dict[str, StaticFile]:
    """Return every file by its own name; that is all that is ever served."""
    return {name: _load(name, media_type) for name, media_type in _TYPES.items()}


def path_of(name: str) -> str:
    """Return the path of a file, for pages."""
    return OPEN_BELOW + static_files()[name].name


@router.get(OPEN_BELOW + "{name}")
def show_static_file(name: str) -> Response:
    """Show a static file."""
    found = next((each for each in static_files().values() if each.name == name), None)
    if found is None:
        raise NothingHere("there is no such file", to_do="Load the page anew.")
    headers = {"Cache-Control": _KEPT, "X-Content-Type-Options": "nosniff"}
    return Response(found.data, media_type=found.media_type, headers=headers)


def _load(name: str, media_type: str) -> StaticFile:
    data = (resources.files(__package__) / name).read_bytes()
    stem, _dot, kind = name.partition(".")
    return StaticFile(f"{stem}.{hashlib.sha256(data).hexdigest()[:16]}.{kind}", media_type, data)
