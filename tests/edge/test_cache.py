"""An edge's cache, fed from a hub in memory: what is fetched, resumed, refused; and every cut of the power."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ringfence.content.errors import (
    BadSignature,
    EndlessData,
    Frozen,
    MixAndMatch,
    WrongDigest,
)
from ringfence.content.repository import Versions
from ringfence.content.signing import DAY_S
from ringfence.content.trust import TrustedMetadata
from ringfence.edge.agent import sync
from ringfence.edge.agent.sync import Refreshed, refresh, update_roots
from ringfence.edge.errors import DiskFull, HubUnreachable
from ringfence.edge.storage.cache import Cache
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.vault import Vault
from ringfence.wire.messages import Progress
from support.faulty_disk import (
    CutDisk,
    FullDisk,
    Loss,
    PowerCut,
)
from support.memory_hub import MemoryHub
from support.signed_repository import NOW, Repository, signers

FIRST = {"SEP001122334455.cnf.xml": b"<device>one</device>", "dialplan.xml": b"<DIALTEMPLATE/>", "empty.xml": b""}
SECOND = {"SEP001122334455.cnf.xml": b"<device>two, longer</device>", "dialplan.xml": b"<DIALTEMPLATE/>", "new": b"n"}


def cache_on(folder: Path, repository: Repository, disk: Disk | None = None) -> Cache:
    disk = disk or Disk()
    vault = Vault(folder / "sealed.json", disk)
    return Cache(folder / "cache", disk, repository.site, repository.files["1.root.json"], vault)


def served(cache: Cache, trusted: TrustedMetadata) -> dict[str, bytes]:
    """What phones would get: every target's bytes, read through the descriptor that a worker would have."""
    release = trusted.release
    found = {}
    for target in release.targets if release else ():
        descriptor = cache.open(target)
        found[target.name] = os.pread(descriptor, target.length + 1, 0)
        os.close(descriptor)
    return found


def refreshed(hub: MemoryHub, cache: Cache, trusted: TrustedMetadata | None = None, now: float = NOW) -> Refreshed:
    result = refresh(hub, cache, update_roots(hub, cache, trusted or cache.load().trusted), now)
    if result.release is not None:
        cache.discard_unused(result.release)
    return result


@pytest.fixture
def hub() -> MemoryHub:
    repository = Repository()
    repository.publish(1, FIRST)
    return MemoryHub(repository)


def test_a_release_arrives_whole_and_is_there_after_a_restart_without_the_hub(tmp_path: Path, hub: MemoryHub) -> None:
    cache = cache_on(tmp_path, hub.repository)
    assert refreshed(hub, cache).is_new
    hub.away = True
    again = cache_on(tmp_path, hub.repository)
    kept = again.load()
    assert kept.damaged == ()
    assert served(again, kept.trusted) == FIRST


def test_only_missing_blobs_are_fetched(tmp_path: Path, hub: MemoryHub) -> None:
    cache = cache_on(tmp_path, hub.repository)
    first = refreshed(hub, cache)
    hub.repository.publish(2, SECOND)
    hub.asked.clear()
    second = refreshed(hub, cache, first.trusted)
    assert second.fetched_files == 2  # the dial plan is the same
    assert served(cache, second.trusted) == SECOND
    assert len(list((tmp_path / "cache" / "blobs").iterdir())) == 3


def test_a_refresh_without_news_asks_for_the_next_root_and_the_timestamp_only(tmp_path: Path, hub: MemoryHub) -> None:
    cache = cache_on(tmp_path, hub.repository)
    first = refreshed(hub, cache)
    hub.asked.clear()
    assert not refreshed(hub, cache, first.trusted).is_new
    assert hub.asked == ["2.root.json", "timestamp.json"]


def test_a_site_without_a_release_has_nothing_and_says_so(tmp_path: Path) -> None:
    hub = MemoryHub(Repository())
    assert refreshed(hub, cache_on(tmp_path, hub.repository)).release is None


def test_a_hub_that_forgets_its_releases_is_refused(tmp_path: Path, hub: MemoryHub) -> None:
    cache = cache_on(tmp_path, hub.repository)
    first = refreshed(hub, cache)
    del hub.repository.files["timestamp.json"]
    with pytest.raises(Frozen, match="no release"):
        refreshed(hub, cache, first.trusted)


