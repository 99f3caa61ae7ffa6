"""A cache whose private files are sealed: what stands on the disk, what opens it, and every cut of the power."""

import os
import secrets
from pathlib import Path

import pytest

from ringfence.content.release import Release
from ringfence.content.trust import TrustedMetadata
from ringfence.edge.agent.sync import refresh, update_roots
from ringfence.edge.errors import HubUnreachable, OtherContentKey, SealedFileBroken
from ringfence.edge.storage.cache import Cache
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.vault import Vault
from support.faulty_disk import CutDisk, Loss, PowerCut
from support.memory_hub import MemoryHub
from support.signed_repository import NOW, Repository

OWN, BOOK, LOADS = "SEP001122334455.cnf.xml", "directory.xml", "sip9971.loads"
FIRST = {OWN: b"<device>s3cret-of-anna</device>", BOOK: b"<Name>Berta Private</Name>", LOADS: b"makers-own-bytes"}
SECOND = {**FIRST, OWN: b"<device>another-s3cret</device>"}
PRIVATE = (b"s3cret", b"Berta Private", b"001122334455")
KEY = secrets.token_bytes(32)


class Kept:
    """A cache on a disk, as one process has it."""

    def __init__(self, folder: Path, hub: MemoryHub, disk: Disk | None = None) -> None:
        self.hub, self.disk = hub, disk or Disk()
        self.vault = Vault(folder / "sealed.json", self.disk)
        repository = hub.repository
        self.cache = Cache(folder / "cache", self.disk, repository.site, repository.files["1.root.json"], self.vault)

    def refresh(self, trusted: TrustedMetadata | None = None) -> Release:
        trusted = update_roots(self.hub, self.cache, trusted or self.cache.load().trusted)
        release = refresh(self.hub, self.cache, trusted, NOW).release
        assert release is not None
        self.cache.discard_unused(release)
        return release

    def served(self) -> dict[str, bytes]:
        release = self.cache.load().trusted.release
        found = {}
        for target in release.targets if release else ():
            if self.cache.holds(target):
                descriptor = self.cache.open(target)
                found[target.name] = os.read(descriptor, target.length + 1)
                os.close(descriptor)
        return found

    def seal(self, key: bytes = KEY) -> None:
        self.vault.begin(key)
        self.cache.seal_rest()
        self.vault.erase_left()

    def unlock(self, key: bytes = KEY) -> None:
        self.vault.unlock(key)
        self.cache.seal_rest()
        self.vault.erase_left()

    def open(self) -> None:
        self.cache.open_rest()
        self.vault.end()
        self.cache.forget_sealed()


def in_clear(folder: Path) -> set[bytes]:
    """What of the private words is in any file, or in any file's name."""
    texts = [path.read_bytes() + path.name.encode() for path in folder.rglob("*") if path.is_file()]
    return {word for word in PRIVATE for text in texts if word in text}


@pytest.fixture
def hub() -> MemoryHub:
    repository = Repository()
    repository.publish(1, FIRST)
    return MemoryHub(repository)


def test_what_is_private_is_ciphertext_on_the_disk_and_nothing_without_the_key(tmp_path: Path, hub: MemoryHub) -> None:
    kept = Kept(tmp_path, hub)
    kept.refresh()
    assert in_clear(tmp_path) == set(PRIVATE)
    kept.seal()
    assert in_clear(tmp_path) == set()
    assert kept.served() == FIRST
    assert [path.read_bytes() for path in (tmp_path / "cache" / "blobs").iterdir()] == [FIRST[LOADS]]

    again = Kept(tmp_path, hub)
    assert again.vault.is_locked
    assert again.served() == {}
    with pytest.raises(OtherContentKey):
        again.unlock(secrets.token_bytes(32))
    assert again.served() == {}
    again.unlock()
    assert again.served() == FIRST


def test_another_release_is_fetched_into_memory_and_sealed(tmp_path: Path, hub: MemoryHub) -> None:
    kept = Kept(tmp_path, hub)
    kept.seal()
    kept.refresh()
    hub.repository.publish(2, SECOND)
    hub.asked.clear()
    kept.refresh()
    assert kept.served() == SECOND
    assert in_clear(tmp_path) == set()
    assert sum("@" in asked for asked in hub.asked) == 1, "what did not change is not fetched again"
    assert len(list((tmp_path / "cache" / "sealed").iterdir())) == 2


def test_a_cut_download_goes_on_from_memory_and_leaves_nothing_in_clear(tmp_path: Path, hub: MemoryHub) -> None:
    kept = Kept(tmp_path, hub)
    kept.seal()
    hub.cut_after = 20
    trusted = kept.cache.load().trusted
    with pytest.raises(HubUnreachable):
        kept.refresh(trusted)
    hub.cut_after, hub.asked = None, []
    assert in_clear(tmp_path) == set()
    kept.refresh(trusted)
    assert kept.served() == FIRST
    assert any("@" in asked and not asked.endswith("@0") for asked in hub.asked), "it began anew"


