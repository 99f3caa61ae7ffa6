"""API tokens, over the people's API."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from stack import wait_for
from support.running_hub import RunningHub


@pytest.mark.parametrize("token", ["", "rft_wrong", "rft_" + "x" * 43])
def test_without_a_good_token_everything_is_refused(running: RunningHub, token: str) -> None:
    for method, path in (("GET", "/sites"), ("POST", "/publish"), ("GET", "/whoami"), ("GET", "/settings/catalogue")):
        answer = running.ask(method, path, {} if method == "POST" else None, token=token)
        assert (answer.status, answer.json["kind"]) == (401, "not-signed-in")


def test_a_token_is_made_used_and_revoked_and_the_last_one_stays(running: RunningHub) -> None:
    made = running.do("POST", "/api-tokens", {"name": "monitoring"})
    listed: list[Any] = []  # Any: JSON

    def is_noted() -> bool:
        assert running.ask("GET", "/whoami", token=made["token"]).json["name"] == "monitoring"
        listed[:] = running.do("GET", "/api-tokens")["items"]
        return [item["last_used_at"] is not None for item in listed if item["id"] == made["id"]] == [True]

    wait_for("a use while nobody writes", is_noted)
    assert made["token"] not in json.dumps(listed)
    running.do("DELETE", f"/api-tokens/{made['id']}")
    assert running.ask("GET", "/whoami", token=made["token"]).status == 401
    (own,) = [item for item in listed if item["name"] == "administrator"]
    for other in running.do("GET", "/api-tokens")["items"]:  # those of other tests, too
        if other["id"] != own["id"]:
            running.do("DELETE", f"/api-tokens/{other['id']}")
    assert running.ask("DELETE", f"/api-tokens/{own['id']}").json["kind"] == "bad-selection"


def test_whoever_reads_waits_for_no_import_and_no_other_writer(running: RunningHub) -> None:
    made = running.do("POST", "/api-tokens", {"name": "monitoring"})
    with running.hub.database.writing() as session:
        session.execute(text("SELECT 1"))
        answer = running.ask("GET", "/whoami", token=made["token"])
        assert (answer.status, answer.json["name"]) == (200, "monitoring")
        used = {item["id"]: item["last_used_at"] for item in running.do("GET", "/api-tokens")["items"]}
    assert used[made["id"]] is None
