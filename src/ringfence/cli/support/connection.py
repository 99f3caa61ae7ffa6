"""The hub that this user is logged in to, and the paths of its resources."""

from urllib.parse import quote

from ringfence.cli.support.api import PeoplesApi, load_login
from ringfence.phones.mac import Mac


def hub() -> PeoplesApi:
    """Return the hub that this user is logged in to; NotLoggedIn says how to log in."""
    return PeoplesApi(load_login())


def segment(text: str) -> str:
    """Return a text as one segment of a path, whatever is in it; "." and ".." would be another path."""
    return text.replace(".", "%2E") if text in {".", ".."} else quote(text, safe="")


def site_path(site: str) -> str:
    """Return a site's path in the API."""
    return f"/sites/{segment(site)}"


def phone_path(mac: str) -> str:
    """Return a phone's path in the API; the address is checked here, so that a typing error shows at once."""
    return f"/phones/{Mac.parse(mac).bare}"
