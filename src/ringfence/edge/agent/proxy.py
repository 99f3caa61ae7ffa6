"""The way to the hub through an HTTP proxy: as people set it for this edge, or as the environment says.

The hub is reached by CONNECT, so a proxy sees no more than its address. An edge's own setting counts before the
environment (HTTPS_PROXY, NO_PROXY), as service managers set none.
"""

import os
from urllib.parse import unquote, urlsplit

import urllib3

from ringfence.edge.errors import BadProxy

DIRECT = "none"
"""Instead of a proxy's address: none, whatever the environment says."""
_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def check_proxy(text: str) -> str:
    """Return a proxy's address as it is, or DIRECT.

    Raises:
        BadProxy: It is not ``http://[USER:PASSWORD@]HOST:PORT`` or the same with https.
    """
    if text == DIRECT:
        return text
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port is not None
    except ValueError:
        is_good = False
    if not is_good or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise BadProxy(
            "this is not a proxy's address", where=text.rpartition("@")[2][:80],
            to_do=f"Write it like http://proxy.example.org:3128, or {DIRECT}.",
        )  # fmt: skip
    return text


def proxy_for(hub_url: str, own: str) -> str:
    """Return the proxy by which a hub is reached, empty for none; ``own`` is what was set for this edge.

    Raises:
        BadProxy: The environment names one that can't be used.
    """
    if own:
        return "" if own == DIRECT else own
    told = next((value for name in _VARIABLES if (value := os.environ.get(name))), "")
    if not told:
        return ""
    from urllib.request import proxy_bypass  # noqa: PLC0415 - few edges need what it loads

    if proxy_bypass(urlsplit(hub_url).netloc.rpartition("@")[2]):
        return ""
    return check_proxy(told if "://" in told else f"http://{told}")


def without_password(proxy: str) -> str:
    """Return a proxy's address for people."""
    parts = urlsplit(proxy)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def manager_for(proxy: str, **how: object) -> urllib3.PoolManager:
    """Return what makes pools of connections through a proxy, or without one if it is empty."""
    if not proxy:
        return urllib3.PoolManager(**how)  # type: ignore[arg-type]  # the same for both, checked where it is called
    parts = urlsplit(proxy)
    headers = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = dict(urllib3.make_headers(proxy_basic_auth=pair))
    address = without_password(proxy)
    return urllib3.ProxyManager(address, proxy_headers=headers, **how)  # type: ignore[arg-type]  # as above
