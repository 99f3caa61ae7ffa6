"""``ringfence firmware``."""

from pathlib import Path

import pytest

from support.command_line import CommandLine
from support.firmware_files import bundle_42, zipped
from support.running_hub import RunningHub

LOAD = "SIP42.9-4-2SR3-1S"


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    path = tmp_path / "bundle.zip"
    path.write_bytes(zipped(bundle_42()))
    return str(path)


def test_a_bundle_is_looked_into_without_a_hub(stranger: CommandLine, bundle: str) -> None:
    found = stranger.ask("firmware", "inspect", bundle)
    assert LOAD in {load["load"] for load in found["loads"]}
    assert LOAD in stranger("firmware", "inspect", bundle)


def test_a_load_is_imported_followed_and_removed(
    ringfence: CommandLine, hub: RunningHub, site: str, new_mac: str, bundle: str
) -> None:
    hub.phone(site, new_mac, "7942")
    assert LOAD in {row["name"] for row in ringfence.ask("firmware", "import", bundle)}
    assert LOAD in ringfence("firmware", "import", bundle)
    assert LOAD in {row["name"] for row in ringfence.ask("firmware", "list")}
    assert LOAD in ringfence("firmware", "list")
    ringfence("set", "phone", new_mac, f"firmware_load={LOAD}")
    ringfence("publish", site)
    (row,) = ringfence.ask("firmware", "status", LOAD)
    assert (row["site"], row["waiting"] + row["named"]) == (site, 1)
    assert site in ringfence("firmware", "status", LOAD)
    ringfence.refused(5, "firmware", "remove", "--yes", LOAD)
    ringfence("set", "phone", new_mac, "--unset", "firmware_load")
    ringfence("publish", site)
    ringfence("firmware", "remove", "--yes", LOAD)
    ringfence.refused(4, "firmware", "remove", "--yes", LOAD)
    ringfence.refused(4, "firmware", "status", LOAD)


def test_a_bundle_that_is_not_whole_is_refused(ringfence: CommandLine, tmp_path: Path) -> None:
    files = bundle_42()
    del files["dsp42.9-4-2SR3-1.sbn"]
    (tmp_path / "cut.zip").write_bytes(zipped(files))
    for command in ("inspect", "import"):
        ended = ringfence.run("firmware", command, str(tmp_path / "cut.zip"))
        assert (ended.status, "dsp42.9-4-2SR3-1.sbn" in ended.err) == (3, True)
        ringfence.refused(3, "firmware", command, str(tmp_path / "nothing.zip"))


def test_a_bundle_zipped_on_a_mac_is_taken_and_what_is_skipped_is_said(
    ringfence: CommandLine, stranger: CommandLine, tmp_path: Path
) -> None:
    files = {f"bundle/{name}": data for name, data in bundle_42("9-4-2SR1-1").items()}
    litter = {f"__MACOSX/bundle/._{name.rpartition('/')[2]}": b"\0\5\x16\7" for name in files} | {
        "bundle/.DS_Store": b"x"
    }
    path = tmp_path / "from a mac.zip"
    path.write_bytes(zipped({"bundle/": b"", **files, **litter}))
    assert sorted(stranger.ask("firmware", "inspect", str(path))["skipped"]) == sorted(litter)
    assert "Skipped " in stranger("firmware", "inspect", str(path))
    said = ringfence("firmware", "import", str(path))
    assert "__MACOSX/bundle/._" in said
    ringfence("firmware", "remove", "--yes", "SIP42.9-4-2SR1-1S")


def test_one_file_is_the_firmware_of_a_small_business_phone(
    ringfence: CommandLine, hub: RunningHub, site: str, new_mac: str, tmp_path: Path
) -> None:
    hub.phone(site, new_mac, "SPA504G")
    load = "spa50x-30x-7-6-2e"
    (tmp_path / f"{load}.bin").write_bytes(b"SkOs" * 8)
    (tmp_path / "fw.zip").write_bytes(zipped({f"fw/{load}.bin": b"SkOs" * 8, "fw/notes.pdf": b"x"}))
    for name in ("fw.zip", f"{load}.bin"):
        (row,) = ringfence.ask("firmware", "import", str(tmp_path / name))
        assert (row["name"], [file["name"] for file in row["files"]]) == (load, [f"{load}.bin"])
    ringfence.refused(3, "set", "phone", new_mac, "firmware_load=not a word")
    ringfence("set", "phone", new_mac, f"firmware_load={load}")
    ringfence("publish", site)
    (row,) = ringfence.ask("firmware", "status", load)
    assert (row["site"], row["waiting"] + row["named"]) == (site, 1)
    ringfence("set", "phone", new_mac, "--unset", "firmware_load")
    ringfence("publish", site)
    ringfence("firmware", "remove", "--yes", load)
