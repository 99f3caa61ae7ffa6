"""Releases and blobs go on each database, beside whoever publishes the same bytes at that moment."""

import threading
from collections.abc import Collection

import pytest

from ringfence.content.digests import Digest, sha256_hex
from ringfence.hub import kept_blobs, within
from ringfence.hub.core import Hub
from ringfence.hub.fleet import lines
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.publishing import publish, releases
from ringfence.hub.retention import old_releases, unused_blobs
from ringfence.hub.retention.policy import RetentionPolicy
from support.hub_on_database import ANNA

DAY_S = 86_400.0
POLICY = RetentionPolicy(releases=2, releases_for_s=30 * DAY_S, audit_for_s=None)


def later(hub: Hub, days: float) -> None:
    now = hub.clock() + days * DAY_S
    hub.clock = lambda: now


def test_old_releases_and_their_blobs_go_and_what_is_kept_stays_whole(hub: Hub) -> None:
    for number in range(4):
        with hub.change("test") as change:
            lines.put(change, hub.sealer, ANNA, 1, LineParts(label=f"Label {number}"))
        publish.publish(hub, "test")
        later(hub, 1)
    with hub.database.reading() as session:
        blobs = [{target.digest for target in releases.targets(session, "anna", number + 1)} for number in range(4)]
    later(hub, 100)
    assert old_releases.remove(hub, POLICY).releases == 2
    assert unused_blobs.collect(within.everywhere(hub)).blobs == 0
    later(hub, 1.1)
    kept, gone = blobs[2] | blobs[3], (blobs[0] | blobs[1]) - blobs[2] - blobs[3]
    assert unused_blobs.collect(within.everywhere(hub)).blobs == len(gone)
    assert [hub.blobs.has(each) for each in (*kept, *gone)] == [True] * len(kept) + [False] * len(gone)


def test_who_puts_a_blob_while_it_goes_has_it_afterwards(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"the same bytes in two publishes"
    digest = sha256_hex(data)
    kept_blobs.put(hub, {digest: data})
    later(hub, 1.1)
    assert unused_blobs.collect(within.everywhere(hub)).blobs == 0
    later(hub, 1.1)
    remove, began = hub.blobs.remove, threading.Event()

    def put() -> None:
        began.set()
        kept_blobs.put(hub, {digest: data})

    putting = threading.Thread(target=put)

    def remove_while_somebody_puts(digests: Collection[Digest]) -> None:
        putting.start()
        assert began.wait(60)
        putting.join(0.2)  # it waits for this transaction; a database that let it through would lose the blob here
        remove(digests)

    monkeypatch.setattr(hub.blobs, "remove", remove_while_somebody_puts)
    assert unused_blobs.collect(within.everywhere(hub)).blobs == 1
    putting.join(60)
    assert not putting.is_alive()
    assert hub.blobs.get(digest) == data
