"""Copies of a hub and going on from them: what is in one, what is refused, and what edges tell a restored hub."""

import itertools
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyrage
import pytest
from sqlalchemy import select

from ringfence.hub.core import open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data_errors import BackupUnwritable, BadBackup, BadPassphrase, DataFolderTaken
from ringfence.hub.fleet import alert_channels, sessions, sites
from ringfence.hub.fleet.alert_channels import ChannelParts
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.recovery import backup, restore, sealed_file
from ringfence.hub.recovery.sealed_file import Lock, Opener
from ringfence.hub.store.guard_models import AlertNoticeRow
from ringfence.secret import Secret
from support import chosen_database
from support.command_line import CommandLine
from support.running_hub import RunningHub
from support.signing_in import link, person

NOBODY = 65_534

IDENTITY = pyrage.x25519.Identity.generate()
LOCK, KEY = Lock(recipient=str(IDENTITY.to_public())), Opener(identity=Secret(str(IDENTITY)))


MACS = (f"00:1B:54:C2:B7:{number:02X}" for number in itertools.count())


@pytest.fixture
def copied(running: RunningHub, tmp_path: Path) -> Path:
    site = running.site(f"Copied {tmp_path.name}"[:80])
    running.phone(site, next(MACS))
    running.publish(sites=[site])
    row = person(running.hub, tmp_path.name[:80], "read")
    link(running.hub, row)
    with running.hub.change("test") as change:
        sessions.start(change, row, address="192.0.2.1", agent="Test")
    return backup.make(running.folder, tmp_path / "hub.backup", LOCK).file


