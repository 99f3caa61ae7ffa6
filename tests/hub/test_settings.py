"""Settings at every scope, explained; secrets and patches among them."""

import json

from support import chosen_database
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:9A:{:02X}"


def test_the_nearest_scope_wins_and_each_value_says_where_it_comes_from(running: RunningHub) -> None:
    site, mac = running.site("Scopes"), MAC.format(8)
    running.phone(site, mac)

    def zone() -> tuple[object, object]:
        (found,) = [
            item for item in running.do("GET", f"/phones/{mac}/settings")["items"] if item["name"] == "volume_ring"
        ] or [running.do("GET", f"/phones/{mac}/settings")["items"][0]]
        return found["name"], found["scope"]

    name = zone()[0]
    (entry,) = [item for item in running.do("GET", "/settings/catalogue")["items"] if item["name"] == name]
    value = {"yes/no": "yes", "number": str(entry["minimum"])}.get(
        entry["type"], entry["choices"][0] if entry["choices"] else "x"
    )
    assert zone()[1] == "built-in"
    for path, scope in (("organisation", "organisation"), (f"sites/{site}", "site"), (f"phones/{mac}", "phone")):
        put = running.do("PUT", f"/settings/{path}/{name}", {"value": value})
        assert put["scope"] == scope
        assert zone()[1] == scope
        assert running.do("GET", f"/settings/{path}/{name}")["scope"] == scope
    assert [item["name"] for item in running.do("GET", f"/settings/phones/{mac}")["items"]] == [name]
    for path in (f"phones/{mac}", f"sites/{site}", "organisation"):
        running.do("DELETE", f"/settings/{path}/{name}")
    assert zone()[1] == "built-in"
    assert running.ask("DELETE", f"/settings/phones/{mac}/{name}").json["kind"] == "not-set"


def test_an_unknown_setting_names_the_nearest(running: RunningHub) -> None:
    answer = running.ask("PUT", "/settings/organisation/sip_sever", {"value": "x"})
    assert (answer.status, answer.json["kind"]) == (404, "unknown-setting")
    assert "sip_server" in answer.json["to_do"]


def test_a_value_out_of_range_names_limits_and_unit(running: RunningHub) -> None:
    numbers = [
        item
        for item in running.do("GET", "/settings/catalogue")["items"]
        if item["type"] == "number" and item["unit"] and "organisation" in item["scopes"]
    ]
    entry = numbers[0]
    answer = running.ask("PUT", f"/settings/organisation/{entry['name']}", {"value": str(entry["maximum"] + 1)})
    assert (answer.status, answer.json["kind"]) == (422, "value-out-of-range")
    assert str(entry["maximum"]) in answer.json["to_do"]
    assert entry["unit"] in answer.json["to_do"]


def test_a_secret_setting_is_never_shown(running: RunningHub) -> None:
    site = running.site("Secret settings")
    running.do("PUT", f"/settings/sites/{site}/ssh_password", {"value": "hunter2hunter2"})
    running.phone(site, MAC.format(9))
    shown = [
        running.do("GET", f"/settings/sites/{site}"),
        running.do("GET", f"/settings/sites/{site}/ssh_password"),
        running.do("GET", f"/phones/{MAC.format(9)}/settings"),
        running.do("GET", "/audit"),
        running.publish(dry_run=True, sites=[site]),
    ]
    assert "hunter2" not in json.dumps(shown)
    assert shown[1]["value"] is None
    assert shown[1]["secret"] is True
    assert b"hunter2" not in chosen_database.all_bytes(running.folder.path)


def test_the_nearest_scope_wins_from_the_organisation_to_the_line(running: RunningHub) -> None:
    site, mac = running.site("All scopes"), MAC.format(65)
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
    site, mac = running.site("Lines only"), MAC.format(66)
    running.phone(site, mac)
    answer = running.ask("PUT", f"/settings/phones/{mac}/lines/1/time_zone", {"value": "Etc/UTC"})
    assert (answer.status, answer.json["kind"]) == (422, "bad-selection")
    answer = running.ask("PUT", f"/settings/phones/{mac}/lines/2/call_waiting", {"value": "no"})
    assert answer.status == 404


def test_what_a_group_or_line_sets_is_in_the_phones_file(running: RunningHub) -> None:
    site, mac = running.site("In the file"), MAC.format(67)
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


def test_a_value_for_a_site_must_suit_the_models_that_stand_there(running: RunningHub) -> None:
    site = running.site("Small ones")
    running.do("POST", "/phones", {"mac": MAC.format(69), "site": site, "model": "8831"})
    answer = running.ask("PUT", f"/settings/sites/{site}/max_calls", {"value": "50"})
    assert "from 1 to 6" in answer.json["to_do"]
    running.do("PUT", f"/settings/sites/{running.site('Empty')}/max_calls", {"value": "50"})
    running.do("PUT", f"/settings/sites/{site}/resync_s", {"value": "60"})  # nobody there has it: for phones to come


def test_patches_are_checked_and_their_secrets_hidden(running: RunningHub) -> None:
    site, mac = running.site("Patches"), MAC.format(70)
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


def test_an_edit_that_leaves_a_phone_without_a_file_is_refused_unless_another_edit_may_complete_it(
    running: RunningHub,
) -> None:
    site, mac = running.site("Trials"), MAC.format(0x5A)
    running.phone(site, mac)
    refused = running.ask("PUT", f"/settings/sites/{site}/soft_keys", {"value": "idle | NoSuchKey"})
    assert refused.status == 422
    assert running.do("GET", f"/settings/sites/{site}")["items"] == []
    running.do("PUT", f"/settings/phones/{mac}/reload_by", {"value": "web"})  # web_access comes next
    assert running.publish(sites=[site])["left_out"][0]["mac"] == mac
