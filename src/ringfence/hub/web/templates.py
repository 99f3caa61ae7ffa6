"""The pages' templates: everything that is filled in is text, and what is missing is an error."""

import shlex
from functools import cache
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from ringfence.counted import counted
from ringfence.hub.fleet import access_scopes
from ringfence.hub.web import moments
from ringfence.hub.web.static import files
from ringfence.phones.mac import Mac

_STEP = 1000


@cache
def environment() -> Environment:
    """Return the environment of all pages."""
    made = Environment(
        loader=PackageLoader("ringfence.hub", "web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"static": files.path_of, "counted": counted, "mac": Mac}
    made.filters |= {"ago": moments.ago, "utc": moments.utc, "iso": moments.iso, "lasts": moments.lasts}
    made.filters |= {"scope": access_scopes.in_words}
    made.filters |= {"segment": _segment, "shell": shlex.quote, "bytes": _bytes, "typed": typed}
    return made


def _segment(text: object) -> str:
    """Return a text as one part of a path."""
    return quote(str(text), safe="")


def typed(value: object) -> str:
    """Return a setting's value as somebody would type it."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _bytes(size: float) -> str:
    """Return a number of bytes in its largest unit."""
    for unit in ("bytes", "kB", "MB"):
        if size < _STEP:
            return f"{size:,.0f} {unit}"
        size /= _STEP
    return f"{size:,.1f} GB"


def render(template: str, /, **values: object) -> str:
    """Return a page."""
    return environment().get_template(template).render(values)
