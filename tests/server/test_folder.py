"""A plain folder as what is served: what is reached, what never is, and how long a descriptor lives."""

import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ringfence.content.release import TargetKind
from ringfence.server.errors import NotNow
from ringfence.server.files import case_folding
from ringfence.server.files.folder import Folder, FolderFile
from ringfence.tftp.errors import ReadFailed
from support.descriptors import open_descriptors

MAC = "001122334455"
OWN = f"SEP{MAC}.cnf.xml"

Make = Callable[..., Folder]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "tftp"
    folder.mkdir()
    return folder


@pytest.fixture(params=[True, False], ids=["openat2", "part by part"])
def folder(root: Path, request: pytest.FixtureRequest) -> Iterator[Folder]:
    made = Folder(os.open(root, os.O_PATH | os.O_DIRECTORY), openat2=request.param)
    yield made
    made.retire()


def content_of(file: FolderFile | None) -> bytes:
    assert file is not None
    return file.read(0, file.length)


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def age(path: Path) -> None:
    """Say that a folder was changed long ago, so that its listing counts as settled."""
    os.utime(path, ns=(1, path.stat().st_mtime_ns - 10**9))


def test_what_is_there_is_found_at_the_moment_of_the_request(root: Path, folder: Folder) -> None:
    assert folder.find("new.cfg") is None
    (root / "new.cfg").write_bytes(b"one")
    assert content_of(folder.find("new.cfg")) == b"one"
    (root / "new.cfg").write_bytes(b"another")
    assert content_of(folder.find("new.cfg")) == b"another"
    (root / "new.cfg").unlink()
    assert folder.find("new.cfg") is None


def test_files_in_folders_are_found(root: Path, folder: Folder) -> None:
    (root / "Germany" / "x").mkdir(parents=True)
    (root / "Germany" / "x" / "g3-tones.xml").write_bytes(b"tones")
    assert content_of(folder.find("Germany/x/g3-tones.xml")) == b"tones"


@pytest.mark.parametrize(
    ("name", "kind", "owner"),
    [
        (OWN, TargetKind.CONFIGURATION, MAC),
        (f"{OWN}.sgn", TargetKind.CONFIGURATION, MAC),
        ("dialplan.xml", TargetKind.SHARED, None),
        ("sip9971.9-4-2.loads", TargetKind.FIRMWARE, None),
        ("APP.zz.sgn", TargetKind.FIRMWARE, None),
    ],
)
def test_a_file_is_of_the_kind_that_its_name_says(
    root: Path, folder: Folder, name: str, kind: TargetKind, owner: str | None
) -> None:
    (root / name).write_bytes(b"x")
    found = folder.find(name)
    assert found is not None
    assert (found.name, found.kind, found.owner, found.length) == (name, kind, owner, 1)


# -- what is never reached ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../secret",
        "../tftp-private/secret",
        "a/../../secret",
        "/etc/passwd",
        "a.cfg/",
        "a.cfg/.",
        "%2e%2e/secret",
    ],
)
def test_nothing_outside_the_folder_is_reached(root: Path, folder: Folder, name: str) -> None:
    """The guard refuses most of these names; the folder does not rely on it (TFTP.md, entry 84)."""
    private = root.parent / "tftp-private"  # the root's name is a prefix of it
    private.mkdir()
    for place in (private / "secret", root.parent / "secret", root / "a.cfg"):
        place.write_bytes(b"secret")
    (root / "a").mkdir()
    assert folder.find(name) is None


@pytest.mark.parametrize("name", ["a.cfg.", "a.cfg ", " a.cfg", "A.CFG", "a.cfg\udcff", "a", "a.cfg\n"])
def test_a_name_that_is_nearly_right_is_not_found(root: Path, folder: Folder, name: str) -> None:
    (root / "a.cfg").write_bytes(b"x")
    assert folder.find(name) is None


def test_a_name_with_nul_in_it_is_not_found(root: Path, folder: Folder) -> None:
    (root / "a").write_bytes(b"x")
    assert folder.find("a") is not None
    assert folder.find("a\0.cnf") is None


