"""``ringfence sip export``."""

import os
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


def test_a_file_that_is_written_again_keeps_its_owner_and_mode(
    ringfence: CommandLine, phone: PhoneThere, tmp_path: Path
) -> None:
    where = ["sip", "export", "--pbx", "asterisk", "--site", phone.site, "--to", str(tmp_path)]
    path = tmp_path / "pjsip_ringfence.conf"
    path.write_text("old")
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 4711, 4712)
    owner = (path.stat().st_uid, path.stat().st_gid)
    assert "#tryinclude pjsip_ringfence.conf" in ringfence(*where)
    assert "[201]" in path.read_text()
    assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid, path.stat().st_gid) == (0o640, *owner)


@pytest.mark.needs("root")
def test_a_new_file_of_root_belongs_to_whose_folder_it_is_in(
    ringfence: CommandLine, phone: PhoneThere, tmp_path: Path
) -> None:
    where = ["--site", phone.site, "--to", str(tmp_path)]
    assert "Only root can read" in ringfence("sip", "export", "--pbx", "asterisk", *where)
    os.chown(tmp_path, 4711, 4712)
    (tmp_path / "pjsip_ringfence.conf").unlink()
    assert "Only root can read" not in ringfence("sip", "export", "--pbx", "asterisk", *where)
    ringfence("sip", "export", "--pbx", "freeswitch", *where)
    for name in ("pjsip_ringfence.conf", "directory", "directory/ringfence", "directory/ringfence/201.xml"):
        found = (tmp_path / name).stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode) & 0o077) == (4711, 4712, 0), name


def test_what_the_phone_is_set_to_is_what_its_endpoint_has(
    ringfence: CommandLine, phone: PhoneThere, tmp_path: Path
) -> None:
    ringfence("set", "phone", phone.mac, "preferred_codec=g711alaw", "voicemail_number=*97", "sip_transport=tcp")
    where = ["--site", phone.site, "--to", str(tmp_path), "--context", "from-internal"]
    ringfence("sip", "export", "--pbx", "asterisk", *where)
    text = (tmp_path / "pjsip_ringfence.conf").read_text()
    for line in ("allow = alaw,g722,ulaw", "mailboxes = 201@default", "rewrite_contact = yes", "force_rport = no"):
        assert line in text
    ringfence("sip", "export", "--pbx", "freeswitch", *where)
    assert 'value="from-internal"' in (tmp_path / "directory/ringfence/201.xml").read_text()
