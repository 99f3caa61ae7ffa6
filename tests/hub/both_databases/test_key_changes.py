"""Changes of the hub's keys, on both databases."""

import pytest

from ringfence.hub import within
from ringfence.hub.core import Hub
from ringfence.hub.errors import KeyInUse
from ringfence.hub.fleet import hub_keys, lines, phones, resealing
from ringfence.hub.process import key_following
from support.hub_on_database import ANNA


def test_secrets_and_sites_follow_new_keys(hub: Hub) -> None:
    def opened() -> str:
        with hub.database.reading() as session:
            return lines.open_password(hub.sealer, lines.get(phones.get(session, ANNA), 1)).reveal()

    password, old, whole = opened(), hub.sealer.keys.newest, within.everywhere(hub)
    hub.device_url = "https://127.0.0.1:8444"
    with whole.change("test") as change:
        if hub.turn.is_shared:
            with pytest.raises(KeyInUse, match="copies of keys"):
                hub_keys.rotate(change, whole, "sealing")
        for key in ("sealing", "root"):
            hub_keys.rotate(change, whole, key, alone=True)
    with whole.database.reading() as session:
        assert resealing.left(session, [old]) == {old: 1}
    assert {each.key: each.waiting for each in hub_keys.find(whole, hub.clock())}["root"] == 1
    assert key_following.go_on(hub) == []
    assert hub_keys.retire(whole, "test") == 1
    assert opened() == password
    assert not any(each.waiting for each in hub_keys.find(whole, hub.clock()))
