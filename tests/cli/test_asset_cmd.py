"""``ringfence asset``."""

import io
import wave
from pathlib import Path

import pytest

from support.command_line import CommandLine


@pytest.fixture
def tone(tmp_path: Path) -> str:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16_000))
    path = tmp_path / "doorbell.wav"
    path.write_bytes(made.getvalue())
    return str(path)


def test_a_ring_tone_is_imported_listed_and_removed(ringfence: CommandLine, tone: str) -> None:
    (told,) = ringfence.ask("asset", "import", tone, "--dry-run")
    assert told["kind"] == "ring tone"
    assert ringfence.ask("asset", "list") == []
    assert told["name"] in ringfence("asset", "import", tone)
    (row,) = ringfence.ask("asset", "list")
    assert row["name"] == told["name"]
    assert row["id"] in ringfence("asset", "list")
    ringfence("asset", "remove", "--yes", row["id"])
    assert ringfence.ask("asset", "list") == []
    ringfence.refused(4, "asset", "remove", "--yes", row["id"])


def test_what_no_phone_plays_is_refused(ringfence: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("do re mi")
    ringfence.refused(3, "asset", "import", str(tmp_path / "notes.txt"))
    ringfence.refused(3, "asset", "import", str(tmp_path / "nothing.wav"))
    (tmp_path / "cut.wav").write_bytes(b"RIFF\x10\0\0\0WAVEfmt ")
    ringfence.refused(3, "asset", "import", str(tmp_path / "cut.wav"))


def test_a_folder_from_a_mac_is_imported_and_what_is_skipped_is_said(
    ringfence: CommandLine, tone: str, tmp_path: Path
) -> None:
    folder = tmp_path / "from a mac"
    folder.mkdir()
    (folder / "Bell.wav").write_bytes(Path(tone).read_bytes())
    (folder / "Old.raw").write_bytes(bytes(4000))
    for name in (".DS_Store", "._Bell.wav", "Thumbs.db"):
        (folder / name).write_bytes(b"RIFF1234WAVE")
    said = ringfence("asset", "import", str(folder))
    assert "Skipped 3 files that a Mac, Windows or a network drive added: .DS_Store, ._Bell.wav, Thumbs.db." in said
    rows = ringfence.ask("asset", "list")
    assert sorted(row["name"] for row in rows) == ["Bell", "Old"]
    for row in rows:
        ringfence("asset", "remove", "--yes", row["id"])
