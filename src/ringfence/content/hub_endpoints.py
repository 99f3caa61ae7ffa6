"""Where a site's edges find their hub, and by which CAs they know it: signed, as a part of the site's root metadata.

So a hub can move: an edge takes news of its addresses only from who holds the site's root key, whatever answers at an
address.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509

MOST_URLS = 16
MOST_AUTHORITIES = 4
LONGEST_URL = 300
LONGEST_AUTHORITY = 8192


@dataclass(frozen=True, slots=True)
class HubEndpoints:
    """The device listener's addresses (``https://host:port``), in the order in which edges try them, and the CAs.

    ``authorities``: certificates in PEM. Each of them vouches for the hub; the first one issues edges' certificates.
    Both are empty where nothing was signed: then what an edge got when it enrolled counts.
    """

    urls: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """A short name for exactly this: 64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.to_field(), sort_keys=True).encode()).hexdigest()

    def to_field(self) -> dict[str, list[str]]:
        """Return it as a JSON object."""
        return {"urls": list(self.urls), "authorities": list(self.authorities)}

    @classmethod
    def from_field(cls, value: Any) -> "HubEndpoints":  # noqa: ANN401 - JSON; each value is checked below
        """Read what ``to_field`` made; nothing at all is read as unknown endpoints.

        Raises:
            ValueError: It has another form, or more than there can be.
        """
        if value is None:
            return cls()
        if not isinstance(value, dict):
            raise ValueError("the hub's endpoints are not an object")  # noqa: TRY004 - one kind of error for all
        urls = _texts(value.get("urls"), MOST_URLS, LONGEST_URL)
        authorities = _texts(value.get("authorities"), MOST_AUTHORITIES, LONGEST_AUTHORITY)
        for url in urls:
            check_url(url)
        for authority in authorities:
            x509.load_pem_x509_certificate(authority.encode())
        return cls(urls, authorities)


def check_url(url: str) -> str:
    """Return an address of a device listener as it is.

    Raises:
        ValueError: It is not ``https://host`` or ``https://host:port``.
    """
    parts = urlsplit(url)
    is_bare = parts.path in {"", "/"} and not parts.query and not parts.fragment and parts.username is None
    if parts.scheme != "https" or not parts.hostname or not is_bare or parts.port == 0 or len(url) > LONGEST_URL:
        raise ValueError(f"{url[:80]!r} is not an address such as https://hub.example.org:8444")
    return url


def _texts(value: Any, most: int, longest: int) -> tuple[str, ...]:  # noqa: ANN401 - as above
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise ValueError(f"the hub's endpoints have no list of 1 to {most} texts")
    if not all(isinstance(text, str) and 0 < len(text) <= longest for text in value):
        raise ValueError(f"the hub's endpoints have a text that is empty or longer than {longest}")
    return tuple(value)