def test_a_download_cut_at_any_byte_goes_on_from_there(tmp_path: Path, hub: MemoryHub) -> None:
    size = sum(len(data) for data in FIRST.values())
    for cut in range(size):
        folder = tmp_path / str(cut)
        cache = cache_on(folder, hub.repository)
        hub.cut_after = cut
        try:
            refreshed(hub, cache)
            interrupted = False
        except HubUnreachable:
            interrupted = True
        hub.cut_after, hub.asked = None, []
        done = refreshed(hub, cache)
        assert served(cache, done.trusted) == FIRST
        assert interrupted
        assert done.fetched_bytes <= size - cut + 6  # whole chunks that came are not fetched again


def test_a_blob_with_other_bytes_is_refused_and_fetched_anew(tmp_path: Path, hub: MemoryHub) -> None:
    cache = cache_on(tmp_path, hub.repository)
    good = dict(hub.repository.blobs)
    hub.repository.blobs = {digest: data.upper() for digest, data in good.items()}
    with pytest.raises(WrongDigest):
        refreshed(hub, cache)
    assert cache.load().trusted.release is None
    hub.repository.blobs = good
    assert served(cache, refreshed(hub, cache).trusted) == FIRST


def test_a_blob_without_end_is_cut_off(tmp_path: Path, hub: MemoryHub) -> None:
    cache = cache_on(tmp_path, hub.repository)
    hub.repository.blobs = {digest: data + b"x" * 10_000 for digest, data in hub.repository.blobs.items()}
    with pytest.raises((EndlessData, WrongDigest)):
        refreshed(hub, cache)
    assert sum(path.stat().st_size for path in (tmp_path / "cache" / "partial").iterdir()) < 100


def test_a_chain_of_roots_is_walked_and_an_endless_one_is_cut_off(tmp_path: Path, hub: MemoryHub) -> None:
    cache = cache_on(tmp_path, hub.repository)
    first = refreshed(hub, cache)
    hub.repository.rotate(signers())
    hub.repository.publish(2, SECOND)
    second = refreshed(hub, cache, first.trusted)
    assert second.trusted.root_version == 2
    assert cache_on(tmp_path, hub.repository).load().trusted.root_version == 2
    for _ in range(70):
        hub.repository.rotate(hub.repository.keys)
    with pytest.raises(EndlessData, match="new roots"):
        refreshed(hub, cache, second.trusted)


def test_a_named_file_that_the_hub_does_not_have_is_a_mix(tmp_path: Path, hub: MemoryHub) -> None:
    del hub.repository.files["1.snapshot.json"]
    with pytest.raises(MixAndMatch, match=r"1\.snapshot\.json"):
        refreshed(hub, cache_on(tmp_path, hub.repository))


def test_a_withheld_timestamp_freezes_and_the_last_good_release_stays(tmp_path: Path, hub: MemoryHub) -> None:
    cache = cache_on(tmp_path, hub.repository)
    first = refreshed(hub, cache)
    with pytest.raises(Frozen):
        refreshed(hub, cache, first.trusted, now=NOW + 8 * DAY_S)
    assert served(cache, cache.load().trusted) == FIRST


def test_a_blob_damaged_on_disk_is_left_out_and_fetched_again(tmp_path: Path, hub: MemoryHub) -> None:
    cache = cache_on(tmp_path, hub.repository)
    release = refreshed(hub, cache).release
    assert release is not None
    target = next(target for target in release.targets if target.length)
    (tmp_path / "cache" / "blobs" / target.digest).write_bytes(b"rot")
    kept = cache.load()
    assert kept.damaged == (target.name,)
    assert not cache.holds(target)
    assert refreshed(hub, cache, kept.trusted).is_new
    assert served(cache, kept.trusted) == FIRST


def test_kept_metadata_that_was_altered_is_not_taken(tmp_path: Path, hub: MemoryHub) -> None:
    cache = cache_on(tmp_path, hub.repository)
    refreshed(hub, cache)
    current = tmp_path / "cache" / "current.json"
    for junk in (b"", b"{}", b"null", current.read_bytes().replace(b"anna", b"bert")):
        current.write_bytes(junk)
        kept = cache.load()
        assert kept.trusted.release is None
        assert kept.refusal


def test_nothing_but_the_owner_reads_the_cache(tmp_path: Path, hub: MemoryHub) -> None:
    cache = cache_on(tmp_path, hub.repository)
    refreshed(hub, cache)
    for path in (tmp_path / "cache").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0


def _update_to_second(folder: Path, hub: MemoryHub, disk: Disk) -> None:
    cache = cache_on(folder, hub.repository, disk)
    refreshed(hub, cache)


