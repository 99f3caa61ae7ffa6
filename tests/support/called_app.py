"""The people's API of a hub that nobody serves, called in the test's own process."""

import asyncio
import json
from collections.abc import Mapping

from starlette.types import Message, Scope

from ringfence.hub.core import Hub
from ringfence.hub.web.app import web_app
from ringfence.secret import Secret
from support.running_hub import Answer

ADDRESS = "198.51.100.7"
"""Where its requests come from."""


class CalledApp:
    """Calls a hub's people's API with a token."""

    def __init__(self, hub: Hub, token: Secret) -> None:
        self._app, self._token = web_app(hub), token

    def ask(self, method: str, url: str, body: object = None, draft: str = "") -> Answer:
        """Make a request, in a draft if one is named; a body of bytes is sent as it is, another one as JSON."""
        return asyncio.run(self._ask(method, url, body, {"ringfence-draft": draft} if draft else {}))

    async def _ask(self, method: str, url: str, body: object, further: Mapping[str, str]) -> Answer:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        path, _mark, query = url.partition("?")
        headers = {
            "host": "hub.example.org", "authorization": f"Bearer {self._token.reveal()}",
            "content-length": str(len(data)), "content-type": "application/json", **further,
        }  # fmt: skip
        scope: Scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "https",
            "path": path, "raw_path": path.encode(), "root_path": "", "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": (ADDRESS, 1234), "server": ("hub.example.org", 443),
        }  # fmt: skip
        said: list[Message] = []
        messages = iter([{"type": "http.request", "body": data, "more_body": False}])

        async def receive() -> Message:
            return next(messages, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            said.append(message)

        await self._app(scope, receive, send)
        answer = b"".join(message.get("body", b"") for message in said)
        return Answer(said[0]["status"], answer, {})
