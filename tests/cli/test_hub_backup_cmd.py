"""``ringfence hub backup`` and ``restore``."""

from pathlib import Path

import pyrage
import pytest

from ringfence.hub.data import backup_note
from ringfence.hub.data.folder import DataFolder
from support.command_line import CommandLine
from support.running_hub import RunningHub


@pytest.fixture
def for_recipient(tmp_path: Path) -> tuple[str, str]:
    """An age recipient, and the file with its identity."""
    identity = pyrage.x25519.Identity.generate()
    file = tmp_path / "key.txt"
    file.write_text(f"# created: today\n{identity}\n")
    return str(identity.to_public()), str(file)


def test_a_hub_is_copied_checked_and_restored(
    stranger: CommandLine, hub: RunningHub, tmp_path: Path, for_recipient: tuple[str, str]
) -> None:
    recipient, identity = for_recipient
    copies = tmp_path / "copies"
    copies.mkdir()
    source = str(hub.folder.path)
    for _ in range(2):
        said = stranger("hub", "backup", source, str(copies), "--recipient", recipient, "--keep", "1")
        assert "Only its identity opens it" in said
    told = stranger.ask("hub", "backup", source, str(copies), "--recipient", recipient, "--keep", "1")
    assert len(told["removed"]) == 1
    (file,) = copies.iterdir()
    assert told["file"] == str(file)
    assert backup_note.read(hub.folder) == pytest.approx(file.stat().st_mtime, abs=600)
    assert "is whole" in stranger("hub", "restore", str(file), "--check", "--identity", identity)
    new = tmp_path / "new"
    said = stranger("hub", "restore", str(file), str(new), "--identity", identity, "--address", "hub2.example.org")
    assert "rft_" in said
    assert 'address = "hub2.example.org"' in (new / "hub.toml").read_text()
    stranger.refused(5, "hub", "restore", str(file), str(new), "--identity", identity)
    stranger.refused(3, "hub", "restore", str(file), str(tmp_path / "other"))
    stranger.refused(8, "hub", "restore", identity, "--check")
    assert stranger.run("hub", "restore", str(file)).status == 2
    assert stranger.run("hub", "restore", str(tmp_path / "nowhere"), "--check").status == 2
    stranger.refused(3, "hub", "backup", source, str(copies), "--recipient", "age1nonsense")


@pytest.mark.slow
def test_a_copy_is_encrypted_with_a_passphrase(
    stranger: CommandLine, hub: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_BACKUP_PASSPHRASE", "short")
    assert stranger.run("hub", "backup", str(hub.folder.path), str(tmp_path)).status == 2
    monkeypatch.setenv("RINGFENCE_BACKUP_PASSPHRASE", "correct horse battery staple")
    said = stranger("hub", "backup", str(hub.folder.path), str(tmp_path / "copy"))
    assert "Restored on trial: it is whole." in said
    monkeypatch.setenv("RINGFENCE_BACKUP_PASSPHRASE", "another passphrase")
    stranger.refused(3, "hub", "restore", str(tmp_path / "copy"), "--check")


def test_a_restored_hub_says_which_certificate_it_lacks(
    stranger: CommandLine, tmp_path: Path, for_recipient: tuple[str, str]
) -> None:
    recipient, identity = for_recipient
    stranger("hub", "init", str(tmp_path / "hub"), "--address", "127.0.0.1")
    DataFolder(tmp_path / "hub").edit_config(people_certificate="/etc/gone.pem", people_key="keys/there.key")
    (tmp_path / "hub" / "keys" / "there.key").write_text("a key")
    copy = str(tmp_path / "copy")
    stranger("hub", "backup", str(tmp_path / "hub"), copy, "--recipient", recipient)
    said = stranger("hub", "restore", copy, str(tmp_path / "new"), "--identity", identity)
    assert "names /etc/gone.pem, which is not on this machine" in said
    assert "there.key" not in said, "what is in the folder's keys comes along"
