"""Long answers are handed on in parts, and nothing of them changes."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from ringfence.hub.process.answers_in_parts import PART_BYTES, AnswersInParts

START = {"type": "http.response.start", "status": 200, "headers": []}


def through(messages: list[Message], kind: str = "http") -> list[Message]:
    sent: list[Message] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(AnswersInParts(app)({"type": kind}, receive, send))
    return sent


@pytest.mark.parametrize("length", [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES, 100_003])
@pytest.mark.parametrize("more", [True, False])
def test_a_body_is_the_same_in_parts(length: int, more: bool) -> None:
    body = bytes(index % 251 for index in range(length))
    first, *parts = through([START, {"type": "http.response.body", "body": body, "more_body": more}])
    assert first == START
    assert b"".join(part["body"] for part in parts) == body
    assert max(len(part["body"]) for part in parts) <= PART_BYTES
    assert [part["more_body"] for part in parts] == [True] * (len(parts) - 1) + [more]


def test_what_is_no_long_body_goes_on_as_it_is() -> None:
    others: list[Message] = [START, {"type": "http.response.body"}, {"type": "http.response.trailers"}]
    assert through(others) == others
    long: list[Message] = [{"type": "websocket.send", "bytes": bytes(2 * PART_BYTES)}]
    assert through(long, "websocket") == long
