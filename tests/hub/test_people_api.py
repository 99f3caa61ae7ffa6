import json

import pytest

from support.running_hub import RunningHub

MAC = "00:1B:54:C2:9A:{:02X}"


def test_a_site_gets_an_id_from_its_name_and_keeps_it(running: RunningHub) -> None:
    made = running.do("POST", "/sites", {"name": "Home office Zoë & Jürgen"})
    assert made["id"] == "home-office-zoe-jurgen"
    assert (made["phones"], made["edges"], made["release"]) == (0, 0, 0)
    renamed = running.do("PATCH", f"/sites/{made['id']}", {"name": "Zoë's office"})
    assert (renamed["id"], renamed["name"]) == (made["id"], "Zoë's office")
    assert made["id"] in [site["id"] for site in running.do("GET", "/sites")["items"]]


def test_a_second_site_of_the_same_name_is_a_conflict(running: RunningHub) -> None:
    running.site("Twice")
    answer = running.ask("POST", "/sites", {"name": "TWICE"})
    assert (answer.status, answer.json["kind"]) == (409, "site-taken")


def test_an_unknown_site_names_the_nearest_one(running: RunningHub) -> None:
    running.site("Warehouse")
    answer = running.ask("GET", "/sites/warehose")
    assert (answer.status, answer.json["kind"]) == (404, "unknown-site")
    assert "warehouse" in answer.json["to_do"]


def test_a_site_with_phones_is_not_removed_and_a_removed_id_is_not_given_again(running: RunningHub) -> None:
    site = running.site("Leaving")
    mac = MAC.format(1)
    running.phone(site, mac)
    refused = running.ask("DELETE", f"/sites/{site}")
    assert (refused.status, refused.json["kind"]) == (409, "site-not-empty")
    running.do("DELETE", f"/phones/{mac}")
    running.do("DELETE", f"/sites/{site}")
    assert running.ask("GET", f"/sites/{site}").status == 404
    assert running.site("Leaving") == "leaving-2", "signed metadata still names the first one"
    assert running.ask("POST", "/sites", {"name": "Other", "id": "leaving"}).status == 409


@pytest.mark.parametrize("notation", ["001B54C2A001", "00:1b:54:c2:a0:01", "001b.54c2.a001", "SEP001B54C2A001"])
def test_a_phone_is_found_by_any_notation_of_its_address(running: RunningHub, notation: str) -> None:
    if running.ask("GET", "/phones/001B54C2A001").status == 404:
        running.phone(running.site("Notations"), "00-1B-54-C2-A0-01")
    assert running.do("GET", f"/phones/{notation}")["mac"] == "00:1B:54:C2:A0:01"


def test_a_duplicate_mac_says_where_the_phone_stands(running: RunningHub) -> None:
    first, second = running.site("First place"), running.site("Second place")
    running.phone(first, MAC.format(2))
    answer = running.ask("POST", "/phones", {"mac": "001b.54c2.9a02", "site": second, "model": "9971"})
    assert (answer.status, answer.json["kind"]) == (409, "duplicate-mac")
    assert "First place" in answer.json["where"]


def test_a_phone_moves_between_sites(running: RunningHub) -> None:
    first, second = running.site("From"), running.site("To")
    running.phone(first, MAC.format(3))
    moved = running.do("PATCH", f"/phones/{MAC.format(3)}", {"site": second, "description": "Anna, first floor"})
    assert (moved["site"], moved["description"]) == (second, "Anna, first floor")
    assert [phone["mac"] for phone in running.do("GET", f"/phones?site={second}")["items"]] == [MAC.format(3)]
    assert running.do("GET", f"/phones?site={first}")["items"] == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"mac": "00:11:22:33:44", "model": "9971"}, "bad-mac"),
        ({"mac": "01:00:5E:00:00:01", "model": "9971"}, "bad-mac"),
        ({"mac": "00:1B:54:C2:9A:99", "model": "cisco-9917"}, "unknown-model"),
    ],
)
def test_a_phone_that_can_not_be_is_refused(running: RunningHub, body: dict[str, str], kind: str) -> None:
    site = running.site(f"Refusals of {body}"[:70])
    answer = running.ask("POST", "/phones", {**body, "site": site})
    assert answer.json["kind"] == kind
    assert answer.status in {404, 422}


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
    kept = (running.folder.path / "hub.sqlite").read_bytes() + (running.folder.path / "hub.sqlite-wal").read_bytes()
    assert b"hunter2" not in kept


