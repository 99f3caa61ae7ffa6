"""``ringfence hub retention``."""

from pathlib import Path

from support.command_line import CommandLine


def test_what_is_kept_is_shown_and_changed(stranger: CommandLine, tmp_path: Path) -> None:
    folder = str(tmp_path / "hub")
    stranger("hub", "init", folder, "--address", "127.0.0.1")
    assert "newest 10 releases are kept, and all of the last 90 days" in stranger("hub", "retention", folder)
    said = stranger("hub", "retention", folder, "--releases", "5", "--days", "30", "--audit-days", "400")
    assert "It takes effect when the hub starts again" in said
    told = stranger.ask("hub", "retention", folder)
    assert told == {"releases_kept": 5, "releases_kept_days": 30, "audit_kept_days": 400}
    assert "at least 30" in stranger.refused(3, "hub", "retention", folder, "--audit-days", "5")
    assert stranger.ask("hub", "retention", folder) == told
    assert stranger.run("hub", "retention", folder, "--releases", "1").status == 2
