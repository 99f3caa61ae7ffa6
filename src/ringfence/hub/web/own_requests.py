"""Requests that a page makes of the hub's own API, in the name of whoever has sent it."""

import json
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from anyio import from_thread
from fastapi import Request

from ringfence.content.digests import Digest
from ringfence.hub.core import Hub
from ringfence.hub.people import rights, uploads
from ringfence.hub.people.callers import Caller
from ringfence.hub.people.draft_requests import PLAYER, DraftPlayer, PlayedRequest
from ringfence.imports.hub_requests import Json, require_success

_UPLOADS = "/uploads/"
_PAGE = 1000


class OwnRequests:
    """A hub's API for a handler that runs in a thread; what its caller may not do, this may not do either."""

    def __init__(self, request: Request, hub: Hub, caller: Caller) -> None:
        self._scope, self._hub, self._caller = request.scope, hub, caller

    def get(self, path: str, **query: str | int | None) -> Json:
        """Return what is at a path of the API."""
        return self._ask("GET", path, query)

    def items(self, path: str, *, limit: int | None = None, **query: str | int | None) -> list[Json]:
        """Return all items of a list, or its first ``limit``."""
        found: list[Json] = []
        cursor: str | None = None
        while True:
            answer = self.get(path, limit=_PAGE, cursor=cursor, **query)
            found += answer["items"]
            cursor = answer.get("next")
            if cursor is None or (limit is not None and len(found) >= limit):
                return found[:limit]

    def post(self, path: str, body: Json | None = None) -> Json:
        """Post a body; return the answer."""
        return self._ask("POST", path, {}, json.dumps(body or {}).encode())

    def upload(self, path: str, parts: Iterator[bytes]) -> Json:
        """Take a file's bytes as the organisation's."""
        self._check("PUT", path)
        uploads.take(self._hub, self._caller.name, Digest(path.removeprefix(_UPLOADS)), parts)
        return {"here": True}

    def _ask(self, method: str, path: str, query: Mapping[str, str | int | None], body: bytes = b"") -> Json:
        self._check(method, path)
        said = urlencode({name: value for name, value in query.items() if value is not None})
        asked = PlayedRequest(method, f"{rights.V1}{path}" + (f"?{said}" if said else ""), body)
        player: DraftPlayer = self._scope["state"][PLAYER]
        played = from_thread.run(player.ask, self._scope, self._hub, self._caller, asked)
        return require_success(played.status, json.loads(played.body) if played.body else {})

    def _check(self, method: str, path: str) -> None:
        rights.check(self._caller.role, method, rights.V1 + path, is_limited=self._caller.is_limited)
