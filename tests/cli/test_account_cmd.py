"""``ringfence sip export``."""

import stat
from pathlib import Path

import pytest

from cli.conftest import PhoneThere
from support.command_line import CommandLine


@pytest.mark.parametrize("pbx", ["asterisk", "kamailio", "freeswitch"])
def test_lines_are_written_for_a_pbx_readable_by_their_owner(
    ringfence: CommandLine, phone: PhoneThere, tmp_path: Path, pbx: str
) -> None:
    where = ["--site", phone.site, "--realm", "sip.example.org", "--to", str(tmp_path)]
    written = [Path(name) for name in ringfence.ask("sip", "export", "--pbx", pbx, *where)["files"]]
    assert any("201" in path.read_text() for path in written)
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    assert str(written[0]) in ringfence("sip", "export", "--pbx", pbx, *where)


def test_what_can_not_be_exported_is_refused(ringfence: CommandLine, phone: PhoneThere, tmp_path: Path) -> None:
    where = ["--site", phone.site, "--to", str(tmp_path)]
    ringfence.refused(3, "sip", "export", "--pbx", "kamailio", *where)  # its hashes need a realm
    assert ringfence.run("sip", "export", "--pbx", "nothing", *where).status == 2
    ringfence.refused(4, "sip", "export", "--pbx", "asterisk", "--site", "nowhere", "--to", str(tmp_path))
    (tmp_path / "file").touch()
    ringfence.refused(7, "sip", "export", "--pbx", "asterisk", "--site", phone.site, "--to", str(tmp_path / "file"))
