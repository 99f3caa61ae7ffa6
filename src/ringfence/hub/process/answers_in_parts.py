"""Answers go to the protocol in parts, so that one who reads slowly holds a part in memory and not the whole.

A body that is handed over at once is written at once, however long it is; between parts the protocol waits until its
reader has taken enough (``MOST_WAITING_BYTES`` in ``bounded_http.py``).
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PART_BYTES = 32 * 1024
_BODY = "http.response.body"


class AnswersInParts:
    """Hands requests on, and bodies of answers in parts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""

        async def send_in_parts(message: Message) -> None:
            body = message.get("body", b"") if message["type"] == _BODY else b""
            at = 0
            while len(body) - at > PART_BYTES:
                await send({"type": _BODY, "body": body[at : at + PART_BYTES], "more_body": True})
                at += PART_BYTES
            await send({**message, "body": body[at:]} if at else message)

        await self._app(scope, receive, send_in_parts if scope["type"] == "http" else send)
