"""Archives as people get them, and as nobody should: each bad one has its own sentence."""

import errno
import gzip
import io
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence import archives
from ringfence.archives import members
from ringfence.archives.errors import BadArchive, NoRoomToUnpack
from ringfence.archives.litter import is_litter
from ringfence.archives.signed_header import body_of, header_length, parse_header
from support.firmware_files import (
    cop,
    signed,
    tarred,
    zipped,
)

FILES = {"a/b.loads": b"one", "c.sbn": b"two" * 1000}


def held(path: Path) -> dict[str, bytes]:
    return {member.path: member.read() for member in members(path)}


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.zip", zipped(FILES)),
        ("x.tar", tarred(FILES)),
        ("x.tar.gz", gzip.compress(tarred(FILES))),
        ("x.tgz", gzip.compress(tarred(FILES))),
        ("x.cop.sgn", signed("x.cop.sgn", gzip.compress(tarred(FILES)))),
        ("x.cop.sha512", signed("x.cop.sha512", gzip.compress(tarred(FILES)), padding=3)),
        ("nested.zip", zipped({"inside.tar.gz": gzip.compress(tarred(FILES))})),
    ],
)
def test_an_archive_gives_out_its_files_whatever_it_is_packed_in(tmp_path: Path, name: str, data: bytes) -> None:
    assert held(put(tmp_path, name, data)) == FILES


def test_a_package_for_call_manager_gives_out_its_inner_files_too(tmp_path: Path) -> None:
    found = held(put(tmp_path, "x.cop.sgn", cop({"x.loads": b"list"})))
    assert found == {"install.sh": b"#!/bin/sh\n", "tftp/x.loads": b"list"}


def test_a_folder_gives_out_its_files_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    put(tmp_path / "in", "x.loads", b"list")
    put(tmp_path, "outside", b"secret")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "outside")
    assert held(tmp_path / "in") == {"x.loads": b"list"}


def test_a_file_that_is_no_archive_is_itself(tmp_path: Path) -> None:
    assert held(put(tmp_path, "x.loads", b"list")) == {"x.loads": b"list"}
    image = signed("rootfs.sbn", gzip.compress(b"an image, not an archive"))
    assert held(put(tmp_path, "rootfs.sbn", image)) == {"rootfs.sbn": image}


LITTER = (
    "__MACOSX/._x.loads", "__MACOSX/a/b", "._x.loads", "a/.DS_Store", "a/.localized", "Icon\r", "Thumbs.db",
    "a/ehthumbs.db", "desktop.ini", "A/Desktop.INI", "$RECYCLE.BIN/x", "@eaDir/x@SynoEAStream", ".Trashes/1",
)  # fmt: skip


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "nested.zip", "folder"])
def test_what_a_system_put_there_for_itself_is_passed_over_and_named(tmp_path: Path, name: str) -> None:
    files = {**FILES, **dict.fromkeys(LITTER, b"\0\5\x16\7")}
    path = tmp_path / name
    if name == "folder":
        for each, data in files.items():
            (path / each).parent.mkdir(parents=True, exist_ok=True)
            (path / each).write_bytes(data)
    else:
        tar = tarred(files)
        packed = {"x.zip": zipped(files), "x.tar": tar, "x.tar.gz": gzip.compress(tar)}
        path.write_bytes(packed.get(name) or zipped({"in.zip": zipped(files)}))
    skipped: list[str] = []
    assert {member.path: member.read() for member in members(path, skipped)} == FILES
    assert sorted(skipped) == sorted(LITTER)


@pytest.mark.parametrize("name", ["__MACOSX/../../x", "/__MACOSX/x", "..\\._x"])
def test_litter_that_leads_out_is_refused_like_all_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadArchive, match="leads out"):
        held(put(tmp_path, "x.zip", zipped({name: b"x"})))


def test_names_that_only_look_like_litter_stay() -> None:
    names = ("macosx/x", "._", "a._b", "DS_Store", "my-thumbs.db", "desktop.ini.xml", "._x/y")
    assert [name for name in names if is_litter(name)] == ["._"]


def test_a_zip_made_on_windows_has_folders_and_names_like_any_other(tmp_path: Path) -> None:
    data = zipped({"set\\": b"", "set\\in\\": b"", "set\\in\\x.loads": b"list", "set/": b""})
    assert held(put(tmp_path, "x.zip", data)) == {"set/in/x.loads": b"list"}


def test_an_accented_letter_of_a_mac_is_one_letter(tmp_path: Path) -> None:
    assert held(put(tmp_path, "x.zip", zipped({"Gru\u0308n.png": b"x"}))) == {"Gr\u00fcn.png": b"x"}


def test_litter_counts_like_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 5)
    with pytest.raises(BadArchive, match="more than 5 files"):
        held(put(tmp_path, "x.zip", zipped({f"._{number}": b"" for number in range(6)})))


