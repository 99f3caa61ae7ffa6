"""``ringfence session``."""

from ringfence.hub.fleet import sessions
from ringfence.hub.store.people_models import PersonRow
from support.command_line import CommandLine
from support.running_hub import RunningHub
from support.signing_in import person


def _start(hub: RunningHub, row: PersonRow) -> str:
    with hub.hub.change("test") as change:
        return sessions.start(change, row, address="192.0.2.1", agent="Lynx/2.9")[0].id


def test_sessions_are_listed_and_ended(ringfence: CommandLine, hub: RunningHub) -> None:
    row = person(hub.hub, "sessions@cli.example", "operator")
    first, second, third = (_start(hub, row) for _ in range(3))
    shown = ringfence("session", "list", "--person", row.name)
    assert all(each in shown for each in (first, second, third, "Lynx/2.9", "192.0.2.1"))
    assert ringfence("session", "end", first, "--yes") == f"Session {first} ended.\n"
    ringfence.refused(4, "session", "end", first, "--yes")
    assert {each["id"] for each in ringfence.ask("session", "list", "--person", row.name)} == {second, third}
    ringfence("session", "end", "--person", row.name, "--yes")
    assert ringfence.ask("session", "list", "--person", row.name) == []
    assert ringfence.run("session", "end", "--yes").status == 2
    assert ringfence.run("session", "end", second, "--person", row.name, "--yes").status == 2
    ringfence.refused(4, "session", "list", "--person", "nobody@cli.example")
