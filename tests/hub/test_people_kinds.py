"""Models, groups, lines' settings, explanations, patches and templates, over the people's API."""

import pytest

from support.running_hub import RunningHub

MAC = "00:1B:54:D0:00:{:02X}"


def test_the_models_are_listed_with_what_is_known_of_them(running: RunningHub) -> None:
    models = {row["name"]: row for row in running.do("GET", "/models")["items"]}
    assert models["9971"]["family"] == "cisco-99xx"
    assert models["8851"]["http_first"] is True
    assert models["8941"]["http_first"] is None
    assert models["9971"]["facts"]["tls_ceiling"].startswith("certain: ")
    assert {row["family"] for row in running.do("GET", "/models?family=cisco-spa")["items"]} == {"cisco-spa"}


def test_the_nearest_scope_wins_from_the_organisation_to_the_line(running: RunningHub) -> None:
    site, mac = running.site("Scopes"), MAC.format(1)
    running.phone(site, mac)
    group = running.do("POST", "/groups", {"name": "Reception"})["id"]
    running.do("PATCH", f"/phones/{mac}", {"group": group})
    places = {
        "site": f"/settings/sites/{site}",
        "group": f"/settings/groups/{group}",
        "phone": f"/settings/phones/{mac}",
        "line": f"/settings/phones/{mac}/lines/1",
    }
    for number, (scope, path) in enumerate(places.items()):
        running.do("PUT", f"{path}/voicemail_number", {"value": f"*9{number}"})
        where = places["line"] if scope == "line" else places["phone"]
        held = running.do("GET", f"{where}/voicemail_number")
        assert (held["value"], held["scope"]) == (f"*9{number}", scope)
    said = running.do("GET", f"/phones/{mac}/explain?name=voicemail_number")["items"][0]
    assert [(given["scope"], given["value"]) for given in said["given"]] == [
        ("built-in", ""), ("site", "*90"), ("group", "*91"), ("phone", "*92"),
    ]  # fmt: skip
    assert [given["wins"] for given in said["given"]] == [False, False, False, True]
    assert said["given"][2]["place"] == "group reception"
    assert said["written"] == "*92"
    assert said["element"] == "messagesNumber"


def test_a_line_takes_only_settings_that_lines_have(running: RunningHub) -> None:
    site, mac = running.site("Lines only"), MAC.format(2)
    running.phone(site, mac)
    answer = running.ask("PUT", f"/settings/phones/{mac}/lines/1/time_zone", {"value": "Etc/UTC"})
    assert (answer.status, answer.json["kind"]) == (422, "bad-selection")
    answer = running.ask("PUT", f"/settings/phones/{mac}/lines/2/call_waiting", {"value": "no"})
    assert answer.status == 404


def test_what_a_group_or_line_sets_is_in_the_phones_file(running: RunningHub) -> None:
    site, mac = running.site("In the file"), MAC.format(3)
    running.phone(site, mac)
    group = running.do("POST", "/groups", {"name": "Doors"})["id"]
    running.do("PATCH", f"/phones/{mac}", {"group": group})
    running.publish(sites=[site])
    running.do("PUT", f"/settings/groups/{group}/phone_label", {"value": "Door"})
    running.do("PUT", f"/settings/phones/{mac}/lines/1/auto_answer", {"value": "yes"})
    running.do("PUT", f"/settings/phones/{mac}/patch:cisco-99xx:vendorConfig/loudSpeaker", {"value": "0"})
    (change,) = running.publish(sites=[site])["sites"]
    diff = change["files"][0]["diff"]
    assert "+    <phoneLabel>Door</phoneLabel>" in diff
    assert "+          <autoAnswerEnabled>1</autoAnswerEnabled>" in diff
    assert "<loudSpeaker>0</loudSpeaker>" in diff