def tar_with(info: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(info)
    return out.getvalue()


def link(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


def zip_link() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("x.zip", zipped({"../../etc/cron.d/x": b"x"}), "contains the path '../../etc/cron.d/x', which leads out"),
        ("x.tar", tarred({"/etc/passwd": b"x"}), "contains the path '/etc/passwd', which leads out"),
        ("x.zip", zipped({"C:\\Windows\\x": b"x"}), "which leads out of the archive"),
        ("x.zip", zipped({"..\\x": b"x"}), "which leads out of the archive"),
        ("x.tar", tarred({"a\nb": b"x"}), "an impossible name"),
        ("x.tar", tar_with(link("l")), "l is not a plain file"),
        ("x.zip", zip_link(), "link is a link"),
        ("x.zip", zipped(FILES)[:-30], "neither zip, tar nor gzip"),
        ("x.zip", b"PK\x03\x04" + b"nonsense" * 20, "neither zip, tar nor gzip"),
        ("x.tar.gz", gzip.compress(tarred(FILES))[:-20], "damaged or cut off"),
        ("x.tar", tarred(FILES)[:1024], "cut off"),
        ("x.tar.gz", b"", "neither zip, tar nor gzip"),
        ("x.zip", zipped({"1.zip": zipped({"2.zip": zipped({"3.zip": zipped({"4.zip": zipped(FILES)})})})}),
         "more than 3 deep"),
    ],
)  # fmt: skip
def test_a_bad_archive_is_refused_by_name(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    with pytest.raises(BadArchive) as caught:
        held(put(tmp_path, name, data))
    assert says in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_an_archive_that_unpacks_to_far_more_is_stopped_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LARGEST_MEMBER_BYTES", 3 << 20)
    bomb = zipped({"zeros.sbn": bytes(8 << 20)})
    assert len(bomb) < 20_000
    with pytest.raises(BadArchive, match="more than 3 MiB"):
        held(put(tmp_path, "bomb.zip", bomb))
    with pytest.raises(BadArchive, match="more than 3 MiB"):
        held(put(tmp_path, "bomb.gz", gzip.compress(bytes(8 << 20))))
    monkeypatch.setattr(archives, "MOST_MEMBERS", 10)
    (tmp_path / "many").mkdir()
    for number in range(11):
        put(tmp_path / "many", str(number), b"")
    with pytest.raises(BadArchive, match="more than 10 files"):
        held(tmp_path / "many")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="it can't be read: No such file"):
        held(tmp_path / "none.zip")


def test_a_signed_header_is_read_and_stripped() -> None:
    data = signed("SIP42.9-4-2SR3-1S.loads", b"body")
    header = parse_header(data)
    assert header is not None
    assert (header.file_name, header.version, header.length) == ("SIP42.9-4-2SR3-1S.loads", (1, 0), len(data) - 4)
    assert header.signer.startswith("CN=someSigner")
    assert body_of(data) == b"body"
    assert body_of(b"plain") == b"plain"
    assert parse_header(data[:100]) is None


@settings(max_examples=300)
@given(st.binary(max_size=400) | st.binary(max_size=60).map(lambda tail: signed("x", b"")[:60] + tail))
def test_any_bytes_are_a_header_or_none(data: bytes) -> None:
    header = parse_header(data)
    assert header is None or header.length == header_length(data) <= len(data)


def test_a_list_of_files_that_is_far_too_long_is_never_in_memory(tmp_path: Path) -> None:
    many = put(tmp_path, "many.zip", zipped({f"{number:0200}": b"" for number in range(40_000)}))
    with pytest.raises(BadArchive, match="list of files is far too long"):
        held(many)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("x")
        info.pax_headers = {"comment": "x" * (9 << 20)}
        archive.addfile(info)
    with pytest.raises(BadArchive, match="list of files is far too long"):
        held(put(tmp_path, "long.tar", out.getvalue()))


@pytest.mark.parametrize("is_tar", [True, False])
def test_folders_count_as_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_tar: bool) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    out = io.BytesIO()
    if is_tar:
        with tarfile.open(fileobj=out, mode="w") as archive:
            for number in range(4):
                info = tarfile.TarInfo(f"d{number}")
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
    else:
        with zipfile.ZipFile(out, "w") as packed:
            for number in range(4):
                packed.mkdir(f"d{number}")
    with pytest.raises(BadArchive, match="more than 3 files"):
        held(put(tmp_path, "x.tar" if is_tar else "x.zip", out.getvalue()))


def test_links_are_named_where_somebody_asks_for_them() -> None:
    out = io.BytesIO()
    targets = {"a/1": "b", "a/2": "../b", "a/3": "../../b", "4": "/etc/passwd", "5": "..", "6": "./a/b"}
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, target in targets.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
        info = tarfile.TarInfo("a/hard")
        info.type, info.linkname = tarfile.LNKTYPE, "a/b"
        archive.addfile(info)
    links: list[archives.Link] = []
    assert list(archives.members_of(out, "x.tar", [], links)) == []
    found = {link.path: link.target for link in links}
    assert found == {"a/1": "a/b", "a/2": "b", "a/3": "", "4": "", "5": "", "6": "a/b", "a/hard": "a/b"}


def test_a_disk_without_room_is_not_the_archives_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: object, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", full)
    with pytest.raises(NoRoomToUnpack, match="no room to unpack it"):
        held(put(tmp_path, "x.zip", zipped(FILES)))
