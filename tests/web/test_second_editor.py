"""Settings of phones and lines on pages, by two people at once; and drafts that are published at a time."""

import re
import time

import pytest

from support.paper import read, send
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:2E:01"


@pytest.fixture(scope="module")
def phone(running: RunningHub) -> str:
    running.phone(running.site("Two editors"), MAC)
    return MAC


def mark_of(page: str) -> str:
    (found,) = re.findall(r'name="shown" value="([^"]*)"', page)
    return str(found)


@pytest.mark.parametrize(
    ("path", "name", "first", "second"),
    [
        (f"/phones/{MAC}/settings", "time_zone", "Europe/Berlin", "Europe/Paris"),
        (f"/phones/{MAC}/lines/1/settings", "auto_answer", "yes", "no"),
        ("/settings/organisation", "time_zone", "Europe/Rome", "Europe/Oslo"),
    ],
)
def test_the_second_editor_sees_both_values_and_what_was_typed_stays(
    running: RunningHub, phone: str, path: str, name: str, first: str, second: str
) -> None:
    assert phone
    here = f"{path}/{name}"
    older = mark_of(read(running, here))
    assert send(running, here, {"value": first, "do": "set", "shown": older}).status == 303
    refused = send(running, here, {"value": second, "do": "set", "shown": older})
    text = refused.data.decode()
    assert (refused.status, "somebody else has changed this" in text.casefold()) == (409, True)
    assert second in text
    assert first in text
    gone = send(running, here, {"do": "unset", "shown": older})
    assert gone.status == 409, "nor is it taken away"
    assert send(running, here, {"value": second, "do": "set", "shown": mark_of(text)}).status == 303
    assert send(running, here, {"do": "unset"}).status == 303, "who says nothing of what they saw is believed"


def test_a_secret_is_in_no_mark(running: RunningHub, phone: str) -> None:
    here = f"/phones/{phone}/settings/ssh_password"
    marks = set()
    for value in ("Secret-one-1", "Secret-two-2"):
        assert send(running, here, {"value": value, "do": "set"}).status == 303
        page = read(running, here)
        assert value not in page
        marks.add(mark_of(page))
    assert len(marks) == 1


def test_a_lines_settings_say_where_they_come_from(running: RunningHub, phone: str) -> None:
    running.do("PUT", f"/settings/phones/{phone}/auto_answer", {"value": "true"})
    shown = read(running, f"/phones/{phone}/lines/1/settings")
    row = re.search(r'lines/1/settings/auto_answer">.*?</tr>', shown, re.DOTALL)
    assert row is not None
    assert "yes" in row[0]
    assert ">phone</td>" in row[0]
    assert running.raw("GET", f"/phones/{phone}/lines/9/settings").status in {200, 404}
    assert running.raw("GET", "/phones/00:1B:54:00:00:99/lines/1/settings").status == 404


def test_a_draft_is_published_at_a_time(running: RunningHub, phone: str) -> None:
    draft = running.do("POST", "/drafts", {"name": "Tonight", "shared": True})["id"]
    headers = {"Ringfence-Draft": draft}
    assert running.ask("PATCH", f"/phones/{phone}", {"description": "Later"}, headers=headers).status == 200
    here = f"/drafts/{draft}/publish"
    for at, said in (("", "There is no time"), ("soon", "no day and time"), ("2001-01-01T00:00", "in the future")):
        refused = send(running, here, {"do": "at", "at": at, "comment": "Kept <comment>"})
        text = refused.data.decode()
        assert (refused.status, said in text) == (422, True), text
        assert "Kept &lt;comment&gt;" in text
    tomorrow = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(running.clock() + 86_400))
    assert send(running, here, {"do": "at", "at": tomorrow}).status == 303
    assert running.do("GET", f"/drafts/{draft}")["publish_at"] is not None
    assert send(running, here, {"do": "not-at"}).status == 303
    assert running.do("GET", f"/drafts/{draft}")["publish_at"] is None
