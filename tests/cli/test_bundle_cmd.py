"""``ringfence bundle``."""

from itertools import count
from pathlib import Path
from unittest import mock

import pytest
import typer

from support.command_line import CommandLine
from support.portable_home import new_identity, refused
from support.running_hub import RunningHub

_numbers = count(0x001B54C2D401)
_IDENTITY, LOCK, IDENTITY_TEXT = new_identity()


@pytest.fixture
def home(hub: RunningHub) -> str:
    mac = f"{next(_numbers):012X}"
    site = hub.site(f"Home {mac}")
    hub.phone(site, mac)
    hub.publish(sites=[site])
    return mac


def test_a_bundle_is_made_inspected_renewed_listed_and_revoked(
    hub: RunningHub, ringfence: CommandLine, home: str, tmp_path: Path
) -> None:
    out, again, key = tmp_path / "anna.rfb", tmp_path / "again.rfb", tmp_path / "key.txt"
    key.write_text(IDENTITY_TEXT)
    row = ringfence.ask("bundle", "make", home, "--out", str(out), "--recipient", LOCK.recipient, "--name", "Anna")
    assert row["number"] == 1
    assert row["passphrase"] is None
    said = ringfence("bundle", "inspect", str(out), "--identity", str(key))
    assert f"number 1, with release 1 of {row['site']}" in said
    assert f"SEP{home}.cnf.xml" in said
    hub_key = hub.do("GET", "/bundles/key")["signing_key"]
    told = ringfence.ask("bundle", "inspect", str(out), "--identity", str(key), "--key", hub_key)
    assert told["bundle"] == row["id"]
    assert "bytes" in ringfence("bundle", "renew", row["id"], "--out", str(again))
    ringfence.refused(5, "bundle", "renew", row["id"], "--out", str(again))
    assert row["id"] in ringfence("bundle", "list", "--site", row["site"])
    ringfence.refused(3, "bundle", "revoke", row["id"])
    assert "revoked" in ringfence("bundle", "revoke", row["id"], "--yes")
    ringfence.refused(5, "bundle", "renew", row["id"], "--out", str(tmp_path / "late.rfb"))
    assert not (tmp_path / "late.rfb").exists()
    ringfence.refused(8, "bundle", "inspect", str(out), "--identity", str(key), "--key", "00" * 32)
    ringfence.refused(3, "bundle", "inspect", str(out), "--identity", str(key), "--key", "nothing")
    ringfence.refused(3, "bundle", "make", "nowhere", "--out", str(tmp_path / "x.rfb"), "--recipient", "age1x")
    assert not (tmp_path / "x.rfb").exists()


@pytest.mark.slow
def test_a_new_passphrase_is_printed_once_and_opens_it_at_home(
    ringfence: CommandLine, home: str, tmp_path: Path
) -> None:
    out, program, file = tmp_path / "anna.rfb", tmp_path / "ringfence-portable.pyz", tmp_path / "passphrase"
    with mock.patch.object(typer, "prompt", return_value=""):
        said = ringfence("bundle", "make", home, "--out", str(out))
    lines = [line.strip() for line in said.splitlines()]
    passphrase = next(line for line in lines if len(line) == 24 and line.count("-") == 4)
    assert any(line.startswith("rfd_") for line in lines)
    file.write_text(passphrase + "\n")
    assert "python3 ringfence-portable.pyz" in ringfence("bundle", "portable", "--out", str(program))
    status, shown = refused(program, str(out), "--passphrase-file", str(file), "--inspect", home=tmp_path / "home")
    assert (status, f"SEP{home}.cnf.xml" in shown) == (0, True)
    assert "good until" in ringfence("bundle", "inspect", str(out), "--passphrase-file", str(file))


def test_a_typed_passphrase_is_typed_twice(ringfence: CommandLine, home: str, tmp_path: Path) -> None:
    answers = ["correct horse battery", "correct horse batterY"]
    with mock.patch.object(typer, "prompt", side_effect=answers):
        ringfence.refused(3, "bundle", "make", home, "--out", str(tmp_path / "anna.rfb"))
    (file := tmp_path / "short").write_text("short\n")
    refusal = ringfence.refused(
        3, "bundle", "make", home, "--out", str(tmp_path / "b.rfb"), "--passphrase-file", str(file)
    )
    assert "at least 12 characters" in refusal
    assert not list(tmp_path.glob("*.rfb"))
    ended = ringfence.run("bundle", "make", home, "--out", str(tmp_path / "c.rfb"), "--passphrase-file", "nothing")
    assert ended.status == 2


def test_there_are_none_at_first(hub: RunningHub, ringfence: CommandLine) -> None:
    site = hub.site("A home without bundles")
    assert "No portable bundles" in ringfence("bundle", "list", "--site", site)
