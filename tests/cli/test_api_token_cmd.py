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
    ringfence("access", "revoke", "--yes", row["id"])
    assert hub.ask("GET", "/whoami", token=made["token"]).status == 401
    as_revoked = CommandLine({**ringfence.variables, "RINGFENCE_TOKEN": made["token"]})
    as_revoked.refused(6, "site", "list")
    ringfence.refused(4, "access", "revoke", "--yes", "nothing")


def test_a_token_is_shown_once_to_people_too(ringfence: CommandLine, hub: RunningHub) -> None:
    token = ringfence("access", "create", "Carla").split()[-1]
    assert hub.ask("GET", "/whoami", token=token).json["name"] == "Carla"


def test_a_token_is_for_less_and_has_an_end(ringfence: CommandLine, hub: RunningHub) -> None:
    made = ringfence.ask("access", "create", "prometheus", "--role", "metrics", "--days", "30")
    assert (made["role"], made["scope"]) == ("metrics", "metrics")
    assert 29 < (made["ends_at"] - made["created_at"]) / 86_400 < 31
    only = CommandLine({**ringfence.variables, "RINGFENCE_TOKEN": made["token"]})
    assert "the role metrics may not see the fleet" in only.refused(6, "site", "list")
    until = ringfence.ask("access", "create", "audit", "--scope", "read", "--until", "2030-01-01")
    assert CommandLine({**ringfence.variables, "RINGFENCE_TOKEN": until["token"]}).ask("site", "list") is not None
    assert "metrics" in ringfence("access", "list")
    assert ringfence.run("access", "create", "x", "--days", "1", "--until", "2030-01-01").status == 2
    ringfence.refused(3, "access", "create", "x", "--until", "2001-01-01")
    ringfence.refused(3, "access", "create", "x", "--role", "everything")
    site = hub.site("Of a token")
    limited = ringfence.ask("access", "create", "tablet", "--role", "installer", "--site", site)
    assert limited["limited_to"] == {"sites": [site], "groups": []}
    ringfence.refused(3, "access", "create", "tablet", "--site", site)
    for row in (made, until, limited):
        ringfence("access", "revoke", row["id"], "--yes")
