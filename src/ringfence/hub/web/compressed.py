"""Compression of what the hub's own pages ask for.

How long a compressed page is says something of what it holds. Another site could learn a secret of it letter by letter,
if it had a browser ask again and again with a text of its own choice (BREACH, https://breachattack.com). So a page is
compressed only where the browser says that one of the hub's own pages asks, or its user; what is served from cookies to
anybody else's page is not. Programs, which use the API, and live streams get everything as it is.
"""

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from ringfence.hub.people.rights import OPEN_BELOW

SMALLEST_BYTES = 1000
_LEVEL = 6
_API = "/api/"
_OWN = frozenset({"same-origin", "none"})


class PagesCompressed:
    """Compresses the answers to requests of the hub's own pages, and hands all others on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressed = GZipMiddleware(app, SMALLEST_BYTES, _LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, to be compressed or not."""
        is_own = scope["type"] == "http" and _may_be_compressed(scope)
        await (self._compressed if is_own else self._app)(scope, receive, send)


def _may_be_compressed(scope: Scope) -> bool:
    if scope["path"].startswith(OPEN_BELOW):
        return True  # the same for everybody
    return not scope["path"].startswith(_API) and Headers(scope=scope).get("sec-fetch-site") in _OWN
