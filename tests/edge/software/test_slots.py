"""How software comes into a slot: checked before it is unpacked, and the slot in use is never touched."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from ringfence.content.errors import BadSignature, EndlessData, Malformed, MetadataRefused
from ringfence.content.software import (
    LARGEST_ARCHIVE_BYTES,
    LARGEST_STATEMENT_BYTES,
    SoftwareRelease,
    sign_software,
    verify_software,
    version_numbers,
)
from ringfence.edge.errors import DiskFull
from ringfence.edge.software import archive, launcher
from ringfence.edge.software.errors import NoSlots, SlotsBusy, SoftwareRefused
from ringfence.edge.software.slots import SoftwareSlots
from ringfence.edge.storage.disk import Disk
from ringfence.secret import Secret
from support.software_archives import NOW, SoftwareMaker


@pytest.fixture
def maker(tmp_path: Path) -> SoftwareMaker:
    return SoftwareMaker.new(tmp_path / "made")


@pytest.fixture
def slots(tmp_path: Path, maker: SoftwareMaker) -> SoftwareSlots:
    made = SoftwareSlots(tmp_path / "slots")
    made.install(maker.archive("0.1.0"), maker.key.public_pem)
    return made


def runs(slots: SoftwareSlots, slot: str) -> str:
    """Return what the edge of a slot prints, run as the launcher runs it."""
    command = [str(slots.folder / slot / "bin" / "python"), "-I", "-m", "ringfence.edge"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def given(slots: SoftwareSlots, **state: object) -> None:
    with launcher.changing(slots.folder / "state") as now:
        now.update(state)


def test_a_release_is_unpacked_beside_the_one_in_use(slots: SoftwareSlots, maker: SoftwareMaker) -> None:
    assert runs(slots, "a") == "0.1.0"
    slots.update(maker.archive("0.2.0"), within_s=99)
    assert (runs(slots, "a"), runs(slots, "b")) == ("0.1.0", "0.2.0")
    state = launcher.read_state(slots.folder / "state")
    assert state["trial"] == {"slot": "b", "version": "0.2.0", "begun": False, "within_s": 99}
    found = slots.status()
    assert (found.current, found.versions, found.trial) == ("a", {"a": "0.1.0", "b": "0.2.0"}, "0.2.0")
    assert {each.name for each in slots.folder.iterdir()} == {"a", "b", "state", "pinned.json", "launcher.py"}


def test_nothing_is_installed_while_a_version_is_tried(slots: SoftwareSlots, maker: SoftwareMaker) -> None:
    slots.update(maker.archive("0.2.0"))
    with pytest.raises(SlotsBusy, match=r"0\.2\.0 is being tried"):
        slots.update(maker.archive("0.3.0"))


def test_slots_are_made_once(slots: SoftwareSlots, maker: SoftwareMaker, tmp_path: Path) -> None:
    with pytest.raises(SlotsBusy):
        slots.install(maker.archive("0.2.0"), maker.key.public_pem)
    with pytest.raises(NoSlots):
        SoftwareSlots(tmp_path / "nothing").update(maker.archive("0.2.0"))


def test_a_foreign_key_signs_nothing_for_this_edge(slots: SoftwareSlots, tmp_path: Path) -> None:
    foreign = SoftwareMaker.new(tmp_path / "foreign")
    with pytest.raises(BadSignature):
        slots.update(foreign.archive("0.2.0"))
    assert slots.status().versions == {"a": "0.1.0", "b": ""}


@pytest.mark.parametrize(("old", "new"), [(b'"0.2.0"', b'"9.2.0"'), (b"signatures", b"signatared"), (b"{", b"[")])
def test_a_statement_that_was_changed_is_refused(
    slots: SoftwareSlots, maker: SoftwareMaker, old: bytes, new: bytes
) -> None:
    made = maker.archive("0.2.0")
    statement = made.with_name(made.name + ".json")
    statement.write_bytes(statement.read_bytes().replace(old, new, 1))
    with pytest.raises(MetadataRefused):
        slots.update(made)


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b"x" + data[1:]])
def test_an_archive_that_is_not_the_signed_one_is_refused(
    slots: SoftwareSlots, maker: SoftwareMaker, change: object
) -> None:
    made = maker.archive("0.2.0")
    assert callable(change)
    made.write_bytes(change(made.read_bytes()))
    with pytest.raises(SoftwareRefused, match="not the one that was signed"):
        slots.update(made)
    assert runs(slots, "a") == "0.1.0"
    assert not (slots.folder / "b").exists()


def test_what_lacks_a_statement_or_an_archive_says_so(slots: SoftwareSlots, maker: SoftwareMaker) -> None:
    made = maker.archive("0.2.0")
    made.rename(made.with_name("moved.zip"))
    with pytest.raises(SoftwareRefused, match="archive can't be read"):
        slots.update(made)
    with pytest.raises(SoftwareRefused, match="says what this archive is"):
        slots.update(made.with_name("moved.zip"))


@pytest.mark.parametrize("told", [{"machine": "vax"}, {"python": "cp27"}])
def test_an_archive_for_another_machine_is_refused(
    slots: SoftwareSlots, maker: SoftwareMaker, told: dict[str, str]
) -> None:
    with pytest.raises(SoftwareRefused, match="this archive is for"):
        slots.update(maker.archive("0.2.0", **told))


def test_older_versions_are_a_persons_wish_and_end_at_the_minimum(slots: SoftwareSlots, maker: SoftwareMaker) -> None:
    slots.update(maker.archive("0.5.0", minimum="0.3.0"))
    given(slots, current="b", trial=None)  # as the launcher leaves it
    with pytest.raises(SoftwareRefused, match="not newer than"):
        slots.update(maker.archive("0.4.0"))
    with pytest.raises(SoftwareRefused, match=r"below 0\.3\.0"):
        slots.update(maker.archive("0.2.0"), older=True)
    slots.update(maker.archive("0.4.0"), older=True)
    given(slots, current="a", trial=None)
    with pytest.raises(SoftwareRefused, match=r"below 0\.3\.0"):  # it stays, though 0.4.0 asks for none
        slots.update(maker.archive("0.2.0"), older=True)


def test_a_version_that_was_given_up_is_tried_again_by_a_person_alone(
    slots: SoftwareSlots, maker: SoftwareMaker
) -> None:
    given(slots, failed={"0.2.0": "it ended with status 1"})
    with pytest.raises(SoftwareRefused, match="given up before: it ended with status 1"):
        slots.update(maker.archive("0.2.0"))
    slots.update(maker.archive("0.2.0"), again=True)
    assert slots.status().failed == {}


def test_a_full_disk_changes_nothing(
    slots: SoftwareSlots, maker: SoftwareMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Disk, "free_bytes", lambda _self, _folder: 1)
    with pytest.raises(DiskFull):
        slots.update(maker.archive("0.2.0"))
    assert runs(slots, "a") == "0.1.0"
    assert slots.status().trial == ""


@pytest.mark.parametrize(
    "step", ["os.fsync", "os.sync", "pathlib.Path.rename", "pathlib.Path.symlink_to", "subprocess.run"]
)
def test_a_cut_in_any_step_leaves_the_slot_in_use(
    step: str, slots: SoftwareSlots, maker: SoftwareMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = maker.archive("0.2.0")

    def cut(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(step, cut)
        with pytest.raises(KeyboardInterrupt):
            slots.update(made)
    assert runs(slots, "a") == "0.1.0"
    assert launcher.read_state(slots.folder / "state")["trial"] is None
    slots.update(made)
    assert runs(slots, "b") == "0.2.0"


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "a\\b", "a\nb", "./a", "a//b", ""])
def test_no_entry_leaves_the_folder(name: str, tmp_path: Path) -> None:
    file = tmp_path / "evil.zip"
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(zipfile.ZipInfo(name), b"x")
    with file.open("rb") as opened, pytest.raises(SoftwareRefused):
        archive.unpack(opened, tmp_path / "slot" / "packages")
    assert [each for each in (tmp_path / "slot" / "packages").rglob("*") if each.is_file()] == []


def test_neither_links_nor_bombs_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    monkeypatch.setattr(archive, "LARGEST_UNPACKED_BYTES", 1000)
    for number, (entry, size) in enumerate([(link, 10), (zipfile.ZipInfo("big"), 10_000)]):
        file = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(file, "w") as made:
            made.writestr(entry, bytes(size))
        with file.open("rb") as opened, pytest.raises(SoftwareRefused):
            archive.unpack(opened, tmp_path / str(number))


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x05\x06" + bytes(18), bytes(4096)])
def test_what_is_no_archive_unpacks_to_nothing(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    with (tmp_path / "file").open("rb") as opened:
        try:
            archive.unpack(opened, tmp_path / "packages")
        except SoftwareRefused:
            return
    assert list((tmp_path / "packages").iterdir()) == []


def test_a_folder_is_packed_to_the_same_bytes_and_only_with_an_edge_in_it(maker: SoftwareMaker, tmp_path: Path) -> None:
    first = maker.archive("0.2.0").read_bytes()
    assert maker.archive("0.2.0").read_bytes() == first
    source = maker.folder / "source-0.2.0"
    (source / "link").symlink_to("/etc/passwd")
    with pytest.raises(SoftwareRefused, match="not a plain file"):
        archive.pack(source, tmp_path / "out.zip")
    with pytest.raises(SoftwareRefused, match="no edge's software"):
        archive.pack(tmp_path, tmp_path / "out.zip")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Malformed, {"version": "1.0"}),
        (Malformed, {"version": "01.0.0"}),
        (Malformed, {"minimum": "2.0.0"}),
        (Malformed, {"python": "../x"}),
        (Malformed, {"notes": "a\nb"}),
        (EndlessData, {"size_bytes": LARGEST_ARCHIVE_BYTES + 1}),
        (EndlessData, {"size_bytes": 0}),
    ],
)
def test_what_no_release_has_is_not_signed(
    fault: type[Exception], told: dict[str, object], maker: SoftwareMaker
) -> None:
    values: dict[str, object] = {
        "version": "1.0.0", "python": "cp311", "machine": "x86_64", "size_bytes": 5, "digest": "0" * 64, **told,
    }  # fmt: skip
    with pytest.raises(fault):
        sign_software(SoftwareRelease(**values), maker.key.private_pem, NOW)  # type: ignore[arg-type] # on purpose


def test_a_statement_is_bounded_and_keys_are_of_their_kind(maker: SoftwareMaker) -> None:
    with pytest.raises(EndlessData):
        verify_software(bytes(LARGEST_STATEMENT_BYTES + 1), maker.key.public_pem)
    with pytest.raises(Malformed, match="no public key"):
        verify_software(b"{}", "nothing")
    made = maker.archive("0.2.0")
    release = verify_software(made.with_name(made.name + ".json").read_bytes(), maker.key.public_pem)
    assert release.version == "0.2.0"
    with pytest.raises(Malformed, match="no private key"):
        sign_software(release, Secret(maker.key.public_pem), NOW)
    assert version_numbers("0.10.0") > version_numbers("0.9.9")
