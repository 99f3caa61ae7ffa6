"""``ringfence access``: API tokens."""

from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_a_token_works_until_it_is_revoked(ringfence: CommandLine, hub: RunningHub) -> None:
    made = ringfence.ask("access", "create", "a script")
    assert hub.ask("GET", "/whoami", token=made["token"]).json["name"] == "a script"
    (row,) = (row for row in ringfence.ask("access", "list") if row["name"] == "a script")
    listed = ringfence("access", "list")
    assert row["id"] in listed
    assert made["token"] not in listed
    ringfence("access", "revoke", row["id"])
    assert hub.ask("GET", "/whoami", token=made["token"]).status == 401
    as_revoked = CommandLine({**ringfence.variables, "RINGFENCE_TOKEN": made["token"]})
    as_revoked.refused(6, "site", "list")
    ringfence.refused(4, "access", "revoke", "nothing")


def test_a_token_is_shown_once_to_people_too(ringfence: CommandLine, hub: RunningHub) -> None:
    token = ringfence("access", "create", "Carla").split()[-1]
    assert hub.ask("GET", "/whoami", token=token).json["name"] == "Carla"