def test_a_group_with_phones_is_not_removed_and_an_empty_one_is(running: RunningHub) -> None:
    mac = MAC.format(4)
    running.phone(running.site("Grouped"), mac)
    group = running.do("POST", "/groups", {"name": "Grouped"})["id"]
    running.do("PATCH", f"/phones/{mac}", {"group": group})
    assert [row["mac"] for row in running.do("GET", f"/phones?group={group}")["items"]] == [mac]
    assert running.ask("DELETE", f"/groups/{group}").json["kind"] == "group-not-empty"
    running.do("PATCH", f"/phones/{mac}", {"group": ""})
    running.do("DELETE", f"/groups/{group}")
    assert running.ask("PATCH", f"/phones/{mac}", {"group": group}).json["kind"] == "unknown-group"
    assert running.ask("POST", "/groups", {"name": "!!"}).json["kind"] == "bad-name"


def test_a_value_for_a_site_must_suit_the_models_that_stand_there(running: RunningHub) -> None:
    site = running.site("Small ones")
    running.do("POST", "/phones", {"mac": MAC.format(5), "site": site, "model": "8831"})
    answer = running.ask("PUT", f"/settings/sites/{site}/max_calls", {"value": "50"})
    assert "from 1 to 6" in answer.json["to_do"]
    running.do("PUT", f"/settings/sites/{running.site('Empty')}/max_calls", {"value": "50"})
    running.do("PUT", f"/settings/sites/{site}/resync_s", {"value": "60"})  # nobody there has it: for phones to come


def test_patches_are_checked_and_their_secrets_hidden(running: RunningHub) -> None:
    site, mac = running.site("Patches"), MAC.format(6)
    running.phone(site, mac)
    path = f"/settings/phones/{mac}"
    assert running.ask("PUT", f"{path}/patch:cisco-99xx:a//b", {"value": "0"}).json["kind"] == "bad-patch"
    running.do("PUT", f"{path}/patch:cisco-99xx:vendorConfig/extraPassword", {"value": "hunter2"})
    listed = {row["name"]: row for row in running.do("GET", path)["items"]}
    assert listed["patch:cisco-99xx:vendorConfig/extraPassword"]["value"] is None
    said = running.do("GET", f"/phones/{mac}/explain")["items"]
    assert "hunter2" not in str(said)
    assert any(row["name"].startswith("patch:") for row in said)
    running.do("DELETE", f"{path}/patch:cisco-99xx:vendorConfig/extraPassword")


def test_an_own_template_is_kept_shown_used_and_removed(running: RunningHub) -> None:
    site, mac = running.site("Snom"), MAC.format(7)
    running.do("POST", "/phones", {"mac": mac, "site": site, "model": "generic"})
    running.do("PUT", f"/phones/{mac}/lines/1", {"name": "201", "label": "Anna"})
    refused = running.ask("POST", "/publish", {"dry_run": True, "sites": [site]})
    assert "ringfence template put generic" in refused.json["to_do"]
    source = "user={{ lines[0].name }}\n"
    running.do("PUT", "/templates/generic/{mac}.cfg", {"source": source})
    assert running.do("GET", "/templates/generic/{mac}.cfg")["source"] == source
    (change,) = running.publish(sites=[site])["sites"]
    assert [file["name"] for file in change["files"]] == ["001b54d00007.cfg"]
    assert "+user=201" in change["files"][0]["diff"]
    running.do("DELETE", f"/phones/{mac}")
    running.do("DELETE", "/templates/generic/{mac}.cfg")
    assert running.ask("GET", "/templates/generic/{mac}.cfg").json["kind"] == "unknown-template"


@pytest.mark.parametrize(
    ("path", "source", "kind"),
    [
        ("/templates/generic/{mac}.cfg", "{% if %}", "bad-name"),
        ("/templates/generic/..%2Fx.cfg", "x", "bad-template-name"),
        ("/templates/generic/nothing", "x", "bad-template-name"),
        ("/templates/none/x.cfg", "x", "unknown-family"),
    ],
)
def test_a_template_that_can_not_be_is_refused(running: RunningHub, path: str, source: str, kind: str) -> None:
    assert running.ask("PUT", path, {"source": source}).json["kind"] == kind


def test_the_built_in_templates_are_shown_to_begin_with(running: RunningHub) -> None:
    files = {row["key"]: row for row in running.do("GET", "/families/cisco-99xx/files")["items"]}
    assert files["device"]["name"] == "SEP{MAC}.cnf.xml"
    assert "{{ version_stamp }}" in files["device"]["source"]
