"""``ringfence hub copy``."""

from contextlib import closing
from pathlib import Path

from ringfence.hub.core import open_hub
from ringfence.hub.data.folder import DataFolder
from support.command_line import CommandLine


def test_a_stopped_hubs_rows_go_to_another_database(stranger: CommandLine, tmp_path: Path) -> None:
    folder, other = tmp_path / "hub", f"sqlite:///{tmp_path / 'other.sqlite'}"
    stranger("hub", "init", str(folder), "--address", "127.0.0.1")
    stranger.refused(3, "hub", "copy", str(folder), "--to", "sqlite")
    assert stranger.run("hub", "copy", str(folder)).status == 2
    with DataFolder(folder).locked():
        stranger.refused(5, "hub", "copy", str(folder), "--to", other)
    said = stranger("hub", "copy", str(folder), "--to", other)
    assert "copied and compared" in said
    assert f"still in {folder / 'hub.sqlite'}" in said
    assert DataFolder(folder).config().database_url == other
    (folder / "hub.sqlite").unlink()
    told = stranger.ask("hub", "copy", str(folder), "--to", "sqlite")
    assert (told["database"], told["old_file"]) == (str(folder / "hub.sqlite"), None)
    assert told["rows"] > 3
    with closing(open_hub(DataFolder(folder))) as hub:
        assert hub.config.database_url == ""
