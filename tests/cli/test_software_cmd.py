"""``ringfence software``: archives of the edge's software, packed and signed without a network."""

import stat
from pathlib import Path

from support.command_line import CommandLine
from support.software_archives import SoftwareMaker


def filled(folder: Path) -> Path:
    SoftwareMaker.new(folder).archive("0.2.0")
    return folder / "source-0.2.0"


def test_an_archive_is_packed_signed_and_checked(stranger: CommandLine, tmp_path: Path) -> None:
    key, out = tmp_path / "key", tmp_path / "edge.zip"
    assert stranger.ask("software", "new-key", str(key))["public"] == f"{key}.pub"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "exists already" in stranger.refused(5, "software", "new-key", str(key))
    assert stranger.ask("software", "pack", str(filled(tmp_path / "made")), str(out))["files"] == 3
    assert "exists already" in stranger.refused(5, "software", "pack", str(tmp_path), str(out))
    signing = ["--key", str(key), "--version", "0.2.0", "--minimum", "0.1.0", "--notes", "Faster."]
    told = stranger.ask("software", "sign", str(out), *signing)
    assert told["statement"] == f"{out}.json"
    shown = stranger.ask("software", "show", str(out), "--key", f"{key}.pub")
    assert (shown["version"], shown["minimum"], shown["notes"]) == ("0.2.0", "0.1.0", "Faster.")
    assert "0.2.0 for cp" in stranger("software", "show", str(out), "--key", f"{key}.pub")
    out.write_bytes(out.read_bytes() + b"x")
    assert "not the one that was signed" in stranger.refused(8, "software", "show", str(out), "--key", f"{key}.pub")


def test_what_can_not_be_signed_says_why(stranger: CommandLine, tmp_path: Path) -> None:
    stranger("software", "new-key", str(tmp_path / "key"))
    key = str(tmp_path / "key")
    said = stranger.refused(3, "software", "sign", str(tmp_path / "none.zip"), "--key", key, "--version", "1.0.0")
    assert "can't be read" in said
    (tmp_path / "some.zip").write_bytes(b"x")
    said = stranger.refused(8, "software", "sign", str(tmp_path / "some.zip"), "--key", key, "--version", "1")
    assert "not a version" in said
    said = stranger.refused(8, "software", "pack", str(tmp_path), str(tmp_path / "out.zip"))
    assert "no edge's software" in said
