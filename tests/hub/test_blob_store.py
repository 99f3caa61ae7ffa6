"""The port to blobs: one suite for every adapter, and a hub on one that knows no folder."""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ringfence.content.digests import Digest, sha256_hex
from ringfence.hub.core import open_hub
from ringfence.hub.data import blob_store
from ringfence.hub.data.blob_store import BlobStore
from ringfence.hub.data.directory_blobs import DirectoryBlobs
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data.s3_blobs import S3Blobs
from ringfence.hub.data_errors import BlobUnavailable
from ringfence.hub.errors import BlobDiffers
from ringfence.secret import Secret
from ringfence.wire import paths
from support.chosen_database import copied
from support.memory_blobs import MemoryBlobs
from support.running_hub import Clock, RunningHub
from support.s3_server import S3Server, s3_server
from support.serving_hub import serving

SEA = bytes(range(256)) * 600
NONE_SUCH = sha256_hex(b"never kept")


def _in_a_folder(path: Path) -> BlobStore:
    (path / "blobs").mkdir()
    return DirectoryBlobs(path / "blobs")


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture(params=["directory", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "directory":
        return _in_a_folder(tmp_path)
    if request.param == "memory":
        return MemoryBlobs()
    server: S3Server = request.getfixturevalue("s3")
    return S3Blobs(server.place(server.bucket(f"b-{os.urandom(6).hex()}"), "of/tests"), tmp_path / "copies")


def _keep(store: BlobStore, *blobs: bytes) -> list[Digest]:
    kept = {sha256_hex(data): data for data in blobs}
    store.put(kept)
    return list(kept)


def _receive(store: BlobStore, digest: Digest, *parts: bytes) -> None:
    with store.receive(digest) as write:
        for part in parts:
            write(part)


def test_what_was_put_is_there_under_its_digest(store: BlobStore) -> None:
    sea, empty = _keep(store, SEA, b"")
    assert (store.get(sea), store.size_bytes(sea), store.has(sea)) == (SEA, len(SEA), True)
    assert (store.get(empty), store.size_bytes(empty), store.has(empty)) == (b"", 0, True)
    store.put({})
    _keep(store, SEA)
    assert store.get(sea) == SEA


def test_what_was_never_put_is_told(store: BlobStore) -> None:
    assert not store.has(NONE_SUCH)
    asks: list[Callable[[], object]] = [
        lambda: store.get(NONE_SUCH),
        lambda: store.size_bytes(NONE_SUCH),
        lambda: store.open_range(NONE_SUCH, 0, 1),
    ]
    for ask in asks:
        with pytest.raises(BlobUnavailable) as told:
            ask()
        assert NONE_SUCH in told.value.where


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "/"])
def test_a_name_that_is_no_digest_reaches_no_store(store: BlobStore, name: str) -> None:
    digest = Digest(name)
    asks: list[Callable[[], object]] = [
        lambda: store.put({digest: b"x"}),
        lambda: store.get(digest),
        lambda: store.has(digest),
        lambda: store.size_bytes(digest),
        lambda: store.open_range(digest, 0, 1),
        lambda: _receive(store, digest, b"x"),
    ]
    for ask in asks:
        with pytest.raises(ValueError, match="a blob's name is its SHA-256"):
            ask()


@pytest.mark.parametrize(
    ("start", "length"), [(0, len(SEA)), (0, 0), (1, 70_000), (len(SEA) - 1, 1), (len(SEA) - 1, 100), (len(SEA), 5)]
)
def test_a_part_of_a_blob_comes_in_pieces(store: BlobStore, start: int, length: int) -> None:
    (sea,) = _keep(store, SEA)
    assert b"".join(store.open_range(sea, start, length)) == SEA[start : start + length]


def test_an_upload_is_kept_once_it_is_whole(store: BlobStore) -> None:
    digest = sha256_hex(SEA)
    with store.receive(digest) as write:
        write(SEA[:1000])
        write(b"")
        write(SEA[1000:])
        assert not store.has(digest)
    assert store.get(digest) == SEA
    _receive(store, digest, SEA)  # twice is once
    assert store.sweep() == 0


def test_an_upload_that_is_another_blob_leaves_nothing(store: BlobStore) -> None:
    with pytest.raises(BlobDiffers):
        _receive(store, sha256_hex(SEA), SEA[:-1])
    assert not store.has(sha256_hex(SEA))
    assert store.sweep() == 0


