"""Pages of concentrators, read as they come: a token is shown once, what was typed stays, and keys are changed."""

import re
from collections.abc import Iterator

import pytest

from ringfence.hub.store.network_models import ConcentratorRow
from ringfence.identity.tokens import TunnelToken
from support.paper import read, send
from support.running_hub import RunningHub

KEY = "B" * 43 + "="


@pytest.fixture
def concentrator(running: RunningHub) -> Iterator[str]:
    made = running.do("POST", "/concentrators", {"name": "Köln", "networks": ["192.0.2.0/24"]})["concentrator"]["id"]
    with running.hub.change("test") as change:
        change.session.get_one(ConcentratorRow, made).public_key = KEY
    yield made
    running.ask("DELETE", f"/concentrators/{made}")


def form_of(page: str) -> dict[str, str]:
    (networks,) = re.findall(r'<textarea id="networks"[^>]*>\n([^<]*)</textarea>', page)
    (position,) = re.findall(r'<input id="position" name="position" type="text" value="([^"]*)"', page)
    (shown,) = re.findall(r'name="shown" value="([^"]*)"', page)
    return {"networks": networks, "position": position, "shown": shown}


def test_a_token_is_made_and_shown_once(running: RunningHub) -> None:
    typed = {"name": "Berlin & Süd", "networks": "192.0.2.10/32\n192.0.2.11/32\n"}
    refused = send(running, "/concentrators/-/new", {**typed, "name": ""})
    assert (refused.status, "192.0.2.11/32" in refused.data.decode()) == (422, True)
    answer = send(running, "/concentrators/-/new", typed)
    assert answer.status == 200
    (text,) = re.findall(r"tunnel enrol (\S+)", answer.data.decode())
    assert TunnelToken.from_text(text).site == "Berlin & Süd"
    shown = running.do("GET", "/concentrators/Berlin%20%26%20S%C3%BCd")
    assert shown["networks"] == ["192.0.2.10/32", "192.0.2.11/32"]
    listed = read(running, "/concentrators")
    assert "Berlin &amp; Süd" in listed
    assert "not enrolled" in listed
    here = f"/concentrators/{shown['id']}"
    assert text not in read(running, here)
    assert "Berlin &amp; Süd" in read(running, f"{here}/remove")
    assert send(running, f"{here}/remove", {}).status == 303
    assert running.raw("GET", here).status == 404


def test_networks_and_place_are_changed_and_what_is_refused_stays_typed(running: RunningHub, concentrator: str) -> None:
    here = f"/concentrators/{concentrator}"
    form = form_of(read(running, here))
    assert form["networks"] == "192.0.2.0/24"
    assert send(running, here, {**form, "networks": "192.0.2.0/25", "position": "7"}).status == 303
    shown = running.do("GET", here)
    assert (shown["networks"], shown["position"]) == (["192.0.2.0/25"], 7)
    assert send(running, here, form).status == 409, "somebody else has changed it"
    newest = form_of(read(running, here))
    for name, value in (("networks", "everywhere"), ("position", "x"), ("position", "0")):
        answer = send(running, here, {**newest, name: value})
        assert (answer.status, value in answer.data.decode()) == (422, True)
    assert running.do("GET", here) == shown


def test_the_key_is_changed_by_a_button_that_is_gone_then(running: RunningHub, concentrator: str) -> None:
    here = f"/concentrators/{concentrator}"
    assert "Change the tunnel's key" in read(running, here)
    assert send(running, f"{here}/rotate-key", {}).status == 303
    assert running.do("GET", here)["key_changes"] is True
    page = read(running, here)
    assert "it changes" in page
    assert "Change the tunnel's key" not in page


def test_without_a_key_there_is_none_to_change(running: RunningHub) -> None:
    made = running.do("POST", "/concentrators", {"name": "Bonn"})["concentrator"]["id"]
    assert "Change the tunnel's key" not in read(running, f"/concentrators/{made}")
    answer = send(running, f"/concentrators/{made}/rotate-key", {})
    assert (answer.status, "has told no key" in answer.data.decode()) == (409, True)
    running.do("DELETE", f"/concentrators/{made}")
