"""A refusal is one line, and a flood of them is one line a minute with their number."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from ringfence.hub import counted_refusals, logs
from ringfence.hub.counted_refusals import CountedRefusals


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    monkeypatch.setattr(counted_refusals, "LOGGED_EVERY_S", 0.1)
    written = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure(written)
    yield written
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_each_kind_is_logged_at_once_and_then_by_number(lines: io.StringIO) -> None:
    async def refuse() -> None:
        refusals = CountedRefusals(logs.get("test"), "refused")
        for number in range(1000):
            refusals.note("too many", peer=f"192.0.2.{number % 250}")
        refusals.note("too long", peer="192.0.2.9")
        await asyncio.sleep(0.35)
        refusals.note("too long", peer="192.0.2.10")

    asyncio.run(refuse())
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [(each["kind"], each["count"], each["peer"]) for each in told] == [
        ("too many", 1, "192.0.2.0"),
        ("too long", 1, "192.0.2.9"),
        ("too many", 999, "192.0.2.249"),
        ("too long", 1, "192.0.2.10"),
    ]