def test_an_upload_that_breaks_off_leaves_nothing(store: BlobStore) -> None:
    digest = sha256_hex(SEA)

    def break_off() -> None:
        with store.receive(digest) as write:
            write(SEA)
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        break_off()
    assert not store.has(digest)
    assert store.sweep() == 0


def test_an_upload_beyond_the_limit_is_refused(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob_store, "LARGEST_RECEIVED_BYTES", 1000)
    _receive(store, sha256_hex(SEA[:1000]), SEA[:500], SEA[500:1000])
    with pytest.raises(BlobDiffers):
        _receive(store, sha256_hex(SEA[:1001]), SEA[:1000], SEA[1000:1001])
    assert not store.has(sha256_hex(SEA[:1001]))


def test_many_at_once_do_not_disturb_each_other(store: BlobStore) -> None:
    blobs = [os.urandom(2000) for _ in range(8)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda data: _receive(store, sha256_hex(data), data), blobs * 2))
        list(pool.map(lambda data: _keep(store, data), blobs))
    assert [store.get(sha256_hex(data)) for data in blobs] == blobs
    assert store.sweep() == 0


def test_what_another_hub_writes_just_now_is_not_swept(tmp_path: Path) -> None:
    ours, theirs = DirectoryBlobs(tmp_path), DirectoryBlobs(tmp_path)
    with theirs.receive(sha256_hex(SEA)) as write:
        write(SEA[:1000])
        assert ours.sweep(untouched_s=3600.0) == 0
        write(SEA[1000:])
    assert ours.get(sha256_hex(SEA)) == SEA
    left = tmp_path / NONE_SUCH[:2] / f"{NONE_SUCH}.0badcafe.part"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half")
    os.utime(left, (0.0, 0.0))
    assert (ours.sweep(untouched_s=3600.0), left.exists()) == (1, False)


def test_a_hub_runs_on_a_store_without_a_folder(made_hub: tuple[Path, Secret], tmp_path: Path) -> None:
    copied(made_hub[0], tmp_path / "hub")
    folder = DataFolder(tmp_path / "hub")
    folder.blobs.rmdir()
    store = MemoryBlobs()
    hub, clock = open_hub(folder, blobs=store), Clock()
    hub.clock = clock
    with serving(hub, folder):
        running = RunningHub(folder, hub, made_hub[1], clock)
        running.do("PUT", "/settings/organisation/sip_server", {"value": "sip.example.org"})
        site = running.site("Anna")
        running.phone(site, "00:1B:54:C2:9A:10", "7942")
        digest = hashlib.sha256(SEA).hexdigest()
        assert running.raw("PUT", f"/api/v1/uploads/{digest}", SEA).status == 201
        file = {"name": "Sea.raw", "digest": digest, "length": len(SEA), "variant": "MULAW_8K"}
        running.do("POST", "/assets", {"kind": "ring tone", "name": "Sea", "source": "test", "files": [file]})
        running.publish(sites=[site])
        edge = running.enrol(site, tmp_path / "edge")
        part = edge.get(paths.BLOBS + digest, Range="bytes=100-199")
        assert (part.status, part.data) == (206, SEA[100:200])
        files = running.do("GET", f"/sites/{site}/releases/1")["files"]
        assert all(edge.get(paths.BLOBS + each["digest"]).data == store.get(each["digest"]) for each in files)
        assert "diff" in running.do("GET", f"/sites/{site}/releases/1/diff")["files"][0]
    assert not folder.blobs.exists()


def test_the_room_that_is_left_is_known_or_said_not_to_be(store: BlobStore) -> None:
    free = store.free_bytes()
    assert free is None or free > 0


def test_what_is_removed_is_gone_and_who_reads_it_goes_on(store: BlobStore) -> None:
    sea, other = _keep(store, SEA, b"other")
    descriptor = store.open_file(sea)
    try:
        store.remove([sea, NONE_SUCH])
        assert (store.has(sea), store.has(other)) == (False, True)
        assert os.pread(descriptor, len(SEA), 0) == SEA
    finally:
        os.close(descriptor)
    store.remove([sea])  # twice is once
    store.remove([])
    _keep(store, SEA)
    assert store.get(sea) == SEA
    with pytest.raises(ValueError, match="a blob's name is its SHA-256"):
        store.remove([Digest("../../etc/passwd")])
