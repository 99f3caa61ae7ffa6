"""An edge and a gateway that were wiped by revocation are whole again with a new token, with nothing of the old."""

import threading
from pathlib import Path

import pytest

from ringfence.edge.agent.agent import Agent
from ringfence.edge.agent.enrolment import enrol
from ringfence.edge.errors import AlreadyEnrolled, HubRefused
from ringfence.edge.gateway.site_folders import SITES, join, site_folder
from ringfence.edge.phones.site_worker import OwnWorker
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.wire.messages import ReportKind
from stack import wait_for
from support.running_hub import RunningHub


class AtWork:
    """An agent at work on a folder."""

    def __init__(self, folder: EdgeFolder) -> None:
        self.agent = Agent(folder, OwnWorker([("127.0.0.1", 0)]), lambda _level, _text: None)
        self.thread = threading.Thread(target=self.agent.run)
        self.thread.start()

    def stop(self) -> None:
        self.agent.stop()
        self.thread.join(120)
        assert not self.thread.is_alive()


def token(running: RunningHub, site: str) -> str:
    return str(running.do("POST", f"/sites/{site}/tokens")["token"])


def started(running: RunningHub, edge: str) -> int:
    rows = running.do("GET", "/reports")["items"]
    return sum(row["edge"] == edge and row["kind"] == ReportKind.AGENT_STARTED for row in rows)


def test_an_edge_that_wiped_itself_is_enrolled_again(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Wiped edge")
    folder = EdgeFolder(tmp_path / "edge", Disk())
    old = enrol(folder, token(running, site))
    work = AtWork(folder)
    wait_for("its first report", lambda: started(running, old.edge_id))
    running.do("POST", f"/edges/{old.edge_id}/revoke", {"wipe": True})
    work.thread.join(120)
    assert not work.thread.is_alive()
    assert {path.name for path in folder.path.rglob("*")} == {"lock"}
    (folder.reports).mkdir()
    (folder.reports / "acknowledged").write_text("77")  # what an older version's wipe may have left
    new = enrol(folder, token(running, site))
    assert new.edge_id != old.edge_id
    work = AtWork(folder)
    wait_for("the new one's first report", lambda: started(running, new.edge_id))
    work.stop()


def test_a_gateway_is_enrolled_again_at_a_site_whose_folder_was_wiped(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Wiped gateway")
    old = join(tmp_path, token(running, site))
    with pytest.raises(AlreadyEnrolled) as refused:
        join(tmp_path, token(running, site))
    assert old.edge_id not in str(refused.value)
    assert site_folder(tmp_path, site).enrolment() == old
    site_folder(tmp_path, site).wipe()
    new = join(tmp_path, token(running, site))
    assert new.edge_id != old.edge_id
    assert site_folder(tmp_path, site).enrolment() == new
    assert [path.name for path in (tmp_path / SITES).iterdir()] == [site]


def test_a_refused_token_leaves_nothing_of_a_gateways_site(running: RunningHub, tmp_path: Path) -> None:
    used = token(running, running.site("Used at a gateway"))
    enrol(EdgeFolder(tmp_path / "edge", Disk()), used)
    with pytest.raises(HubRefused, match="ringfence site token"):
        join(tmp_path / "gateway", used)
    assert list((tmp_path / "gateway" / SITES).iterdir()) == []
