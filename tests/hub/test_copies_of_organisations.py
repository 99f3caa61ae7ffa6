"""Copies of a hub with two organisations: both come back, each with all that is its own, and neither with more."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyrage
import pytest
from sqlalchemy import Connection, create_engine, select

from ringfence.hub import within
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.fleet import audit, doubts, drafts, lines, sessions
from ringfence.hub.fleet.drafts import DraftReader
from ringfence.hub.process import moving, renewal
from ringfence.hub.publishing import publish
from ringfence.hub.recovery import backup, restore
from ringfence.hub.recovery.restore import Restored
from ringfence.hub.recovery.sealed_file import Lock, Opener
from ringfence.hub.store.base import Base
from ringfence.hub.store.models import SiteRow
from ringfence.hub.store.people_models import SessionRow
from ringfence.phones.mac import Mac
from ringfence.secret import Secret
from support.running_hub import Json, RunningHub
from support.signing_in import person

IDENTITY = pyrage.x25519.Identity.generate()
LOCK, KEY = Lock(recipient=str(IDENTITY.to_public())), Opener(identity=Secret(str(IDENTITY)))
BOTH = ("main", "copied")
MACS = {"main": "00:1B:54:C2:BC:01", "copied": "00:1B:54:C2:BC:02"}
CHANGED_BY_A_RESTORE = {
    "api_token", "enrolment_token", "guard_window",  # they may have been revoked or used since: they end
    "person_session", "sign_in_link", "alert_notice",  # as well
    "audit", "last_number",  # the restore is an entry
    "site_standing", "restoration", "hub_memory", "site",  # what the hub is in doubt of
    "publication_lease", "edge",  # what is under way in the hub that goes on
}  # fmt: skip


class _Asking:
    """Somebody of one organisation."""

    def __init__(self, running: RunningHub, organisation: str) -> None:
        self._running, self._organisation = running, organisation

    def do(self, method: str, path: str, body: object = None, draft: str = "") -> Json:
        headers = {"Ringfence-Organisation": self._organisation} | ({"Ringfence-Draft": draft} if draft else {})
        answer = self._running.ask(method, path, body, headers=headers)
        assert answer.status < 300, answer.data
        return answer.json


def fill(running: RunningHub, organisation: str) -> None:
    """Give an organisation of everything one, under the same names in both."""
    asking, mac = _Asking(running, organisation), MACS[organisation]
    site = asking.do("POST", "/sites", {"name": "Office of both"})["id"]
    asking.do("POST", "/phones", {"mac": mac, "site": site, "model": "9971"})
    asking.do("PUT", f"/phones/{mac}/lines/1", {"name": "201", "password": f"Secret-of-{organisation}-1"})
    asking.do("PUT", f"/settings/sites/{site}/sip_server", {"value": "192.0.2.20"})
    asking.do("POST", "/groups", {"name": "Reception"})
    asking.do("POST", "/phone-books", {"name": "Customers", "source": "table"})
    asking.do("PUT", "/phone-books/customers/entries", {"entries": [{"name": f"Of {organisation}", "number": "1"}]})
    asking.do("POST", "/publish", {"sites": [site]})
    asking.do("PUT", f"/settings/sites/{site}/sip_server", {"value": "192.0.2.21"})
    asking.do("POST", "/rollouts", {"name": "Under way", "sites": [site], "hours": "03:00-03:01"})
    draft = asking.do("POST", "/drafts", {"name": "Later", "shared": True})["id"]
    asking.do("PUT", f"/phones/{mac}/lines/1", {"label": f"Draft of {organisation}"}, draft=draft)
    hub = within.organisation(running.hub, organisation)
    row = person(hub, f"anna@{organisation}.example.org")
    with hub.change("test") as change:
        sessions.start(change, row, address="192.0.2.1", agent="Test")


@pytest.fixture(scope="module")
def filled(running: RunningHub) -> RunningHub:
    running.do("POST", "/organisations", {"id": "copied", "name": "Copied Ltd"})
    for organisation in BOTH:
        fill(running, organisation)
    running.do("PATCH", "/organisations/copied/limits", {"phones": 7})
    return running


@pytest.fixture
def restored(filled: RunningHub, tmp_path: Path) -> Iterator[tuple[Hub, Restored]]:
    with filled.clock.stopped():
        made = backup.make(filled.folder, tmp_path / "hub.backup", LOCK)
    done = restore.restore(made.file, tmp_path / "restored", KEY)
    with closing(open_hub(DataFolder(tmp_path / "restored"))) as hub:
        yield hub, done


def rows(connection: Connection, table: Any, organisation: str) -> list[str]:  # noqa: ANN401 - tables of any kind
    found = connection.execute(table.select().where(table.c.organisation_id == organisation))
    return sorted(repr(tuple(row)) for row in found)


def test_every_row_of_both_organisations_is_in_the_restored_hub(
    filled: RunningHub, restored: tuple[Hub, Restored]
) -> None:
    opened, _done = restored
    assert opened.folder is not None
    before = create_engine(filled.folder.database_url(filled.folder.config()))
    after = create_engine(opened.folder.database_url(opened.config))
    compared = set()
    with before.connect() as was, after.connect() as now:
        for table in Base.metadata.sorted_tables:
            if "organisation_id" not in table.c or table.name in CHANGED_BY_A_RESTORE:
                continue
            for organisation in BOTH:
                there = rows(was, table, organisation)
                assert rows(now, table, organisation) == there, (table.name, organisation)
                compared |= {table.name} if there else set()
        sites = Base.metadata.tables["site"]
        chosen = select(sites.c.organisation_id, sites.c.id, sites.c.name).order_by(sites.c.id)
        assert now.execute(chosen).all() == was.execute(chosen).all()
    assert compared >= {
        "phone", "line", "site_setting", "phone_group", "phone_book", "phone_book_entry", "release", "release_target",
        "role_metadata", "draft", "draft_edit", "rollout", "rollout_site", "person",
    }  # fmt: skip
    for engine in (before, after):
        engine.dispose()


def test_each_organisation_opens_its_own_secrets_and_goes_on(restored: tuple[Hub, Restored]) -> None:
    opened, _done = restored
    for organisation in BOTH:
        hub = within.organisation(opened, organisation)
        with hub.change("test") as change:
            mac = Mac.parse(MACS[organisation])
            assert lines.reveal(change, hub.sealer, mac, 1).reveal() == f"Secret-of-{organisation}-1"
            site = "office-of-both" if organisation == "main" else "copied.office-of-both"
            (draft,) = drafts.find(change.session, DraftReader("", sees_all=True))
            (edit,) = drafts.edits(change.session, draft.id)
            assert f"Draft of {organisation}" in drafts.body_of(edit, hub.sealer).decode()
            doubts.end(change, site)
        other = within.organisation(opened, next(each for each in BOTH if each != organisation))
        with pytest.raises(SealBroken), hub.database.reading() as session:
            drafts.body_of(drafts.edits(session, draft.id)[0], other.sealer)
        publish.rollback(hub, "test", site, 1)
        with hub.database.reading() as session:
            assert audit.verify(session).broken is None, organisation


def test_sessions_end_and_tokens_too_unless_they_are_kept(
    filled: RunningHub, restored: tuple[Hub, Restored], tmp_path: Path
) -> None:
    opened, done = restored
    assert done.ended_tokens >= 1
    with within.everywhere(opened).database.reading() as session:
        assert session.scalars(select(SessionRow)).all() == []
    token = filled.ask(
        "POST", "/api-tokens", {"name": "kept", "role": "owner"}, headers={"Ringfence-Organisation": "copied"}
    ).json["token"]
    filled.do("PATCH", "/organisations/main/limits", {"tokens": 0})
    made = backup.make(filled.folder, tmp_path / "second.backup", LOCK)
    filled.do("PATCH", "/organisations/main/limits", {"tokens": None})
    kept = restore.restore(made.file, tmp_path / "kept", KEY, keep_tokens=True)
    assert kept.ended_tokens == 0
    assert filled.ask("GET", "/sites", token=token).json["items"][0]["id"] == "copied.office-of-both"


def test_a_restored_hub_that_moves_tells_it_the_edges_of_both(restored: tuple[Hub, Restored]) -> None:
    opened, _done = restored
    assert opened.folder is not None
    moving.add_address(opened.folder, "https://hub.example.net:9444")
    with closing(open_hub(opened.folder)) as moved:
        assert "https://hub.example.net:9444" in moved.endpoints.urls
        for hub in within.each(moved):
            if hub.organisation_id in BOTH:
                assert renewal.renew_metadata(hub) > 0, "its sites' roots say where the hub is"
            with hub.database.reading() as session:
                digests = set(session.scalars(select(SiteRow.endpoints_digest)))
                assert digests <= {moved.endpoints.digest}
                assert audit.verify(session).broken is None