def test_altered_cut_and_exchanged_files_are_found_and_fetched_again(tmp_path: Path, hub: MemoryHub) -> None:
    kept = Kept(tmp_path, hub)
    kept.refresh()
    kept.seal()
    one, two = sorted((tmp_path / "cache" / "sealed").iterdir())
    good = {path: path.read_bytes() for path in (one, two)}
    altered = bytes((good[one][-1] ^ 1,))
    for spoilt in (b"", good[one][:10], good[one][:-1] + altered, good[two], b"RFS\x02" + good[one][4:]):
        one.write_bytes(spoilt)
        with pytest.raises(SealedFileBroken):
            kept.vault.open(spoilt, one.name)
        assert len(kept.cache.load().damaged) == 1
        kept.refresh()
        assert kept.served() == FIRST
    (tmp_path / "cache" / "current.json.sealed").write_bytes(good[two])
    assert kept.served() == {}
    kept.refresh()
    assert kept.served() == FIRST


def test_files_for_a_worker_are_in_memory_alone_and_never_change(tmp_path: Path, hub: MemoryHub) -> None:
    kept = Kept(tmp_path, hub)
    kept.refresh()
    kept.seal()
    release = kept.cache.load().trusted.release
    assert release is not None
    own = next(target for target in release.targets if target.name == OWN)
    descriptor = kept.cache.open(own)
    assert str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith("/memfd:")
    with pytest.raises(PermissionError):
        os.write(descriptor, b"x")
    os.close(descriptor)


def test_a_file_that_a_transfer_reads_is_overwritten_after_it(tmp_path: Path, hub: MemoryHub) -> None:
    kept = Kept(tmp_path, hub)
    release = kept.refresh()
    own = next(target for target in release.targets if target.name == OWN)
    reading = kept.cache.open(own)
    kept.seal()
    assert in_clear(tmp_path) == {b"s3cret"}
    assert os.read(reading, 100) == FIRST[OWN]
    os.close(reading)
    kept.vault.erase_left()
    assert kept.vault.is_complete
    assert in_clear(tmp_path) == set()


def test_back_in_the_clear_everything_is_served_without_a_key(tmp_path: Path, hub: MemoryHub) -> None:
    kept = Kept(tmp_path, hub)
    kept.refresh()
    kept.seal()
    kept.open()
    assert not list((tmp_path / "cache" / "sealed").iterdir())
    assert Kept(tmp_path, hub).served() == FIRST


@pytest.mark.parametrize("loss", list(Loss), ids=lambda loss: loss.name)
def test_a_cut_while_it_seals_leaves_an_edge_that_seals_the_rest_with_its_key(
    tmp_path: Path, hub: MemoryHub, loss: Loss
) -> None:
    def sealing(name: str, disk: CutDisk) -> None:
        Kept(tmp_path / name, hub).refresh()
        Kept(tmp_path / name, hub, disk).seal()

    counting = CutDisk(None)
    sealing("counted", counting)
    for cut in range(counting.operations):
        with pytest.raises(PowerCut):
            sealing(f"cut-{cut}", CutDisk(cut, loss))
        again = Kept(tmp_path / f"cut-{cut}", hub)
        if not again.vault.is_sealed:
            assert again.served() == FIRST, "it had not begun"
            continue
        again.unlock()
        again.refresh()
        assert again.served() == FIRST
        assert in_clear(tmp_path / f"cut-{cut}") == set()


@pytest.mark.parametrize("loss", list(Loss), ids=lambda loss: loss.name)
def test_a_cut_while_it_opens_leaves_it_sealed_or_open_and_whole(tmp_path: Path, hub: MemoryHub, loss: Loss) -> None:
    def opening(name: str, disk: CutDisk) -> None:
        before = Kept(tmp_path / name, hub)
        before.refresh()
        before.seal()
        kept = Kept(tmp_path / name, hub, disk)
        kept.unlock()
        kept.open()

    counting = CutDisk(None)
    opening("counted", counting)
    states = set()
    for cut in range(counting.operations):
        with pytest.raises(PowerCut):
            opening(f"cut-{cut}", CutDisk(cut, loss))
        again = Kept(tmp_path / f"cut-{cut}", hub)
        states.add(again.vault.is_sealed)
        if again.vault.is_sealed:
            again.unlock()
            assert in_clear(tmp_path / f"cut-{cut}") == set()
        assert again.served() == FIRST
    assert states == {True, False}