def _every_cut(run: Callable[[CutDisk], None]) -> int:
    counting = CutDisk(None)
    run(counting)
    return counting.operations


@pytest.mark.parametrize("loss", list(Loss), ids=lambda loss: loss.name)
@pytest.mark.parametrize("first", ["nothing", "release 1"])
def test_power_cut_between_any_two_writes_leaves_one_whole_release(
    tmp_path: Path, hub: MemoryHub, loss: Loss, first: str
) -> None:
    allowed = [{}, SECOND] if first == "nothing" else [FIRST, SECOND]

    def prepared(name: str) -> Path:
        folder = tmp_path / name
        repository = Repository(keys=hub.repository.keys)
        repository.publish(1, FIRST)
        hub.repository = repository
        if first != "nothing":
            _update_to_second(folder, hub, Disk())
        repository.publish(2, SECOND)
        return folder

    steps = _every_cut(lambda disk: _update_to_second(prepared("counted"), hub, disk))
    assert steps > 10
    states = set()
    for cut in range(steps):
        folder = prepared(f"cut-{cut}")
        with pytest.raises(PowerCut):
            _update_to_second(folder, hub, CutDisk(cut, loss))
        cache = cache_on(folder, hub.repository)
        kept = cache.load()
        assert kept.refusal == ""
        assert kept.damaged == ()
        found = served(cache, kept.trusted)
        assert found in allowed
        states.add(allowed.index(found))
        done = refreshed(hub, cache, kept.trusted)
        assert served(cache, done.trusted) == SECOND
        assert {path.name for path in (folder / "cache" / "partial").iterdir()} == set()
    assert states == {0, 1} or first == "nothing"  # both outcomes were really met


def test_a_disk_that_fills_at_any_write_keeps_the_last_release_and_recovers_alone(
    tmp_path: Path, hub: MemoryHub
) -> None:
    _update_to_second(tmp_path, hub, Disk())
    hub.repository.publish(2, SECOND)
    room = 0
    while True:
        disk = FullDisk(room)
        cache = cache_on(tmp_path, hub.repository, disk)
        kept = cache.load()
        try:
            result = refreshed(hub, cache, kept.trusted)
        except DiskFull:
            assert served(cache, cache.load().trusted) == FIRST
            room += 1
            continue
        break
    assert room >= 3
    assert served(cache, result.trusted) == SECOND


def test_the_hub_is_told_now_and_then_how_far_a_release_is(
    tmp_path: Path, hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "TELL_EVERY_S", 0.0)
    refreshed(hub, cache_on(tmp_path, hub.repository))
    whole = sum(map(len, FIRST.values()))
    assert hub.progress[-1] == Progress(1, whole, whole)
    done = [told.done_bytes for told in hub.progress]
    assert done == sorted(done)
    assert {told.total_bytes for told in hub.progress} == {whole}


def test_a_hub_that_does_not_want_to_know_how_far_it_is_hinders_nothing(
    tmp_path: Path, hub: MemoryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "TELL_EVERY_S", 0.0)
    hub.knows_no_progress = True
    assert refreshed(hub, cache_on(tmp_path, hub.repository)).fetched_files == len(FIRST)
    assert hub.progress == []


def test_a_verified_root_is_kept_though_what_follows_it_fails(tmp_path: Path, hub: MemoryHub) -> None:
    cache = cache_on(tmp_path, hub.repository)
    refreshed(hub, cache)
    hub.repository.rotate(signers())  # and nothing is signed anew with the new keys yet
    with pytest.raises(BadSignature):
        refreshed(hub, cache)
    hub.away = True
    kept = cache_on(tmp_path, hub.repository).load()
    assert kept.trusted.root_version == 2
    assert served(cache, kept.trusted) == FIRST, "what was trusted is served meanwhile"


def test_an_edge_that_was_led_far_ahead_is_healed_by_new_keys_after_a_restart_too(
    tmp_path: Path, hub: MemoryHub
) -> None:
    thief = replace(hub.repository, files=dict(hub.repository.files), blobs=dict(hub.repository.blobs))
    thief.versions = Versions(9_000, 9_000, 9_000)
    thief.publish(9_000, SECOND)
    refreshed(MemoryHub(thief), cache_on(tmp_path, hub.repository))
    hub.repository.rotate(signers())
    hub.repository.publish(2, FIRST)
    result = refreshed(hub, cache_on(tmp_path, hub.repository))
    assert result.release is not None
    assert result.release.number == 2
    assert served(cache_on(tmp_path, hub.repository), result.trusted) == FIRST
