"""The alert of a hub that nobody copies."""

from contextlib import closing
from pathlib import Path

import pytest

from ringfence.hub import within
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data import backup_note
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.fleet import alert_channels, backup_alerts, organisations
from ringfence.hub.fleet.alert_channels import ChannelParts
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.recovery import backup, restore
from ringfence.hub.recovery.sealed_file import Lock, Opener
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import AlertNoticeRow
from ringfence.hub.store.pages import Page
from ringfence.secret import Secret
from support.called_app import CalledApp
from support.chosen_database import copied

DAY_S = 86_400.0


def open_alerts(hub: Hub) -> list[str]:
    """Look, and return what is said then."""
    backup_alerts.look(hub)
    with hub.database.reading() as session:
        return [row.sentence for row in alerts.find(session, Page(10), site_id=None).rows]


def folder_of(hub: Hub) -> DataFolder:
    assert hub.folder is not None
    return hub.folder


def later(hub: Hub, seconds: float) -> None:
    hub.clock.ahead_s += seconds  # type: ignore[attr-defined] # a test's clock


def test_a_hub_that_was_never_copied_is_told_after_a_day_until_it_is(idle: Hub) -> None:
    assert open_alerts(idle) == []
    later(idle, DAY_S + 60)
    (said,) = open_alerts(idle)
    assert said.startswith("No copy of the hub is known.")
    assert len(open_alerts(idle)) == 1
    backup_note.write(folder_of(idle), idle.clock())
    assert open_alerts(idle) == []


def test_an_old_copy_is_told_with_its_age(idle: Hub) -> None:
    backup_note.write(folder_of(idle), idle.clock())
    later(idle, 7 * DAY_S - 60)
    assert open_alerts(idle) == []
    later(idle, 120)
    assert "is 7 days old" in open_alerts(idle)[0]
    later(idle, 2 * DAY_S)
    (said,) = open_alerts(idle)
    assert "is 9 days old" in said


@pytest.mark.parametrize(("days", "told_after"), [(0, None), (1, 1), (30, 30)])
def test_the_configuration_says_after_how_long(idle: Hub, days: int, told_after: int | None) -> None:
    idle.config = idle.config.changed(backup_alert_days=days)
    backup_note.write(folder_of(idle), idle.clock())
    later(idle, 60)
    for day in range(40):
        assert bool(open_alerts(idle)) == (told_after is not None and day >= told_after), day
        later(idle, DAY_S)


def test_a_note_that_can_not_be_read_is_none(idle: Hub) -> None:
    for text in ("", "[]", '{"made_at": null}', '{"made_at": "x"}', "\ud800"):
        (folder_of(idle).path / "backup.json").write_bytes(text.encode(errors="replace"))
        assert backup_note.read(folder_of(idle)) is None
    later(idle, 2 * DAY_S)
    assert len(open_alerts(idle)) == 1


def test_it_is_for_those_alone_who_run_the_hub_and_for_channels_of_no_site(idle: Hub) -> None:
    with within.everywhere(idle).database.writing() as session:
        organisations.create(Change(session, "test", idle.clock()), "other", "Other")
    with idle.change("test") as change:
        for name, kinds in (("all", []), ("some", ["edge-away"])):
            parts = ChannelParts(
                "webhook", "https://alerts.example.org/x", [], "", "", Secret(""), kinds, None, (), "", ""
            )
            alert_channels.add(change, idle.sealer, name, parts)
    later(idle, 2 * DAY_S)
    assert len(open_alerts(idle)) == 1
    with idle.database.reading() as session:
        (notice,) = session.query(AlertNoticeRow).all()
        assert notice.channel_id == "all"
        assert '"site": ""' in notice.body
    other = within.organisation(idle, "other")
    with other.database.reading() as session:
        assert alerts.find(session, Page(10), site_id=None).rows == []


def test_it_is_listed_closed_and_measured(made_hub: tuple[Path, Secret], tmp_path: Path) -> None:
    folder = DataFolder(copied(made_hub[0], tmp_path / "hub"))
    with closing(open_hub(folder)) as hub:
        app, now = CalledApp(hub, made_hub[1]), hub.clock()
        assert b"ringfence_backup_timestamp_seconds" not in app.ask("GET", "/metrics").data
        hub.clock = lambda: now + 2 * DAY_S
        backup_alerts.look(hub)
        (row,) = app.ask("GET", "/api/v1/guard/alerts").json["items"]
        assert (row["kind"], row["site"], row["subject"]) == ("backup-old", None, "hub")
        assert b'ringfence_guard_alerts_open{kind="backup-old",site=""} 1.0' in app.ask("GET", "/metrics").data
        assert app.ask("POST", f"/api/v1/guard/alerts/{row['id']}/close").status == 200
        backup_note.write(folder, now)
        measured = app.ask("GET", "/metrics").data
        assert b"ringfence_backup_timestamp_seconds" in measured


def test_a_restored_hub_counts_from_its_copy(made_hub: tuple[Path, Secret], tmp_path: Path) -> None:
    folder = DataFolder(copied(made_hub[0], tmp_path / "hub"))
    passphrase = Secret("correct horse battery staple")
    made = backup.make(folder, tmp_path / "copy.backup", Lock(passphrase, ""))
    restore.restore(made.file, tmp_path / "again", Opener(passphrase))
    assert backup_note.read(DataFolder(tmp_path / "again")) == made.manifest.made_at