@pytest.mark.parametrize("token", ["", "rft_wrong", "rft_" + "x" * 43])
def test_without_a_good_token_everything_is_refused(running: RunningHub, token: str) -> None:
    for method, path in (("GET", "/sites"), ("POST", "/publish"), ("GET", "/whoami"), ("GET", "/settings/catalogue")):
        answer = running.ask(method, path, {} if method == "POST" else None, token=token)
        assert (answer.status, answer.json["kind"]) == (401, "not-signed-in")


def test_a_token_is_made_used_and_revoked_and_the_last_one_stays(running: RunningHub) -> None:
    made = running.do("POST", "/api-tokens", {"name": "monitoring"})
    assert running.ask("GET", "/whoami", token=made["token"]).json["name"] == "monitoring"
    listed = running.do("GET", "/api-tokens")["items"]
    assert made["token"] not in json.dumps(listed)
    assert [item["last_used_at"] is not None for item in listed if item["id"] == made["id"]] == [True]
    running.do("DELETE", f"/api-tokens/{made['id']}")
    assert running.ask("GET", "/whoami", token=made["token"]).status == 401
    (own,) = [item for item in listed if item["name"] == "administrator"]
    assert running.ask("DELETE", f"/api-tokens/{own['id']}").json["kind"] == "bad-selection"


def test_every_refusal_has_the_one_shape(running: RunningHub) -> None:
    answers = [
        running.raw("GET", "/nothing"),
        running.raw("DELETE", "/api/v1/sites"),
        running.raw("POST", "/api/v1/sites", b"{"),
        running.raw("POST", "/api/v1/sites", b'{"name": 7}'),
        running.raw("POST", "/api/v1/sites", b'{"name": "x", "nmae": "y"}'),
        running.raw("GET", "/api/v1/audit?limit=0"),
        running.raw("GET", "/api/v1/sites/none/releases"),
        running.raw("GET", "/api/v1/phones/nonsense"),
        running.raw("DELETE", "/api/v1/tokens/none"),
        running.raw("GET", "/api/v1/edges/none"),
    ]
    assert [answer.status for answer in answers] == [404, 405, 422, 422, 422, 422, 404, 422, 404, 404]
    assert {frozenset(answer.json) for answer in answers} == {frozenset({"what", "where", "to_do", "kind"})}


def test_a_refused_field_is_not_repeated_to_the_caller(running: RunningHub) -> None:
    answer = running.raw("PUT", "/api/v1/phones/001B54C29A04/lines/1", b'{"password": ["s3cret"]}')
    assert answer.status == 422
    assert b"s3cret" not in answer.data


def test_the_description_of_the_api_is_whole(running: RunningHub) -> None:
    document = running.raw("GET", "/openapi.json").json
    assert document["openapi"].startswith("3.")
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) >= 40
    for path, method, operation in operations:
        where = f"{method} {path}"
        assert operation.get("description"), where
        assert operation["security"] == [{"HTTPBearer": []}], where
        good = [status for status in operation["responses"] if status.startswith("2")]
        assert len(good) == 1, where
        if good[0] != "204":
            assert "$ref" in json.dumps(operation["responses"][good[0]]["content"]), where
        assert {"401", "404", "409", "422", "503"} <= operation["responses"].keys(), where
    names = [operation["operationId"] for _path, _method, operation in operations]
    assert len(set(names)) == len(names)
    dangling = {
        reference
        for reference in json.dumps(document).split('"#/components/schemas/')[1:]
        if reference.split('"')[0] not in document["components"]["schemas"]
    }
    assert not dangling