def test_a_copy_of_a_running_hub_restores_to_the_same_fleet(running: RunningHub, copied: Path, tmp_path: Path) -> None:
    done = restore.restore(copied, tmp_path / "restored", KEY)
    assert done.manifest.missing == ()
    for name in ("authority.pem", "keys/authority.key", "keys/sealing.key", "keys/metadata-root.key"):
        assert (tmp_path / "restored" / name).read_bytes() == (running.folder.path / name).read_bytes()
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "restored").rglob("*") if path.is_file()} == {0o600}
    with closing(sqlite3.connect(tmp_path / "restored" / "hub.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM phone").fetchone() == (
            len(running.do("GET", "/phones")["items"]),
        )
    assert running.ask("GET", "/sites").status == 200, "the hub went on meanwhile"


def test_nothing_readable_is_in_the_file(copied: Path) -> None:
    data = copied.read_bytes()
    assert b"PRIVATE KEY" not in data
    assert b"SQLite" not in data
    assert copied.stat().st_mode & 0o777 == 0o600


def test_a_copy_for_a_recipient_opens_with_its_identity_alone(
    copied: Path, tmp_path: Path, running: RunningHub
) -> None:
    assert restore.check(copied, KEY).blobs > 0
    for wrong in (Opener(Secret("a passphrase")), Opener(identity=Secret(str(pyrage.x25519.Identity.generate())))):
        with pytest.raises(BadPassphrase):
            restore.restore(copied, tmp_path / "new", wrong)
    assert [path.name for path in tmp_path.iterdir()] == [copied.name]
    with pytest.raises(BadPassphrase):
        backup.make(running.folder, tmp_path, Lock(recipient="ssh-ed25519 AAAA"))


@pytest.mark.slow  # a passphrase is made expensive to guess, so it is expensive to use
def test_a_copy_with_a_passphrase_opens_with_that_alone(running: RunningHub, tmp_path: Path) -> None:
    made = backup.make(running.folder, tmp_path, Lock(Secret("a long passphrase for tests")))
    assert made.file.name.startswith("ringfence-hub-20")
    assert restore.check(made.file, Opener(Secret("a long passphrase for tests"))) == made.manifest
    with pytest.raises(BadPassphrase):
        restore.restore(made.file, tmp_path / "new", Opener(Secret("another one, as long")))
    with pytest.raises(BadPassphrase):
        restore.check(made.file, KEY)


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def flip(data: bytes) -> bytes:
    at = len(data) * 2 // 3
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("harm", [cut, flip, lambda _data: b"", lambda data: data[1:], lambda data: data[:30]])
def test_a_damaged_copy_is_refused_and_leaves_nothing(
    copied: Path, tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(harm(copied.read_bytes()))
    with pytest.raises((BadBackup, BadPassphrase)):
        restore.restore(damaged, tmp_path / "new", KEY)
    with pytest.raises((BadBackup, BadPassphrase)):
        restore.check(damaged, KEY)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([copied.name, damaged.name])


@pytest.mark.parametrize("name", ["../escaped", "/etc/escaped", "keys/../../escaped", "blobs/escaped", "keys/"])
def test_a_copy_with_something_else_inside_is_refused(tmp_path: Path, name: str) -> None:
    made = tmp_path / "odd.backup"
    with made.open("wb") as out, sealed_file.writing(out, LOCK) as plain, tarfile.open(fileobj=plain, mode="w|") as tar:
        manifest = b'{"form": 1, "made_at": 1, "version": "1", "name": "x", "address": "x", "blobs": 0}'
        backup._add(tar, backup.MANIFEST, manifest, 1.0)
        backup._add(tar, name, b"x", 1.0)
    with pytest.raises(BadBackup, match="what none holds" if name != "keys/" else "lacks|none holds"):
        restore.restore(made, tmp_path / "new", KEY)
    assert [path.name for path in tmp_path.iterdir()] == ["odd.backup"]


def test_nothing_that_is_there_is_overwritten(running: RunningHub, copied: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupUnwritable):
        backup.make(running.folder, copied, LOCK)
    with pytest.raises(DataFolderTaken):
        restore.restore(copied, tmp_path, KEY)


def test_what_may_have_been_used_or_revoked_since_the_copy_ends(
    running: RunningHub, copied: Path, tmp_path: Path
) -> None:
    done = restore.restore(copied, tmp_path / "restored", KEY)
    assert done.ended_tokens >= 1
    with closing(sqlite3.connect(tmp_path / "restored" / "hub.sqlite")) as database:
        valid = database.execute("SELECT name FROM api_token WHERE revoked_at IS NULL").fetchall()
        assert valid == [(restore.TOKEN_NAME,)]
        open_ones = "SELECT count(*) FROM enrolment_token WHERE used_at IS NULL AND revoked_at IS NULL"
        assert database.execute(open_ones).fetchone() == (0,)
        for table, left in (("person_session", False), ("sign_in_link", False), ("person", True)):
            assert (database.execute(f"SELECT count(*) FROM {table}").fetchone() != (0,)) is left  # noqa: S608 - the test's names
        (action,) = database.execute("SELECT action FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    assert action == "hub.restore"
    assert running.ask("GET", "/sites").status == 200
    kept = restore.restore(copied, tmp_path / "kept", KEY, keep_tokens=True)
    assert kept.ended_tokens == 0


def test_old_copies_are_thinned_out_by_their_names(tmp_path: Path) -> None:
    for day in range(1, 6):
        (tmp_path / f"ringfence-hub-2026010{day}-000000.backup").touch()
    (tmp_path / "other.backup").touch()
    backup.thin_out(tmp_path, 2)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["other.backup", "ringfence-hub-20260104-000000.backup", "ringfence-hub-20260105-000000.backup"]


def test_a_restore_opens_the_copys_database_whatever_the_environment_names(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "in-use.sqlite"
    monkeypatch.setenv("RINGFENCE_HUB_DATABASE_URL", f"sqlite:///{other}")
    restore.restore(copied, tmp_path / "restored", KEY)
    assert not other.exists()
    assert 'database_url = ""' in (tmp_path / "restored" / "hub.toml").read_text()


@pytest.mark.needs("root")
def test_what_root_does_in_a_hubs_folder_stays_its_owners(made_hub: tuple[Path, Secret], tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as space:  # which its owner can reach, unlike root's own
        Path(space).chmod(0o755)
        folder = Path(space) / "hub"
        chosen_database.copied(made_hub[0], folder)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        said = CommandLine({})("hub", "token", str(folder))
        backup.make(DataFolder(folder), tmp_path / "copy", LOCK)
        assert "rft_" in said
        assert {path.stat().st_uid for path in (folder, *folder.rglob("*"))} == {NOBODY}
    assert os.geteuid() == 0


def test_what_waited_to_be_told_in_the_copy_is_not_told_again(tmp_path: Path, made_hub: tuple[Path, Secret]) -> None:
    chosen_database.copied(made_hub[0], tmp_path / "hub")
    folder = DataFolder(tmp_path / "hub")
    with closing(open_hub(folder)) as hub, hub.change("test") as change:
        site = sites.create(change, hub.signers, "Anna").id
        alert_channels.add(change, hub.sealer, "noc", ChannelParts(alert_channels.WEBHOOK, "https://a.example.org"))
        alerts.raise_alert(change, site, alerts.EDGE_AWAY, "edge-1", "It is away.")
    made = backup.make(folder, tmp_path / "copy", LOCK)
    restore.restore(made.file, tmp_path / "restored", KEY)
    with closing(open_hub(DataFolder(tmp_path / "restored"))) as hub, hub.database.reading() as session:
        assert session.scalars(select(AlertNoticeRow)).all() == []
        assert [row.id for row in alert_channels.find(session)] == ["noc"]
