"""A line for each event that people want to know, in words."""

import re
from typing import get_args

import pytest

from ringfence.server import events
from ringfence.server.standalone.transfer_log import as_text, line_of

EXAMPLES = (
    events.TransferFinished(0, "192.0.2.1", 50000, "f", None, 1, 0.1, 0, 0),
    events.TransferFailed(0, "192.0.2.1", 50000, "f", None, "it went silent"),
    events.RequestRefused(0, "192.0.2.1", 50000, "f", "there is no such file"),
    events.DecisionsCounted(0, "allow", "L1", 3),
    events.WindowChanged(0, "s", "w", "001122334455", "192.0.2.1", used=True),
    events.Banned(0, "192.0.2.1", 60, "it guessed names"),
    events.EventsDropped(0, 7),
)


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_no_line_names_a_class(event: events.WorkersOwnEvent) -> None:
    line = line_of(event, lambda _name: "there is no such file")
    text = "" if line is None else as_text(line)
    assert not re.search(r"\b[A-Z][a-z]+[A-Z]", text.partition(" ")[2])


def test_there_is_an_example_of_each_event() -> None:
    assert {type(each) for each in EXAMPLES} == set(get_args(events.WorkersOwnEvent))
