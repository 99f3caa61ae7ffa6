import hashlib
import itertools
from pathlib import Path

import pytest

from ringfence.content.release import Release, TargetKind
from ringfence.content.trust import TrustedMetadata
from ringfence.hub.process.renewal import renew_metadata
from ringfence.wire import paths
from support.running_hub import EdgeInHand, RunningHub

MACS = (f"00:1B:54:C2:B0:{number:02X}" for number in itertools.count())


def refresh(edge: EdgeInHand, now: float, trusted: TrustedMetadata | None = None) -> TrustedMetadata:
    """Walk the metadata as an edge does."""
    trusted = trusted or TrustedMetadata(edge.response.site_id, edge.response.root_metadata.encode())
    while (answer := edge.get(f"{paths.METADATA}{trusted.root_version + 1}.root.json")).status == 200:
        trusted.update_root(answer.data)
    if trusted.update_timestamp(edge.get(paths.METADATA + "timestamp.json").data, now):
        version = trusted.snapshot_meta.version
        trusted.update_snapshot(edge.get(f"{paths.METADATA}{version}.snapshot.json").data, now)
        version = trusted.targets_meta.version
        trusted.update_targets(edge.get(f"{paths.METADATA}{version}.targets.json").data, now)
    return trusted


def published(running: RunningHub, edge: EdgeInHand) -> Release:
    release = refresh(edge, running.clock()).release
    assert release is not None
    return release


@pytest.fixture
def edge(running: RunningHub, tmp_path: Path, request: pytest.FixtureRequest) -> EdgeInHand:
    """An edge of a site with one phone, published."""
    name = f"Site of {request.node.name}"[:80]
    site = running.site(name)
    running.phone(site, next(MACS))
    running.publish(sites=[site])
    return running.enrol(site, tmp_path / "edge")


def test_a_published_phone_reaches_its_sites_edge_verified(running: RunningHub, edge: EdgeInHand) -> None:
    release = published(running, edge)
    (target,) = release.targets
    assert (release.number, target.kind) == (1, TargetKind.CONFIGURATION)
    assert target.name == f"SEP{target.owner}.cnf.xml"
    assert target.reload is not None
    answer = edge.get(paths.BLOBS + target.digest)
    assert hashlib.sha256(answer.data).hexdigest() == target.digest
    assert answer.headers["ETag"] == f'"{target.digest}"'
    assert b"Anna" in answer.data


def test_before_the_first_release_there_is_no_timestamp(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Empty"), tmp_path / "edge")
    answer = edge.get(paths.METADATA + "timestamp.json")
    assert (answer.status, answer.problem.kind) == (404, "not-found")


@pytest.mark.parametrize(
    "name", ["0.root.json", "01.root.json", "9.targets.json", "1.timestamp.json", "targets.json", "1.keys.json", "x"]
)
def test_metadata_that_is_none_is_not_found(edge: EdgeInHand, name: str) -> None:
    assert edge.get(paths.METADATA + name).status == 404


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=0-99999999", 206, slice(0, None)),
        ("bytes=5-2", 200, slice(0, None)),
        ("bytes=0-1,5-6", 200, slice(0, None)),
        ("lines=1-2", 200, slice(0, None)),
        ("bytes=99999999-", 416, slice(0, 0)),
        ("bytes=-0", 416, slice(0, 0)),
    ],
)
def test_a_blob_is_given_in_the_part_that_is_asked(
    running: RunningHub, edge: EdgeInHand, asked: str, status: int, part: slice
) -> None:
    (target,) = published(running, edge).targets
    whole = edge.get(paths.BLOBS + target.digest).data
    answer = edge.get(paths.BLOBS + target.digest, Range=asked)
    assert answer.status == status
    if status == 206:
        assert answer.data == whole[part]
        first = len(whole[: part.start] if part.start and part.start > 0 else b"" if part.start == 0 else whole[:-7])
        expected = f"bytes {first}-{first + len(answer.data) - 1}/{len(whole)}"
        assert answer.headers["Content-Range"] == expected
    elif status == 200:
        assert answer.data == whole
    else:
        assert answer.headers["Content-Range"] == f"bytes */{len(whole)}"


def test_a_changed_blob_is_not_continued(running: RunningHub, edge: EdgeInHand) -> None:
    (target,) = published(running, edge).targets
    headers = {"Range": "bytes=10-", "If-Range": '"another"'}
    assert edge.get(paths.BLOBS + target.digest, **headers).status == 200


def test_another_sites_blob_is_not_given(running: RunningHub, edge: EdgeInHand, tmp_path: Path) -> None:
    other = running.enrol(running.site("Nosy neighbour"), tmp_path / "other")
    (target,) = published(running, edge).targets
    answer = other.get(paths.BLOBS + target.digest)
    assert (answer.status, answer.problem.kind) == (404, "not-found")


def test_another_sites_metadata_can_not_even_be_named(running: RunningHub, edge: EdgeInHand, tmp_path: Path) -> None:
    other = running.enrol(running.site("Another neighbour"), tmp_path / "other")
    assert edge.get(paths.METADATA + "1.targets.json").status == 200
    for name in ("1.targets.json", "timestamp.json", f"../{edge.response.site_id}/1.targets.json"):
        assert other.get(paths.METADATA + name).status == 404


@pytest.mark.parametrize("digest", ["0" * 64, "Z" * 64, "..%2f..%2fhub.toml", "abc"])
def test_a_blob_that_no_release_names_is_not_given(edge: EdgeInHand, digest: str) -> None:
    assert edge.get(paths.BLOBS + digest).status == 404


def test_a_path_or_method_that_is_none_gets_a_problem(edge: EdgeInHand) -> None:
    assert edge.get("/device/v1/nothing").problem.kind == "not-found"
    assert edge.get(paths.RENEW).problem.kind == "bad-request"


def test_after_an_edit_the_edge_gets_the_next_release_only_by_its_metadata(
    running: RunningHub, edge: EdgeInHand
) -> None:
    trusted = refresh(edge, running.clock())
    (before,) = trusted.release.targets if trusted.release else ()
    mac = str(before.owner)
    running.do("PUT", f"/phones/{mac}/lines/1", {"label": "Anna Ltd"})
    running.publish()
    trusted = refresh(edge, running.clock(), trusted)
    assert trusted.release is not None
    assert trusted.release.number == 2
    assert b"Anna Ltd" in edge.get(paths.BLOBS + trusted.release.targets[0].digest).data
    assert edge.get(paths.BLOBS + before.digest).status == 200, "an edge may still be fetching the old one"


def test_metadata_that_has_used_half_its_time_is_signed_anew_and_still_verifies(
    running: RunningHub, edge: EdgeInHand
) -> None:
    day = 86_400
    trusted = refresh(edge, running.clock())
    assert renew_metadata(running.hub) == 0
    for ahead, roots in ((4 * day, 1), (200 * day, 1), (6 * 365 * day, 2)):
        with running.clock.forward(ahead):
            assert renew_metadata(running.hub) > 0
            assert renew_metadata(running.hub) == 0
            running.hub.config.certificate_grace_days = 3650
            edge.use(edge.renewed())
            now = running.clock()
            refresh(edge, now, trusted)
            assert trusted.release is not None
            assert trusted.release.number == 1
            assert trusted.root_version == roots
