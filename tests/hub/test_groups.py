"""Groups, over the people's API."""

from support.running_hub import RunningHub

MAC = "00:1B:54:D0:00:{:02X}"


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
