"""What the hub removes by itself: releases and metadata that are over, and blobs that nothing refers to any more."""

import re
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from sqlalchemy import func, select, update

import ringfence.hub
from ringfence.content.digests import Digest, sha256_hex
from ringfence.hub import kept_blobs, within
from ringfence.hub.core import Hub
from ringfence.hub.errors import UnknownRelease
from ringfence.hub.fleet import lines, phone_files, phones, report_gate, sites, uploads
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.process import renewal, retention_job
from ringfence.hub.publishing import holds, publish, releases
from ringfence.hub.recovery import backup, restore
from ringfence.hub.recovery.sealed_file import Lock, Opener
from ringfence.hub.retention import old_releases, unused_blobs
from ringfence.hub.retention.policy import RetentionPolicy
from ringfence.hub.store import blob_ledger, retention_tally
from ringfence.hub.store.base import Base
from ringfence.hub.store.blob_models import BlobRow
from ringfence.hub.store.models import EdgeRow
from ringfence.hub.store.release_models import ReleaseRow, ReleaseTargetRow, RoleMetadataRow
from ringfence.secret import Secret
from support.hub_on_database import verified
from support.two_sites import ANNA, add_two_sites, whole_release

DAY_S = 86_400.0
HUB = Path(ringfence.hub.__path__[0])
POLICY = RetentionPolicy(releases=2, releases_for_s=30 * DAY_S, audit_for_s=None)


@pytest.fixture
def hub(idle: Hub) -> Hub:
    """A hub with two sites that have a phone each."""
    return add_two_sites(idle)


def later(hub: Hub, days: float) -> None:
    now = hub.clock() + days * DAY_S
    hub.clock = lambda: now


def edit(hub: Hub, label: str) -> None:
    with hub.change("test") as change:
        lines.put(change, hub.sealer, ANNA, 1, LineParts(label=label))
    assert publish.publish(hub, "test", site_ids=["anna"]).sites


def published(hub: Hub, count: int, *, every_days: float = 1.0) -> None:
    for number in range(count):
        edit(hub, f"Label {number} of {hub.clock():.0f}")
        later(hub, every_days)


def numbers(hub: Hub) -> list[int]:
    with hub.database.reading() as session:
        return list(session.scalars(select(ReleaseRow.number).order_by(ReleaseRow.number)))


def as_edges_take_it(hub: Hub) -> int:
    renewal.renew_metadata(hub)
    return whole_release(hub, "anna")[0]


def digests(hub: Hub, number: int) -> set[Digest]:
    with hub.database.reading() as session:
        return {target.digest for target in releases.targets(session, "anna", number)}


def tally(hub: Hub) -> dict[str, int]:
    with hub.database.reading() as session:
        return dict(retention_tally.read(session))


def collect(hub: Hub) -> int:
    return unused_blobs.collect(within.everywhere(hub)).blobs


def test_of_a_site_the_newest_releases_and_the_young_ones_are_kept(hub: Hub) -> None:
    published(hub, 6)
    old_releases.remove(hub, POLICY)
    assert numbers(hub) == [1, 2, 3, 4, 5, 6]
    later(hub, 25.5)  # the first two are older than 30 days by now
    assert old_releases.remove(hub, POLICY).releases == 2
    assert numbers(hub) == [3, 4, 5, 6]
    later(hub, 100)
    old_releases.remove(hub, POLICY)
    assert numbers(hub) == [5, 6]
    assert tally(hub)[retention_tally.REMOVED_RELEASES] == 4
    assert old_releases.remove(hub, POLICY) == old_releases.RemovedReleases(0, 0)
    with hub.database.reading() as session:
        assert session.scalar(select(func.min(ReleaseTargetRow.number))) == 5
        roles = session.scalars(select(RoleMetadataRow.role).where(RoleMetadataRow.site_id == "anna")).all()
    assert sorted(roles) == ["root", "snapshot", "targets", "timestamp"]
    assert as_edges_take_it(hub) == 6
    assert verified(hub).broken is None


def test_a_release_that_is_gone_is_named_as_such_and_one_that_is_kept_can_be_gone_back_to(hub: Hub) -> None:
    published(hub, 4)
    later(hub, 100)
    old_releases.remove(hub, POLICY)
    with pytest.raises(UnknownRelease, match="release 1 of site anna is not kept any more"):
        publish.rollback(hub, "test", "anna", 1)
    with pytest.raises(UnknownRelease, match="has no release 9"):
        publish.rollback(hub, "test", "anna", 9)
    assert publish.rollback(hub, "test", "anna", 3) == 5
    assert digests(hub, 5) == digests(hub, 3)
    assert as_edges_take_it(hub) == 5
    with hub.database.reading() as session:
        assert (releases.before(session, "anna", 4), releases.before(session, "anna", 3)) == (3, 0)


