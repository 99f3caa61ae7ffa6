"""Phones' lines and their passwords, over the people's API."""

import json

from support.running_hub import RunningHub

MAC = "00:1B:54:C2:9A:{:02X}"


def test_a_line_gets_a_generated_password_that_only_reveal_shows(running: RunningHub) -> None:
    mac = MAC.format(4)
    running.phone(running.site("Passwords"), mac)
    shown = running.do("POST", f"/phones/{mac}/lines/1/password/reveal")["password"]
    assert len(shown) == 24
    assert shown.isalnum()
    for path in (f"/phones/{mac}", f"/phones/{mac}/lines", "/audit?limit=5000", f"/phones/{mac}/settings"):
        assert shown not in json.dumps(running.do("GET", path))
    newest = running.do("GET", "/audit?limit=1")["items"][0]
    assert (newest["who"], newest["action"], newest["object"]) == ("administrator", "line.reveal", f"{mac} line 1")


def test_a_password_is_rotated_and_a_given_one_is_kept(running: RunningHub) -> None:
    mac = MAC.format(5)
    running.phone(running.site("Rotation"), mac)
    reveal = f"/phones/{mac}/lines/1/password/reveal"
    before = running.do("POST", reveal)["password"]
    running.do("POST", f"/phones/{mac}/lines/1/password/rotate")
    after = running.do("POST", reveal)["password"]
    assert before != after
    running.do("PUT", f"/phones/{mac}/lines/1", {"password": "from-the-old-pbx"})
    assert running.do("POST", reveal)["password"] == "from-the-old-pbx"
    running.do("PUT", f"/phones/{mac}/lines/1", {"label": "Anna again"})
    assert running.do("POST", reveal)["password"] == "from-the-old-pbx"


def test_a_phones_lines_share_one_credential_as_its_firmware_wants(running: RunningHub) -> None:
    mac = MAC.format(6)
    running.phone(running.site("Two lines"), mac)
    running.do("PUT", f"/phones/{mac}/lines/2", {"name": "202"})
    passwords = [running.do("POST", f"/phones/{mac}/lines/{index}/password/reveal")["password"] for index in (1, 2)]
    assert passwords[0] == passwords[1]
    assert running.publish(dry_run=True, sites=["two-lines"])["sites"][0]["release"] is None
    running.do("DELETE", f"/phones/{mac}/lines/1")
    assert len(running.do("POST", f"/phones/{mac}/lines/2/password/reveal")["password"]) == 24


def test_a_line_beyond_the_keys_or_a_label_beyond_the_limit_is_refused_at_once(running: RunningHub) -> None:
    mac = MAC.format(7)
    running.phone(running.site("Limits"), mac)
    beyond = running.ask("PUT", f"/phones/{mac}/lines/7", {"name": "207"})
    assert (beyond.status, beyond.json["kind"]) == (422, "limit-exceeded")
    long = running.ask("PUT", f"/phones/{mac}/lines/1", {"label": "x" * 31})
    assert long.json["kind"] == "limit-exceeded"
    assert "featureLabel" in long.json["where"]
    assert running.ask("PUT", f"/phones/{mac}/lines/2", {}).json["kind"] == "bad-name"
    assert running.ask("DELETE", f"/phones/{mac}/lines/3").json["kind"] == "unknown-line"
