"""Firmware: lists as makers write them, whole and broken bundles, versions and the steps between them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ringfence.cli.main import make_app
from ringfence.errors import BadInput
from ringfence.phones.errors import BadLoads
from ringfence.phones.firmware.bundles import examine, models_of, serving_names
from ringfence.phones.firmware.loads import ListedFile, parse_loads
from ringfence.phones.firmware.steps import step_between, version_of
from support.firmware_files import (
    NAMES_42,
    bundle_42,
    cop,
    signed,
    zipped,
)

SIP42 = "SIP42.9-4-2SR3-1S"


def test_a_signed_list_is_read_behind_its_header() -> None:
    loads = parse_loads(bundle_42("9-4-2ES26")["SIP42.9-4-2ES26S.loads"], "SIP42.loads")
    assert tuple(file.name for file in loads.files) == NAMES_42
    assert loads.compatibility == (("HARDWARE_COMP_1", "15"),)
    assert loads.header is not None
    assert loads.header.file_name == "SIP42.9-4-2ES26S.loads"


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (b"a.sbn\nb.sbn", ("a.sbn", "b.sbn")),  # no end of line, as in 6900's lists
        (b"a.sbn   \r\n\r\n# a comment\r\nb.sbn\t\r\n", ("a.sbn", "b.sbn")),
        (b"LA_VERSION=PAS30831\nP0030801SR02.sbn\nP0030801SR02.sb2\n", ("P0030801SR02.sbn", "P0030801SR02.sb2")),
        (b"a.sbn\na.sbn\n", ("a.sbn",)),
        (b"BOOT69xx.zz.sgn\x00", ("BOOT69xx.zz.sgn",)),
    ],
)
def test_a_plain_list_is_read_however_it_is_written(text: bytes, files: tuple[str, ...]) -> None:
    assert tuple(file.name for file in parse_loads(text, "x.loads").files) == files


def test_optional_files_sizes_and_digests_are_kept() -> None:
    text = b"CP7921G-1.4.5.sbn 1234 d41d8cd98f00b204e9800998ecf8427e\n#+ GUI7921G-1.4.5.sbn 99 abc\n"
    assert parse_loads(text, "x.loads").files == (
        ListedFile("CP7921G-1.4.5.sbn", 1234, "d41d8cd98f00b204e9800998ecf8427e"),
        ListedFile("GUI7921G-1.4.5.sbn", 99, "abc", is_optional=True),
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "does not name a file"),
        (b"# only comments\n", "does not name a file"),
        (b"a.sbn\n../../etc/passwd\n", "line 2 of its list is not a file name: '../../etc/passwd'"),
        (b"a.sbn\n\xff\xfe\n", "line 2 of its list is not plain text"),
        (b"x" * 70_000, "is not a .loads file"),
        (signed("x.loads", b"a.sbn\n")[:200], "its signed header is cut off"),
    ],
)
def test_a_bad_list_is_refused_by_line(data: bytes, says: str) -> None:
    with pytest.raises(BadLoads) as caught:
        parse_loads(data, "SIP42.loads")
    assert says in str(caught.value)
    assert "SIP42.loads" in str(caught.value)


@given(st.binary(max_size=500))
def test_any_bytes_are_a_list_or_refused(data: bytes) -> None:
    try:
        loads = parse_loads(data, "x.loads")
    except BadLoads:
        return
    assert all("/" not in file.name for file in loads.files)


def test_a_whole_bundle_is_whole_though_a_name_differs_in_case() -> None:
    files = {**bundle_42(), "readme.txt": b"read me", "BOOT894x.0-0-2-0.bin.sgn": b"boot"}
    bundle = examine({name: len(data) for name, data in files.items()}, files.__getitem__)
    by_name = {load.name: load for load in bundle.loads}
    load = by_name[SIP42]
    assert load.missing == ()
    assert load.models == ("7962", "7942")
    jar = load.wanted[0]
    assert (jar.name, jar.found) == ("Jar42sip.9-4-2SR3-1.sbn", "jar42sip.9-4-2SR3-1.sbn")
    assert [each.list_name for each in bundle.recovery_of(load)] == ["term42.default.loads", "term62.default.loads"]
    assert by_name["term42.default"].models == ("7942",)
    assert (bundle.unnamed, bundle.other) == (("BOOT894x.0-0-2-0.bin.sgn",), ("readme.txt",))
    names = serving_names(load, bundle.recovery_of(load))
    assert names["Jar42sip.9-4-2SR3-1.sbn"] == "jar42sip.9-4-2SR3-1.sbn"
    assert {"term42.default.loads", f"{SIP42}.loads"} < set(names)


def test_what_a_bundle_lacks_is_named() -> None:
    files = bundle_42()
    del files["dsp42.9-4-2SR3-1.sbn"]
    files["cnu42.9-4-2SR3-1.sbn"] = b""
    bundle = examine({name: len(data) for name, data in files.items()}, files.__getitem__)
    load = next(load for load in bundle.loads if load.name == SIP42)
    assert set(load.missing) == {"dsp42.9-4-2SR3-1.sbn", "cnu42.9-4-2SR3-1.sbn"}


def test_an_optional_file_may_be_missing_and_a_wrong_size_may_not() -> None:
    files = {"x.loads": b"a.sbn 3\n#+ b.sbn 4\n", "a.sbn": b"four"}
    (load,) = examine({name: len(data) for name, data in files.items()}, files.__getitem__).loads
    assert load.missing == ("a.sbn",)
    assert load.wanted[0].problem == "it has 4 bytes, but the list says 3"


def test_a_load_knows_its_models() -> None:
    assert models_of("sip9971.9-4-2SR4-1") == ("9971",)
    assert set(models_of("SIP41.9-4-2SR3-1S")) == {"7961", "7961G-GE", "7941", "7941G-GE"}
    assert models_of("what.ever") == ()


@pytest.mark.parametrize(
    ("load", "version"),
    [
        ("SIP42.9-4-2SR3-1S", (9, 4, 2, 3)),
        ("SIP41.8-3-3S", (8, 3, 3, 0)),
        ("SIP70.8-4-2-30S", (8, 4, 2, 0)),
        ("sip9971.9-4-2SR4-1", (9, 4, 2, 4)),
        ("sip88xx.11-3-1-1MSR2-6", (11, 3, 1, 2)),
        ("P0S3-08-12-00", (8, 12, 0, 0)),
        ("what.ever", None),
    ],
)
def test_a_loads_name_has_its_version(load: str, version: tuple[int, ...] | None) -> None:
    assert version_of(load) == version


@pytest.mark.parametrize(
    ("family", "running", "wanted", "skips"),
    [
        ("cisco-79xx", "SIP42.8-2-1S", "SIP42.9-4-2SR3-1S", True),
        ("cisco-79xx", "SIP42.8-2-1S", "SIP42.8-5-2S", False),
        ("cisco-79xx", "SIP42.8-3-3S", "SIP42.9-4-2SR3-1S", False),
        ("cisco-79xx", "SIP42.8-5-2S", "SIP42.9-4-2SR3-1S", False),
        ("cisco-79xx", "", "SIP42.9-4-2SR3-1S", False),
        ("cisco-99xx", "sip9971.9-0-3", "sip9971.9-4-2SR4-1", False),
        ("cisco-mpp", "sip88xx.11-2-1MPP-398", "sip88xx.11-3-4MPP0001-374", True),
    ],
)
def test_a_step_that_would_be_skipped_is_known(family: str, running: str, wanted: str, skips: bool) -> None:
    assert (step_between(family, running, wanted) is not None) is skips


def inspect(path: Path, *options: str) -> tuple[str, BadInput | None]:
    result = CliRunner().invoke(make_app("firmware"), ["firmware", "inspect", str(path), *options])
    fault = result.exception
    assert fault is None or isinstance(fault, BadInput), result.output
    return result.output, fault


@pytest.mark.parametrize("name", ["x.zip", "x.cop.sgn"])
def test_inspect_lists_loads_files_and_models_without_a_hub(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(zipped(bundle_42()) if name.endswith("zip") else cop(bundle_42()))
    printed, fault = inspect(path)
    assert fault is None
    assert f"Load {SIP42}, for 7962, 7942:" in printed
    assert "(here as jar42sip.9-4-2SR3-1.sbn)" in printed
    assert '"missing": []' in inspect(path, "--json")[0]


def test_inspect_ends_with_an_error_where_a_file_is_missing(tmp_path: Path) -> None:
    files = bundle_42()
    del files["dsp42.9-4-2SR3-1.sbn"]
    (tmp_path / "x.zip").write_bytes(zipped(files))
    printed, fault = inspect(tmp_path / "x.zip")
    assert "dsp42.9-4-2SR3-1.sbn  ← missing" in printed
    assert fault is not None
    assert "dsp42.9-4-2SR3-1.sbn" in str(fault)
    assert fault.exit_code == 3
    (tmp_path / "empty.zip").write_bytes(zipped({"readme.txt": b""}))
    assert "it holds no .loads file" in str(inspect(tmp_path / "empty.zip")[1])


def test_inspect_reads_a_single_list(tmp_path: Path) -> None:
    path = tmp_path / f"{SIP42}.loads"
    path.write_bytes(bundle_42()[path.name])
    printed, fault = inspect(path)
    assert fault is None
    assert f"{SIP42}.loads names 5 files, signed as {SIP42}.loads:" in printed
    assert "Hardware: HARDWARE_COMP_1 15." in printed
    assert f'"load": "{SIP42}"' in inspect(path, "--json")[0]


def test_one_file_is_the_firmware_of_small_business_phones_and_adapters() -> None:
    sizes = {"spa50x-30x-7-6-2e.bin": 10, "spa50x-30x-7-6-2e.exe": 10, "ATA19x.11-1-0MPP-23.img": 5, "notes.pdf": 1}
    bundle = examine(sizes, dict[str, bytes]().__getitem__)
    adapter, spa = bundle.loads
    assert (adapter.name, adapter.models) == ("ATA19x.11-1-0MPP-23", ("ATA192", "ATA191"))
    assert spa.name == "spa50x-30x-7-6-2e"
    assert {"SPA504G", "SPA301"} <= set(spa.models)
    assert not set(spa.models) & {"SPA525G", "SPA514G", "SPA112"}
    assert spa.missing == ()
    assert serving_names(spa, ()) == {"spa50x-30x-7-6-2e.bin": "spa50x-30x-7-6-2e.bin"}
    assert set(bundle.other) == {"spa50x-30x-7-6-2e.exe", "notes.pdf"}
    (empty,) = examine({"spa525g-7-6-2e.bin": 0}, dict[str, bytes]().__getitem__).loads
    assert empty.missing == ("spa525g-7-6-2e.bin",)


def test_the_loader_that_turns_an_old_phone_into_a_sip_phone_is_served_with_its_load() -> None:
    lists = {"P0S3-8-12-00.loads": b"LA_VERSION=P0S3-8-12-00\nP003-8-12-00.sbn\nP0S3-8-12-00.sb2\n"}
    sizes = {
        "P003-8-12-00.bin": 9,
        "P003-8-12-00.sbn": 9,
        "P0S3-8-12-00.sb2": 9,
        "P0S3-8-12-00.loads": 60,
        "OS79XX.TXT": 12,
    }
    bundle = examine(sizes, lists.__getitem__)
    (load,) = bundle.loads
    assert load.models == ("7960", "7940")
    assert set(serving_names(load, ())) == set(sizes) - {"OS79XX.TXT"}
    assert bundle.unnamed == ()
