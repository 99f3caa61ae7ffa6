"""Sites, over the people's API."""

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