def test_bytes_that_are_no_utf_8_are_found_as_they_are(root: Path, folder: Folder) -> None:
    Path(os.fsdecode(bytes(root) + b"/caf\xe9")).write_bytes(b"x")
    assert content_of(folder.find(b"caf\xe9".decode("utf-8", "surrogateescape"))) == b"x"


@pytest.mark.parametrize("target", ["/etc/hostname", "../secret", "inner/../../secret", "/proc/self/status"])
def test_a_link_out_of_the_folder_is_refused(root: Path, folder: Folder, target: str) -> None:
    (root.parent / "secret").write_bytes(b"secret")
    (root / "inner").mkdir()
    (root / "link").symlink_to(target)
    assert folder.find("link") is None
    (root / "out").symlink_to(root.parent)
    assert folder.find("out/secret") is None


def test_a_link_that_stays_inside_is_followed_where_the_kernel_vouches_for_it(root: Path, folder: Folder) -> None:
    (root / "real").mkdir()
    (root / "real" / "a.cfg").write_bytes(b"x")
    (root / "a.cfg").symlink_to("real/a.cfg")
    (root / "folder").symlink_to("real")
    for name in ("a.cfg", "folder/a.cfg"):
        found = folder.find(name)
        assert (found is not None) == folder.follows_links
        if found is not None:
            assert content_of(found) == b"x"
        else:
            assert folder.why_not("a.cfg") == "a symbolic link is in the way"


def test_an_absolute_link_is_refused_even_if_it_leads_inside(root: Path, folder: Folder) -> None:
    (root / "a.cfg").write_bytes(b"x")
    (root / "b.cfg").symlink_to(root / "a.cfg")
    assert folder.find("b.cfg") is None


def test_a_link_to_itself_is_refused(root: Path, folder: Folder) -> None:
    (root / "loop").symlink_to("loop")
    assert folder.find("loop") is None


def test_a_fifo_is_refused_at_once_and_its_writer_never_notices(root: Path, folder: Folder) -> None:
    os.mkfifo(root / "fifo")
    assert folder.find("fifo") is None
    opened = threading.Event()

    def write() -> None:
        os.close(os.open(root / "fifo", os.O_WRONLY))  # waits for a reader
        opened.set()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    for _ in range(100):
        assert folder.find("fifo") is None
    assert not opened.wait(0.1)
    os.close(os.open(root / "fifo", os.O_RDONLY | os.O_NONBLOCK))  # lets the writer go
    assert opened.wait(120)
    writer.join()


def test_a_socket_and_a_folder_are_refused(root: Path, folder: Folder) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(root / "socket"))
        (root / "folder").mkdir()
        assert folder.find("socket") is None
        assert folder.find("folder") is None
        assert folder.find(".") is None
        assert folder.why_not("folder") == "it is a folder"
        assert folder.why_not("socket") == "it is not a regular file"


