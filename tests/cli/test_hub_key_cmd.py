"""``ringfence hub keys``."""

import json

from stack import wait_for
from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_keys_are_listed_changed_and_retired_beside_a_running_hub(stranger: CommandLine, own_hub: RunningHub) -> None:
    hub = own_hub
    ringfence = CommandLine(
        {
            **stranger.variables,
            "RINGFENCE_HUB": hub.people_url,
            "RINGFENCE_TOKEN": hub.token.reveal(),
            "RINGFENCE_CA": str(hub.folder.authority_certificate),
        }
    )
    site = hub.site("Anna")
    hub.phone(site, "001B54C2E101")
    hub.publish(sites=[site])

    def listed() -> dict[str, dict[str, object]]:
        return {row["key"]: row for row in ringfence.ask("hub", "keys", "list")}

    def nothing_waits() -> bool:
        return all(not row["waiting"] for row in listed().values())

    assert "ringfence hub keys rotate sealing" in ringfence("hub", "keys", "list")
    before = listed()
    assert "Add --yes" in ringfence.refused(3, "hub", "keys", "rotate", "sealing")
    assert "ringfence hub move" in ringfence.refused(4, "hub", "keys", "rotate", "ca", "--yes")
    assert "one sealing key alone" in ringfence.refused(4, "hub", "keys", "retire", "--yes")
    for key in ("sealing", "root", "targets", "snapshot", "timestamp"):
        assert f"The new {key} key is " in ringfence("hub", "keys", "rotate", key, "--alone", "--yes")
        assert listed()[key]["fingerprint"] != before[key]["fingerprint"]
    wait_for("everything to follow", nothing_waits, 120)
    wait_for("the root key of before to go", lambda: "root-before" not in listed(), 120)
    assert ringfence.ask("hub", "keys", "retire", "--yes") == {"retired": 1}
    told = json.dumps(listed())
    assert "sealing-before" not in told
    for file in hub.folder.keys.glob("*.key"):
        assert file.read_text().strip().splitlines()[-1] not in told
    assert hub.newest_action() == ("hub-key.retire", "sealing")