def test_what_an_edge_has_and_what_is_held_or_in_doubt_stays(hub: Hub) -> None:
    published(hub, 5)
    later(hub, 100)
    with hub.change("test") as change:
        holds.put(change, "anna", "a fair")
    assert old_releases.remove(hub, POLICY).releases == 0
    with hub.change("test") as change:
        holds.end(change, "anna")
        change.session.add(
            EdgeRow(
                id="edge-1", site_id="anna", enrolled_at=0, key_fingerprint="", certificate_serial="",
                certificate_fingerprint="", certificate_ends_at=0, release=2,
            )
        )  # fmt: skip
    old_releases.remove(hub, POLICY)
    assert numbers(hub) == [2, 4, 5]
    with hub.change("test") as change:
        change.session.execute(update(EdgeRow).values(release=5))
    old_releases.remove(hub, POLICY)
    assert numbers(hub) == [4, 5]


def test_since_when_a_phones_file_is_the_same_outlives_the_releases_that_said_so(hub: Hub) -> None:
    edit(hub, "As it stays")
    for number in range(4):  # releases in which the phone's own file does not change
        with hub.change("test") as change:
            files = releases.targets(change.session, "anna", number + 1)
            releases.put(change, hub, [releases.NewRelease("anna", number + 2, files)])
    later(hub, 100)
    old_releases.remove(hub, POLICY)
    assert numbers(hub) == [4, 5]
    with hub.database.reading() as session:
        assert phone_files.changed_in(session, [ANNA.bare]) == {ANNA.bare: 1}


def test_blobs_of_removed_releases_go_after_a_while_and_no_others(hub: Hub) -> None:
    published(hub, 5)
    before = {number: digests(hub, number) for number in range(1, 6)}
    later(hub, 100)
    old_releases.remove(hub, POLICY)
    assert collect(hub) == 0  # a copy of the hub may be reading them
    assert all(hub.blobs.has(digest) for of_one in before.values() for digest in of_one)
    later(hub, 1.1)
    kept = before[4] | before[5]
    gone = before[1] | before[2] | before[3]
    assert collect(hub) == len(gone - kept)
    assert all(hub.blobs.has(digest) for digest in kept)
    assert not any(hub.blobs.has(digest) for digest in gone - kept)
    assert collect(hub) == 0
    counted = tally(hub)
    assert counted[retention_tally.BLOBS] == len(kept)
    assert counted[retention_tally.BLOB_BYTES] == sum(hub.blobs.size_bytes(digest) for digest in kept)
    assert counted[retention_tally.REMOVED_BLOBS] == len(gone - kept)


def test_a_blob_that_nothing_was_made_of_goes_and_one_that_comes_again_is_whole(hub: Hub) -> None:
    data = b"of a publish that died"
    digest = sha256_hex(data)
    kept_blobs.put(hub, {digest: data})
    later(hub, 0.9)
    assert (collect(hub), hub.blobs.has(digest)) == (0, True)
    kept_blobs.put(hub, {digest: data})  # the same file, in another publish that is under way
    later(hub, 0.9)
    assert (collect(hub), hub.blobs.has(digest)) == (0, True)
    later(hub, 0.2)
    assert (collect(hub), hub.blobs.has(digest)) == (0, True)
    later(hub, 1.1)
    assert (collect(hub), hub.blobs.has(digest)) == (1, False)
    kept_blobs.put(hub, {digest: data})
    assert hub.blobs.get(digest) == data


def test_what_loses_its_last_reference_without_a_word_is_found(hub: Hub) -> None:
    edit(hub, "One")
    digest = next(iter(digests(hub, 1)))
    later(hub, 1.1)
    collect(hub)
    with hub.change("test") as change:
        phones.remove(change, ANNA)
        change.session.flush()
        sites.remove(change, "anna")
    later(hub, 31)
    assert (collect(hub), hub.blobs.has(digest)) == (0, True)
    later(hub, 1.1)
    assert (collect(hub), hub.blobs.has(digest)) == (1, False)


