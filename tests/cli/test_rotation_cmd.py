"""``ringfence sip rotate``; a rotation to its end is in tests/whole."""

import pytest

from cli.conftest import PhoneThere
from ringfence.hub.store.pbx_models import RotationRow
from ringfence.phones.mac import Mac
from support.asterisk_manager import running_manager
from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_secrets_change_with_a_pbx_only(ringfence: CommandLine, phone: PhoneThere) -> None:
    ringfence.refused(5, "sip", "rotate", phone.mac, "--no-wait")  # it has edits that were not published
    ringfence("publish", phone.site)
    ringfence.refused(4, "sip", "rotate", phone.mac, "--no-wait")
    ringfence.refused(4, "sip", "rotate", "nowhere", "--no-wait")
    assert ringfence.run("sip", "rotate", phone.mac, "--patience", "0").status == 2
    assert phone.mac not in {row["mac"] for row in ringfence.ask("sip", "rotations")}
    assert ringfence("sip", "rotations")


def test_what_waits_for_its_pbx_is_shown(
    ringfence: CommandLine, hub: RunningHub, phone: PhoneThere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.hub.config, "pbx_networks", ("127.0.0.0/8",))
    ringfence("set", "phone", phone.mac, "sip_server=waits.example.org")
    ringfence("publish", phone.site)
    with running_manager(file=[("201", {"type": "endpoint", "aors": "201", "auth": "auth-201"})]) as pbx:
        url = f"ami://127.0.0.1:{pbx.port}"
        ringfence("pbx", "add", "waits", "--kind", "asterisk", "--url", url, "--realm", "asterisk",
                  "--sip-server", "waits.example.org")  # fmt: skip
        began = ringfence("sip", "rotate", phone.mac, "--no-wait")
        assert "waiting for the phone to fetch its new file" in began
        pbx.is_away = True
        with hub.hub.change("patience at its end") as change:
            change.session.get_one(RotationRow, Mac.parse(phone.mac).bare).until = change.now
        words = ringfence.run("sip", "rotations")
        while "not done yet" not in words.out:
            words = ringfence.run("sip", "rotations")
        assert "the old secret is put back; waiting for the PBX" in " ".join(words.out.split())
        ringfence("pbx", "remove", "--yes", "waits")
