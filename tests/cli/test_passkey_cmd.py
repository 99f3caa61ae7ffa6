"""``ringfence person passkeys``."""

import json

from ringfence.hub.fleet import passkeys
from ringfence.hub.fleet.relying_party import NewPasskey
from ringfence.hub.store.people_models import PersonRow
from support.command_line import CommandLine
from support.running_hub import RunningHub
from support.signing_in import person


def test_passkeys_are_listed_and_removed(ringfence: CommandLine, hub: RunningHub) -> None:
    row = person(hub.hub, "keys@cli.example", "operator", password=None)
    assert ringfence("person", "passkeys", "list", row.name) == f"{row.name} has no passkey.\n"
    with hub.hub.change("test") as change:
        owner = change.session.get_one(PersonRow, row.id)
        for number, host in enumerate(("old.example.org", "127.0.0.1")):
            made = NewPasskey(bytes([number]) * 20, b"key", 0, is_synced=False)
            passkeys.add(change, owner, host, made, f"Laptop {number}")
    said = ringfence("person", "passkeys", "list", row.name)
    assert "for old.example.org alone" in said
    assert "on one device" in said
    listed = json.loads(ringfence("person", "passkeys", "list", row.name, "--json"))
    assert {each["name"] for each in listed} == {"Laptop 0", "Laptop 1"}
    assert not {"public_key", "credential_id"} & set(listed[0])
    assert hub.do("GET", f"/people/{row.id}")["passkeys"] == 2
    gone = listed[0]["id"]
    said = ringfence("person", "passkeys", "remove", row.name, gone, "--yes")
    assert said == f"Passkey {gone} removed; all sessions of {row.name} ended.\n"
    ringfence.refused(4, "person", "passkeys", "remove", row.name, gone, "--yes")
    ringfence.refused(4, "person", "passkeys", "list", "nobody@cli.example")
    (left,) = ringfence.ask("person", "passkeys", "list", row.name)
    assert ringfence.ask("person", "passkeys", "remove", row.name, left["id"], "--yes") == {"removed": left["id"]}