def test_an_upload_goes_after_a_week_unless_something_was_made_of_it(hub: Hub) -> None:
    data = b"firmware of an import that was given up"
    digest = sha256_hex(data)
    kept_blobs.put(hub, {digest: data})
    with hub.change("test") as change:
        uploads.note(change, digest, len(data))
    for days, is_there in ((6.5, True), (0.6, True), (1.1, False)):
        later(hub, days)
        assert list(retention_job.go_on(hub)) == []
        assert hub.blobs.has(digest) is is_there
    with hub.database.reading() as session:
        assert uploads.there(session, hub.blobs, [digest]) == set()


def test_a_copy_that_is_made_while_releases_go_is_whole(hub: Hub, tmp_path: Path) -> None:
    published(hub, 4)
    later(hub, 100)

    def prune(done: int, _of: int) -> None:
        if not done:
            assert old_releases.remove(hub, POLICY).releases == 2
            collect(hub)
            later(hub, 0.9)
            collect(hub)

    identity = pyrage.x25519.Identity.generate()
    assert hub.folder is not None
    made = backup.make(hub.folder, tmp_path / "copy", Lock(recipient=str(identity.to_public())), prune)
    assert numbers(hub) == [3, 4]
    assert made.manifest.missing == ()
    assert restore.check(made.file, Opener(identity=Secret(str(identity)))).blobs == made.manifest.blobs


NO_BLOBS = {
    "site.endpoints_digest": "where the hub is", "edge.endpoints_digest": "where the hub is",
    "site.keys_digest": "of keys",
    "concentrator.endpoints_digest": "where the hub is", "passkey.credential_digest": "of an id",
    "phone_trust.list_digest": "of a list that a release names", "phone_trust.taken_digest": "of such a list",
    "blob.digest": "the ledger itself", "phone_file.digest": "of a file that a release names",
}  # fmt: skip
"""Columns with digests that keep no blob, and what they are of."""


def test_every_column_that_names_a_blob_is_known_to_the_collector() -> None:
    columns = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if "digest" in column.name or "sha256" in column.name or "blob" in column.name
    }
    assert columns == {f"{table.__tablename__}.digest" for table in blob_ledger.REFERRING} | NO_BLOBS.keys()


def test_nobody_puts_a_blob_without_a_claim() -> None:
    put = re.compile(r"(?<!kept_)blobs\.(put|receive)\(")
    places = {
        str(file.relative_to(HUB)): put.findall(file.read_text())
        for file in HUB.rglob("*.py")
        if put.search(file.read_text())
    }
    assert places == {"kept_blobs.py": ["put", "receive"], "people/uploads.py": ["receive"]}
    upload = (HUB / "people" / "uploads.py").read_text()
    assert upload.index("kept_blobs.claim") < upload.index("blobs.receive(")


def test_reports_of_a_release_that_is_gone_are_believed(hub: Hub) -> None:
    published(hub, 4)
    later(hub, 100)
    old_releases.remove(hub, POLICY)
    with hub.database.reading() as session:
        assert report_gate._releases_of(session, "anna", {1, 2, 4, 5, 9}) == {1, 2, 4}


class StoppedError(Exception):
    """The process was killed."""


def _stops(work: Callable[..., object], at: int) -> Callable[..., object]:
    calls = 0

    def stopping(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == at:
            raise StoppedError
        done = work(*arguments, **named)
        if calls == at - 1:
            raise StoppedError
        return done

    return stopping


@pytest.mark.parametrize("at", [1, 2])
def test_a_crash_while_blobs_go_leaves_garbage_and_no_hole(hub: Hub, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    published(hub, 4)
    gone = digests(hub, 1) - digests(hub, 3)
    later(hub, 100)
    old_releases.remove(hub, POLICY)
    collect(hub)
    later(hub, 1.1)
    with monkeypatch.context() as patch:
        patch.setattr(hub.blobs, "remove", _stops(hub.blobs.remove, at))
        with pytest.raises(StoppedError):
            collect(hub)
    assert as_edges_take_it(hub) == 4
    with hub.database.reading() as session:
        rows = set(session.scalars(select(BlobRow.digest)))
    assert gone <= rows  # still known, so nothing is lost from sight
    one = next(iter(gone))
    kept_blobs.put(hub, {one: b""})  # claimed again: it stays this time, and a store that has it not writes it anew
    later(hub, 0.5)
    collect(hub)
    with hub.database.reading() as session:
        assert set(session.scalars(select(BlobRow.digest))) & gone == {one}
    assert hub.blobs.has(one)
