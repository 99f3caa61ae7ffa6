"""How phones whose file changed are told: by their file of before, and by keys when the new one says so."""

from typing import cast

import pytest

from ringfence.content.digests import Digest
from ringfence.content.release import Release, Reload, ReloadMethod, Target, TargetKind
from ringfence.edge.phones.reload_orders import due_at_once
from ringfence.edge.phones.seen_phones import SeenPhones

MAC = "001B54C2F0A1"


class _Seen:
    """Where phones are."""

    @staticmethod
    def host_of(_owner: str) -> str:
        return "192.0.2.7"


def release(number: int, reload: Reload | None) -> Release:
    target = Target("a.xml", Digest(f"{number:064}"), 1, TargetKind.CONFIGURATION, MAC, reload)
    return Release("anna", number, (target,))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("web", "web-when-idle", "web-when-idle"),
        ("web-when-idle", "web", "web"),
        ("sip-notify", "web-when-idle", "sip-notify"),
        ("web", "sip-notify", "web"),
        ("check-sync", "check-sync;reboot=false", "check-sync"),
    ],
)
def test_a_phone_is_told_as_it_listens_and_keys_wait_as_the_new_release_says(
    before: ReloadMethod, now: ReloadMethod, told: ReloadMethod
) -> None:
    (due,) = due_at_once(release(1, Reload(before, 80)), release(2, Reload(now, 81)), cast("SeenPhones", _Seen()))
    assert (due.method, due.port) == (told, 80)


def test_a_phone_that_is_in_a_call_is_told_by_no_edge() -> None:
    found = due_at_once(release(1, Reload("sip-notify", 5060)), release(2, None), cast("SeenPhones", _Seen()))
    assert list(found) == []
