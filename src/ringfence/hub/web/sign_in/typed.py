"""What somebody typed into a form whose session had ended: their browser keeps it until they are signed in again."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from ringfence.hub.people.forms import TOKEN, Form

MOST_BYTES = 32 << 10
_SECRET = re.compile(r"passw|secret|passphrase|\bcode\b|_key\b", re.IGNORECASE)
_VALUE = "value"
"""What forms of settings call the setting's value; whether that is a secret, their path says."""
_LONGEST_PATH = 2000


def kept(path: str, form: Form) -> str:
    """Return what is kept of a form that was sent to a path; secrets are not, nor is a form that is too long."""
    fields = {
        name: text
        for name, text in form.items()
        if name != TOKEN and not _SECRET.search(name) and not (name == _VALUE and _SECRET.search(path))
    }
    told = urlencode(fields)
    return told if len(told) <= MOST_BYTES else ""


def fields(told: str) -> Mapping[str, str]:
    """Return the fields that were kept."""
    try:
        return dict(parse_qsl(told[:MOST_BYTES], keep_blank_values=True, max_num_fields=1000))
    except ValueError:
        return {}


def own_path(text: str) -> str:
    """Return a path of this hub's pages to go on to; the first page for all that might lead elsewhere.

    Browsers drop tabs and line ends from addresses, and take a backslash for a slash.
    """
    plain = unquote(text)
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    is_own = text.startswith("/") and not plain.startswith("//") and not (parts.scheme or parts.netloc)
    if not is_own or len(text) > _LONGEST_PATH or re.search(r"[\x00-\x20\x7f\\]", plain.partition("?")[0]):
        return "/"
    return text if text.isascii() and text.isprintable() and " " not in text else "/"