@pytest.mark.needs("root")
def test_a_device_is_refused_without_being_opened(root: Path, folder: Folder) -> None:
    os.mknod(root / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    assert folder.find("zero") is None


def test_a_folder_on_the_way_that_is_a_file_is_not_found(root: Path, folder: Folder) -> None:
    (root / "a").write_bytes(b"x")
    assert folder.find("a/b") is None
    assert folder.find("/".join("x" * 40)) is None
    assert folder.find("x" * 5000) is None


def test_the_folder_stays_the_same_one_whatever_takes_its_name(root: Path, folder: Folder) -> None:
    (root / "a").write_bytes(b"right")
    root.rename(root.parent / "moved")
    root.symlink_to("/etc")
    assert content_of(folder.find("a")) == b"right"
    assert folder.find("passwd") is None


# -- firmware in another case -----------------------------------------------------------------------------------


def test_firmware_is_found_in_any_case_and_exactly_first(root: Path, folder: Folder) -> None:
    (root / "jar11sip.8-2-2.sbn").write_bytes(b"lower")
    assert content_of(folder.find("Jar11sip.8-2-2.SBN")) == b"lower"
    (root / "Jar11sip.8-2-2.sbn").write_bytes(b"upper")
    assert content_of(folder.find("Jar11sip.8-2-2.sbn")) == b"upper"
    assert content_of(folder.find("jar11sip.8-2-2.sbn")) == b"lower"


def test_the_found_file_has_its_own_name_not_the_asked_one(root: Path, folder: Folder) -> None:
    (root / "fw").mkdir()
    (root / "fw" / "SIP8941.loads").write_bytes(b"x")
    found = folder.find("fw/sip8941.loads")
    assert found is not None
    assert found.name == "fw/SIP8941.loads"
    assert folder.find("FW/SIP8941.loads") is None


def test_of_two_files_that_differ_by_case_a_third_case_gets_the_same_one_always(root: Path, folder: Folder) -> None:
    (root / "a.SBN").write_bytes(b"2")
    (root / "A.sbn").write_bytes(b"1")
    assert content_of(folder.find("A.SBN")) == b"1"


@pytest.mark.parametrize("name", [OWN, f"{OWN}.sgn", "dialplan.xml", "g3-tones.xml", f"SPA{MAC}.cfg"])
def test_nothing_else_is_found_in_another_case(root: Path, folder: Folder, name: str) -> None:
    (root / name).write_bytes(b"x")
    assert folder.find(name) is not None
    assert folder.find(name.swapcase()) is None


def test_new_firmware_is_found_in_another_case_as_soon_as_it_is_there(root: Path, folder: Folder) -> None:
    assert folder.find("B.SBN") is None
    (root / "b.sbn").write_bytes(b"x")
    folder._other_cases._next_at = 0.0  # the pause after a listing is over
    assert folder.find("B.SBN") is not None


def test_a_flood_of_misses_lists_the_folder_once(root: Path, folder: Folder) -> None:
    for number in range(100):
        (root / f"file{number}.sbn").write_bytes(b"x")
    age(root)
    for number in range(2000):
        assert folder.find(f"missing{number}.sbn") is None
        assert folder.find(f"nowhere{number}/missing.sbn") is None
    assert folder._other_cases.listed == 1


def test_a_folder_that_changes_all_the_time_is_not_listed_all_the_time(
    root: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    listing = folder._other_cases._list

    def slow(name: str) -> dict[str, str]:
        now[0] += 0.01
        return listing(name)

    monkeypatch.setattr(folder._other_cases, "_list", slow)
    for number in range(1000):
        (root / "changes").write_bytes(b"x")
        (root / "changes").unlink()
        folder.find(f"missing{number}.sbn")
        now[0] += 0.001
    spent = folder._other_cases.listed * 0.01
    assert spent <= (now[0] - 1000.0) / 10


def test_a_folder_with_too_many_entries_has_exact_names_only(
    root: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_folding, "MOST_ENTRIES", 10)
    for number in range(11):
        (root / f"file{number}.sbn").write_bytes(b"x")
    assert folder.find("file1.sbn") is not None
    assert folder.find("FILE1.sbn") is None


def test_no_more_listings_are_kept_than_allowed(root: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_folding, "PAUSE_FACTOR", 0)
    for number in range(case_folding.MOST_FOLDERS + 5):
        (root / f"d{number}").mkdir()
        folder.find(f"d{number}/x.sbn")
    assert len(folder._other_cases._listings) == case_folding.MOST_FOLDERS


# -- descriptors ------------------------------------------------------------------------------------------------


def test_a_running_transfer_keeps_the_file_that_a_rename_replaced(root: Path, folder: Folder) -> None:
    (root / "a").write_bytes(b"old content")
    old = folder.find("a")
    assert old is not None
    old.hold()
    (root / "a.new").write_bytes(b"new")
    (root / "a.new").rename(root / "a")
    new = folder.find("a")
    assert content_of(new) == b"new"
    assert content_of(old) == b"old content"
    old.let_go()


def test_a_file_that_is_cut_while_it_is_read_fails_and_does_not_end_early(root: Path, folder: Folder) -> None:
    (root / "a").write_bytes(b"x" * 1000)
    file = folder.find("a")
    assert file is not None
    file.hold()
    os.truncate(root / "a", 10)
    assert file.read(500, 500) == b""  # the blocks take that for a fault: tests/tftp/test_blocks.py
    assert file.length == 1000
    file.let_go()


def test_simultaneous_transfers_of_an_unchanged_file_share_its_descriptor(root: Path, folder: Folder) -> None:
    (root / "a").write_bytes(b"x")
    first = folder.find("a")
    assert first is not None
    first.hold()
    second = folder.find("a")
    assert second is first
    second.hold()
    os.utime(root / "a", ns=(0, 0))
    changed = folder.find("a")
    assert changed is not None
    assert changed is not first
    first.let_go()
    assert is_open(first.fd)
    second.let_go()
    assert len(folder) == 1


def test_a_descriptor_is_closed_when_nobody_reads_it(root: Path, folder: Folder) -> None:
    (root / "a").write_bytes(b"x")
    file = folder.find("a")
    assert file is not None
    file.hold()
    folder.tidy()
    assert is_open(file.fd)
    file.let_go()
    assert not is_open(file.fd)
    assert len(folder) == 0


def test_what_was_asked_for_and_not_read_is_closed_with_the_next_question(root: Path, folder: Folder) -> None:
    for name in "ab":
        (root / name).write_bytes(b"x")
    first = folder.find("a")
    assert first is not None
    fd = first.fd
    folder.find("nothing")
    assert not is_open(fd)
    folder.find("b")
    folder.tidy()
    assert len(folder) == 0


def test_beyond_the_most_open_files_the_answer_is_not_now_and_shared_ones_still_go(root: Path) -> None:
    folder = Folder(os.open(root, os.O_PATH | os.O_DIRECTORY), most_open=2)
    held = []
    for name in "abc":
        (root / name).write_bytes(b"x")
    for name in "ab":
        file = folder.find(name)
        assert file is not None
        file.hold()
        held.append(file)
    with pytest.raises(NotNow, match="too many files are open"):
        folder.find("c")
    assert folder.find("a") is held[0]
    held[1].let_go()
    folder.tidy()
    assert folder.find("c") is not None
    held[0].let_go()
    folder.retire()


def test_misses_and_hits_leave_no_descriptor_behind(root: Path, folder: Folder) -> None:
    (root / "inner").mkdir()
    (root / "inner" / "a.sbn").write_bytes(b"x")
    os.mkfifo(root / "fifo")
    (root / "link").symlink_to("/etc/passwd")
    before = open_descriptors()
    for _ in range(50):
        for name in ("inner/a.sbn", "inner/A.sbn", "fifo", "link", "inner", "x/y/z.sbn", "../x", OWN):
            folder.find(name)
            folder.why_not(name)
    folder.tidy()
    assert not open_descriptors() - before


def test_a_transfer_outlives_the_folder(root: Path) -> None:
    (root / "a").write_bytes(b"x")
    folder = Folder(os.open(root, os.O_PATH | os.O_DIRECTORY))
    file = folder.find("a")
    assert file is not None
    file.hold()
    folder.retire()
    assert content_of(file) == b"x"
    file.let_go()
    with pytest.raises(ReadFailed):
        file.read(0, 1)


# -- what is said -----------------------------------------------------------------------------------------------


def test_a_phone_is_known_by_its_own_file_and_the_folder_is_never_listed_for_that(root: Path, folder: Folder) -> None:
    assert MAC not in folder.known_owners
    (root / OWN).write_bytes(b"x")
    assert MAC in folder.known_owners
    assert "001122334456" not in folder.known_owners
    (root / "spaaabbccddeef0.cfg").write_bytes(b"x")
    assert "AABBCCDDEEF0" in folder.known_owners
    assert list(folder.known_owners) == []


def test_why_something_is_not_served_is_said(root: Path, folder: Folder) -> None:
    (root / "a").write_bytes(b"x")
    (root / "out").symlink_to("/etc/passwd")
    assert folder.why_not("a") is None
    assert folder.why_not("b") == "there is no such file"
    assert "symbolic link" in (folder.why_not("out") or "")
    assert folder.why_not("../b") == "a file name has a '..' part"
